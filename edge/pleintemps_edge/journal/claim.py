"""One agent a state folder: two would give the same numbers to different measurements."""

import fcntl
from io import FileIO
from pathlib import Path
from typing import Final

from pleintemps_edge.errors import StateError

_LOCK: Final = "lock"


def claim(folder: Path) -> FileIO:
    """Hold ``folder`` until the answer is closed or the process ends; raises StateError if another does."""
    path = folder / _LOCK
    try:
        file = FileIO(path, "a")
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StateError(f"{folder}: another agent uses this state folder") from error
    return file
