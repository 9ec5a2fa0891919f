"""Codes: drawn, kept so that nobody can read them back, put on the doors of a booking's way."""
