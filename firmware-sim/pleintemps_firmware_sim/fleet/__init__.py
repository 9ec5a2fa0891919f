"""Thousands of light agents that load a gateway in the words of the contract, and count what became of it."""
