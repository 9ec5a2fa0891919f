"""One-point calibration of microphones: what to add to their levels, since when. Kept in the state folder."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pleintemps_contract.units import UnixMs

from .errors import StateError

FILE: Final = "calibration.json"
MOST_DB: Final = 12.0
"""A part that is further off than that is not the one of the configuration, or is broken."""
_MAX_BYTES: Final = 1_000_000


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """``offset_db`` is added to every level of the device; ``level_db`` is what the calibrator made.

    It holds for the ``full_scale_db`` that was configured then (not known of the oldest).
    """

    offset_db: Annotated[float, Meta(ge=-MOST_DB, le=MOST_DB)]
    level_db: Annotated[float, Meta(ge=40, le=140)]
    at: UnixMs
    full_scale_db: float | None = None

    @property
    def date(self) -> str:
        """The day in UTC, as in 2026-11-23."""
        return datetime.fromtimestamp(self.at / 1000, UTC).date().isoformat()


def load(folder: Path | None) -> dict[str, Calibration]:
    """Calibrations by device; none without a file. Raises StateError if there is one that cannot be read."""
    if folder is None:
        return {}
    path = folder / FILE
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_BYTES), type=dict[str, Calibration])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StateError(f"{path}: damaged: {error}") from error


def save(folder: Path, device: str, calibration: Calibration) -> None:
    """Keep ``calibration`` through power cuts, beside those of other devices; raises StateError."""
    try:
        known = load(folder)
    except StateError:
        known = {}  # what cannot be read is of no use: the others have to be calibrated again
    path, fresh = folder / FILE, folder / f"{FILE}.new"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(known | {device: calibration}))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(held)
        finally:
            os.close(held)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error
