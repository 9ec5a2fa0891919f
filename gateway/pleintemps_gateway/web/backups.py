"""What the page of back-ups shows. Read-only."""

from pathlib import Path
from typing import NamedTuple

from pleintemps_gateway.backup.copies import Seen, known_folders, look
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.errors import SettingsError


class BackupsView(NamedTuple):
    """``last`` is when the youngest was made (Unix ms); ``late`` if that is longer ago than configured.

    ``unreadable``: the list of folders cannot be read.
    """

    folders: list[Seen]
    last: int | None
    late: bool
    max_age_h: float | None
    unreadable: bool


def load_backups(config: GatewayConfig, now: int) -> BackupsView:
    """Every folder that ``backup`` has written to."""
    unreadable = False
    try:
        folders = [look(folder) for folder in known_folders(Path(config.state))]
    except SettingsError:
        folders, unreadable = [], True
    last = max((seen.made for seen in folders if seen.made is not None), default=None)
    age = config.backup.max_age_h if config.backup else None
    late = age is not None and (last is None or now - last >= age * 3_600_000)
    return BackupsView(folders, last, late, age, unreadable)
