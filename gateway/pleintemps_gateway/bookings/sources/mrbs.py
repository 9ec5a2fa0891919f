"""Meeting Room Booking System: its report page as iCalendar.

``web/report.php?phase=2&output_format=2`` (mrbs-code; OUTPUT_ICAL = 2). The key needs
``$report_unauthenticated_get_enabled`` and ``$report_keys_enabled`` in MRBS, and the rooms
``$report_open_areas`` or ``$report_open_rooms``. Rooms arrive as LOCATION, "Area - Room" or the room alone.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlencode

from msgspec import Meta
from msgspec.structs import replace

from .base import Parsed, SourceConfig
from .ical import DAY_MS, IcalReader
from .registry import HORIZON_MS, source
from .secret import read_secret

_ICAL: Final = "2"
_ALL: Final = "2"


class MrbsConfig(SourceConfig, frozen=True, kw_only=True):
    """``url`` is the folder of MRBS (``https://town.example/mrbs``); ``area`` and ``room`` narrow it."""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s?#]+\Z")]
    key_file: str
    area: str = ""
    room: str = ""

    def located(self, base: Path) -> Self:
        return replace(super().located(base), key_file=str(base / self.key_file))


def report_url(config: MrbsConfig, key: str, now: int) -> str:
    """The address of the report from yesterday to the horizon; both days are whole ones of MRBS' own zone."""
    first = datetime.fromtimestamp((now - DAY_MS) / 1000, UTC).date() - timedelta(days=1)
    last = datetime.fromtimestamp((now + HORIZON_MS) / 1000, UTC).date() + timedelta(days=1)
    query = {
        "phase": "2",
        "output": "0",
        "output_format": _ICAL,
        "from_date": first.isoformat(),
        "to_date": last.isoformat(),
        "areamatch": config.area,
        "roommatch": config.room,
        "match_private": _ALL,
        "match_confirmed": _ALL,
        "match_approved": _ALL,
        "key": key,
    }
    return f"{config.url.rstrip('/')}/report.php?{urlencode(query)}"


@source("mrbs", MrbsConfig)
class Mrbs:
    def __init__(self, config: MrbsConfig, zone: str) -> None:
        self._config = config
        self._reader = IcalReader(zone)

    def read(self, now: int) -> Parsed | None:
        key = read_secret(self._config.key_file)
        return self._reader.read(report_url(self._config, key, now), now)

    def forget(self) -> None:
        self._reader.forget()
