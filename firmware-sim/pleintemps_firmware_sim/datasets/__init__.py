"""Recorded rooms: readers of public data sets, and the bookings that a town could have had for them."""
