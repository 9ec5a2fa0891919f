"""Booked, really used, free: what each hour of a space was, and sums by hour of week, date and space."""
