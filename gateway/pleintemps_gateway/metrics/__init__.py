"""Figures for Prometheus, read from the store when it asks."""
