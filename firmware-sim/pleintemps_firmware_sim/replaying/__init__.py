"""Recordings of real agents: read, played to another agent in virtual time, and compared."""
