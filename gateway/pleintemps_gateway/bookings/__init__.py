"""Bookings: their sources, the doors on their way, their life."""
