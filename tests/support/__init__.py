"""Fixtures and helpers shared by all tests. ``tests.conftest`` loads the fixtures."""
