"""Kits with one thing changed, for tests that see it refused."""

import copy
import tomllib
from pathlib import Path
from typing import Any

from pleintemps_contract.configfile import convert
from pleintemps_hardware import kit
from pleintemps_hardware.kit import Profile

KEYS = {
    "parts": "part",
    "terminals": "terminal",
    "cables": "cable",
    "fuses": "fuse",
    "ports": "port",
    "locks": "lock",
}
"""The key that names an entry of each table."""


def table(name: str) -> dict[str, Any]:
    return tomllib.loads(kit.text(name))


def entry(found: dict[str, Any], where: str, name: str) -> dict[str, Any]:
    """The entry ``name`` of the table ``where``."""
    (one,) = (each for each in found[where] if each[KEYS[where]] == name)
    assert isinstance(one, dict)
    return one


def read(found: dict[str, Any]) -> Profile:
    return convert("kit", copy.deepcopy(found), Profile)


def good(name: str) -> Profile:
    return kit.load(name, Path())


def part_taken_out(found: dict[str, Any], name: str) -> None:
    """Without the part, its cables, and the terminals that then lead nowhere."""
    found["parts"] = [each for each in found["parts"] if each["part"] != name]
    found["cables"] = [each for each in found["cables"] if each["part"] != name]
    wired = {core["at"] for each in found["cables"] for core in each["cores"]}
    found["terminals"] = [each for each in found["terminals"] if each["terminal"] in wired]


def core_moved(found: dict[str, Any], cable: str, to: str, at: str, only: str = "") -> None:
    """The core of ``cable`` that ends at ``to`` begins at ``at`` instead."""
    cores = entry(found, "cables", cable)["cores"]
    (one,) = (core for core in cores if core["to"] == to and core.get("only", "") == only)
    one["at"] = at
