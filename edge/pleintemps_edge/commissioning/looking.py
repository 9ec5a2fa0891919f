"""What this machine has: serial ports and who holds them, clock chips, sound cards, pins. At the rim, reads
only.

Every place is below ``root``, so that a test can lay out a machine of its own.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec import Struct

_NAMES: Final = ("ttyAMA*", "ttyS*", "ttyUSB*", "ttyACM*")
_CAPTURE: Final = re.compile(r"^(\d+)-(\d+): ([^:]*?) *:.*\bcapture\b", re.MULTILINE)
_MOST: Final = 200
_UNKNOWN: Final = "0"
"""What the kernel says of a 8250 port behind which there is no chip: /sys/class/tty/*/type."""


class Port(Struct, frozen=True, kw_only=True):
    """``path`` is the name that stays over a restart, ``device`` the one of today. ``use`` is why it is not
    probed: empty, ``console``, or who holds it.
    """

    path: str
    device: str
    adapter: str = ""
    use: str = ""


class Sound(Struct, frozen=True, kw_only=True):
    """A capture device: ``pcm`` as arecord takes it."""

    pcm: str
    name: str


class Chip(Struct, frozen=True, kw_only=True):
    """A clock or pin chip."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class Looking:
    """One machine below ``root``."""

    root: Path = Path("/")

    def model(self) -> str:
        """The board as its firmware names it; empty if it does not."""
        return _text(self.root / "proc/device-tree/model").rstrip("\0")[:100]

    def ports(self, more: Iterable[Path] = (), *, own: bool = True) -> list[Port]:
        """The serial ports there are (``own``), and ``more``."""
        stay = {
            os.path.realpath(link): link
            for folder in ("dev/serial/by-id", "dev/serial/by-path")
            for link in sorted((self.root / folder).glob("*"), reverse=True)
        }
        stay |= {os.path.realpath(link): link for link in sorted((self.root / "dev/serial/by-id").glob("*"))}
        devices = [
            device
            for name in _NAMES
            for device in sorted((self.root / "dev").glob(name))
            if own and self._is_there(device)
        ]
        devices += [path for path in more if path not in devices]
        holders, console = self._holders(), self._consoles()
        return [
            Port(
                path=str(stay.get(os.path.realpath(device), device)),
                device=str(device),
                adapter=self._adapter(device),
                use="console" if device.name in console else holders.get(os.path.realpath(device), ""),
            )
            for device in devices
        ]

    def clocks(self) -> list[Chip]:
        """The clock chips."""
        folders = sorted((self.root / "sys/class/rtc").glob("rtc*"))
        return [Chip(path=f"/dev/{each.name}", name=_text(each / "name").strip()) for each in folders]

    def pins(self) -> list[Chip]:
        """The chips with pins, and their names."""
        folders = sorted((self.root / "sys/bus/gpio/devices").glob("gpiochip*"))
        return [
            Chip(path=f"/dev/{each.name}", name=_text(each / "of_node/compatible").replace("\0", " ").strip())
            for each in folders
        ]

    def sounds(self) -> list[Sound]:
        """The sound cards that hear."""
        found = _CAPTURE.findall(_text(self.root / "proc/asound/pcm"))
        return [
            Sound(pcm=f"hw:{int(card)},{int(device)}", name=name.strip())
            for card, device, name in found[:_MOST]
        ]

    def _is_there(self, device: Path) -> bool:
        told = _text(self.root / "sys/class/tty" / device.name / "type").strip()
        return not (device.name.startswith("ttyS") and told == _UNKNOWN)

    def _adapter(self, device: Path) -> str:
        """What a USB adapter says of itself."""
        place = Path(os.path.realpath(self.root / "sys/class/tty" / device.name / "device"))
        for folder in (place, *place.parents[:3]):
            if (folder / "idVendor").is_file():
                words = [_text(folder / name).strip() for name in ("idVendor", "idProduct")]
                names = [_text(folder / name).strip() for name in ("manufacturer", "product", "serial")]
                return " ".join([":".join(words), *filter(None, names)])[:_MOST]
        return ""

    def _consoles(self) -> set[str]:
        """The ports on which the kernel or a login speaks."""
        line = _text(self.root / "proc/cmdline")
        named = {
            word.removeprefix("console=").partition(",")[0] for word in line.split() if "console=" in word
        }
        active = set(_text(self.root / "sys/class/tty/console/active").split())
        # the names that a Raspberry Pi gives to its ports in there
        alias = {
            os.path.basename(os.path.realpath(self.root / "dev" / name))
            for name in ("serial0", "serial1")
            if name in named
        }
        return named | active | alias

    def _holders(self) -> dict[str, str]:
        """Who has which file below /dev open, as far as we may see."""
        held: dict[str, str] = {}
        own = str(os.getpid())
        for process in (self.root / "proc").glob("[0-9]*"):
            if process.name == own:
                continue
            try:
                links = [os.readlink(link) for link in (process / "fd").iterdir()]
            except OSError:  # another user's, or gone
                continue
            for link in links:
                # pseudo-terminals are held by who made them
                if link.startswith(str(self.root / "dev/tty")):
                    name = _text(process / "comm").strip() or "a program"
                    held.setdefault(link, f"{name} (pid {process.name})")
        return held


def _text(path: Path) -> str:
    try:
        return path.read_bytes()[:100_000].decode(errors="replace")
    except OSError:
        return ""
