"""Presence that no booking explains, and how many people are known to have come."""
