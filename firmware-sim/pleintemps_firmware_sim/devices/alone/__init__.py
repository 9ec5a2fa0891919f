"""Devices alone: what ``pleintemps-sim device`` offers of each, one module and one registration per kind."""
