"""Tests of the whole house, one folder per room; shared helpers in ``tests.support``."""
