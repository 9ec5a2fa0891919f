"""What the agent has kept that a self test goes by: a fire that is not over, calibrations. Reads only."""

import contextlib
import sqlite3
from pathlib import Path

from pleintemps_edge import calibration
from pleintemps_edge.config import Setup
from pleintemps_edge.errors import CommissioningError, StateError
from pleintemps_edge.keeper import Keeper


def refuse_in_fire(setup: Setup) -> None:
    """CommissioningError while a door holds a fire that nobody has confirmed as over; StateError."""
    for door in setup.config.doors:
        if Keeper.holds_fire(_kept(setup.state / "events.db", Keeper.state_key(door.door))):
            raise CommissioningError(f"door {door.door}: a fire is not confirmed as over: confirm that first")


def calibrations(state: Path) -> dict[str, float]:
    """What is stored for microphones, dB; what cannot be read counts as none, as for their driver."""
    try:
        return {name: each.offset_db for name, each in calibration.load(state).items()}
    except StateError:
        return {}


def _kept(path: Path, key: str) -> bytes | None:
    """What the agent has kept under ``key``; None where it never ran. Raises StateError."""
    if not path.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            row = database.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
    except sqlite3.Error as error:
        raise StateError(f"{path}: {error}") from error
    return None if row is None else bytes(row[0])
