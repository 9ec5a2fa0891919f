"""The gateway: ingest and web, which reconcile bookings with what the agents measure."""
