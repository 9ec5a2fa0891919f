"""When one agent's doors stand open by themselves: the site's free openings as schedules."""

import hashlib
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import msgspec

from pleintemps_contract.gateway_messages import FreeOpening, Schedule
from pleintemps_gateway.access.weeks import IsClosed, WeekRule, windows
from pleintemps_gateway.config import FreeOpeningConfig, SiteConfig

from .shelf import MAX_THINGS


class OpeningBook:
    """Free openings of one agent; ``pages`` never change, their schedules do each week."""

    def __init__(self, site: SiteConfig, agent: str) -> None:
        own = {door.door for door in site.doors if door.agent == agent}
        self._zone = ZoneInfo(site.zone)
        self._rules = {_name(each): each for each in site.free_openings if each.door in own}
        openings = [
            FreeOpening(door=each.door, schedule=_name(each), first_person=each.first_person)
            for each in site.free_openings
            if each.door in own
        ]
        self.pages = [openings[at : at + MAX_THINGS] for at in range(0, len(openings), MAX_THINGS)]

    def schedules(self, now: int, is_closed: IsClosed) -> Mapping[str, Schedule]:
        """The schedules that ``pages`` name; no day that ``is_closed`` has a free opening."""
        return {
            name: Schedule(schedule=name, windows=windows(rule, self._zone, now, is_closed))
            for name, rule in self._rules.items()
        }


def _name(opening: FreeOpeningConfig) -> str:
    """Equal for doors that open at the same times."""
    rule = WeekRule(days=opening.days, from_=opening.from_, to=opening.to)
    return f"f-{hashlib.sha256(msgspec.json.encode(rule)).hexdigest()[:24]}"
