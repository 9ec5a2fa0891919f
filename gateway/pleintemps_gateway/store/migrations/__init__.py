"""Numbered revisions of the schema, oldest first."""
