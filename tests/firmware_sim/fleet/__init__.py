"""The fleet of light agents."""
