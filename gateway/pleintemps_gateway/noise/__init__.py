"""Sliding equivalent levels, quiet hours and limits."""
