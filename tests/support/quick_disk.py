"""Temporary files of tests in memory, where there is enough: thousands of commits wait for no disk."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")
_ENOUGH_BYTES: Final = 3 << 30


def _choose() -> None:
    """Set ``TMPDIR`` for this process and all that it starts, unless somebody has."""
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    if shutil.disk_usage(_MEMORY).free < _ENOUGH_BYTES:
        return
    folder = _MEMORY / f"t{os.getuid()}"  # short: the path of a socket has at most 107 bytes
    folder.mkdir(mode=0o755, exist_ok=True)  # servers that run as another user have folders in it
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None  # pytest has asked before us: ask again


_choose()
