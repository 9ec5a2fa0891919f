"""What agent, gateway and simulator agree on: topics, messages, envelope, identifiers, units, World."""

__version__ = "0.1.0"
