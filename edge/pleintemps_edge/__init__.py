"""The agent: one process on one Raspberry Pi that makes its doors work alone."""

__version__ = "0.1.0"
