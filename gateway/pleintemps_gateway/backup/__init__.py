"""Back-ups: one folder each, the same from SQLite and PostgreSQL, and from the one to the other."""
