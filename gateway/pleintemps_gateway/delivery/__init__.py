"""Telling people about their bookings: queued with what makes it true, sent beside everything else."""
