"""The dashboards: structure, export, every query on a real database."""
