"""Bookings beside what was measured."""
