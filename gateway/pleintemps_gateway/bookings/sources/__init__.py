"""Where bookings come from, one file a source."""
