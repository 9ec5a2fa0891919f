"""Configurations of an agent on the reference kits."""
