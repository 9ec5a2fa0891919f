"""Where and when a recurring right counts: a row of ``rights`` as doors and a named schedule. Pure."""

import hashlib
from typing import Any

import msgspec
from sqlalchemy import Row

from pleintemps_contract.gateway_messages import Window
from pleintemps_gateway.bookings.right_rules import RightRule
from pleintemps_gateway.bookings.site_calendar import SiteCalendar
from pleintemps_gateway.bookings.way import doors_on_way
from pleintemps_gateway.config import DoorConfig, SiteConfig

from .weeks import clipped, windows


def rule_of(right: Row[Any]) -> RightRule:
    """The rule of a row of ``rights``."""
    return msgspec.json.decode(right.rule, type=RightRule)


def schedule_name(right: Row[Any]) -> str:
    """Equal for rights that count at the same times, for good."""
    rule = msgspec.json.encode(rule_of(right)).decode()
    text = f"{rule}\0{right.valid_from}\0{right.valid_until}"
    return f"r-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def windows_of_right(right: Row[Any], calendar: SiteCalendar, now: int) -> list[Window]:
    """Its windows in this week and the seven after it."""
    rule = rule_of(right)
    times = windows(rule, calendar.zone, now, rule.closed_days(calendar))
    return clipped(times, right.valid_from, right.valid_until)


def doors_of(site: SiteConfig, right: Row[Any]) -> list[DoorConfig]:
    """Every door on the way to one of the spaces of a row of ``rights``."""
    spaces = msgspec.json.decode(right.spaces, type=list[str])
    ways = {door.door: door for space in spaces for door in doors_on_way(site.doors, space)}
    return list(ways.values())
