"""Drivers of devices: one file each, one registration each (``docs/drivers.md`` shows how to add one)."""
