"""The door that benchmarks open, as an agent's configuration says it."""

from typing import Final

STRIKE_TOML: Final = """
[[devices]]
device = "strike"
driver = "strike"
pin = {strike}
energise = "high"
wiring = "energise-to-unlock"
[[doors]]
door = "hall"
from = "street"
to = "hall"
lock = "strike"
"""
"""``strike`` is the pin; what more is said of the door follows."""
