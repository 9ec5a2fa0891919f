"""Scenarios that come along, and the JSON Schema of their files."""
