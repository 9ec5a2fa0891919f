"""The door that benchmarks open, as an agent's configuration says it."""

from typing import Final

STRIKE_TOML: Final = """
[[devices]]
device = "strike-{door}"
driver = "strike"
pin = {strike}
energise = "high"
wiring = "energise-to-unlock"
[[doors]]
door = "{door}"
from = "street"
to = "hall"
lock = "strike-{door}"
"""
"""``strike`` is the pin, ``door`` the name; what more is said of the door follows."""
