"""When a recurring right counts: a row of ``rights`` as a schedule that doors know by name. Pure."""

import hashlib
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Row

from pleintemps_contract.gateway_messages import Window

from .weeks import WeekRule, clipped, windows


def rule_of(right: Row[Any]) -> WeekRule:
    """The rule of a row of ``rights``."""
    return msgspec.json.decode(right.rule, type=WeekRule)


def schedule_name(right: Row[Any]) -> str:
    """Equal for rights that count at the same times, for good."""
    rule = msgspec.json.encode(rule_of(right)).decode()
    text = f"{rule}\0{right.valid_from}\0{right.valid_until}"
    return f"r-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def windows_of_right(right: Row[Any], zone: ZoneInfo, now: int) -> list[Window]:
    """Its windows in this week and the seven after it."""
    return clipped(windows(rule_of(right), zone, now), right.valid_from, right.valid_until)
