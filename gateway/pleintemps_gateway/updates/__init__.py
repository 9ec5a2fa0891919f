"""Releases of the agents' program: canaries first, then waves, halted at the first ill agent."""
