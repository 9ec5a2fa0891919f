"""One agent a state folder: two would give the same numbers to different measurements."""

import fcntl
import os
from pathlib import Path

from pleintemps_edge.errors import StateError


class Claim:
    """A folder that is held until :meth:`close`, or until the process ends."""

    def __init__(self, folder: Path) -> None:
        """Raises StateError if another agent holds it. Writes nothing: its disk may be full or read-only."""
        try:
            self._held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StateError(f"{folder}: {error.strerror or error}") from error
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise StateError(f"{folder}: another agent uses this state folder") from error

    def close(self) -> None:
        os.close(self._held)


def claim(folder: Path) -> Claim:
    """Hold ``folder``; raises StateError if another agent does."""
    return Claim(folder)
