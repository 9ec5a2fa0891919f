"""Board pin maps and hardware facts as package data."""
