"""Spaces, doors and agents as devices of Home Assistant; commands from it where a site allows them."""
