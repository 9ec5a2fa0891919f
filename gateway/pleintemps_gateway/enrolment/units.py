"""Whether this machine's systemd runs a program on a given file: what the next steps may name."""

from pathlib import Path
from typing import Final

GATEWAY: Final = "pleintemps-gateway.service"
BROKER: Final = "pleintemps-broker.service"
# the first that has a unit counts (systemd.unit(5))
_FOLDERS: Final = (
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
)


def runs_on(unit: str, file: Path, root: Path = Path("/")) -> bool:
    """Whether systemd is at work here and ``unit``, unless it is masked, starts its program with ``file``."""
    if not (root / "run/systemd/system").is_dir():  # as sd_booted(3) asks
        return False
    for folder in _FOLDERS:
        path = root / folder / unit
        if path.is_symlink() or path.exists():
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                return False
            starts = [line for line in text.splitlines() if line.startswith("ExecStart=")]
            return any(str(file.absolute()) in line.split() for line in starts)
    return False
