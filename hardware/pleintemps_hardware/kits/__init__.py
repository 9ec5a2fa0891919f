"""Profiles of the reference kits, one TOML file each."""
