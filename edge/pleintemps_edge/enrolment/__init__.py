"""How an agent gets its certificate, and the next one in time."""
