"""Rules of a Pi that is there: its ``config.txt`` and ``cmdline.txt`` against the kit that it is to run."""

from collections.abc import Iterator

from pleintemps_hardware.kit import Profile

from .pins import CONSOLES
from .wiring import Problem


def check(profile: Profile, config: str, cmdline: str) -> list[Problem]:
    """What the texts of the two files lack or have too much for ``profile``."""
    return list(_problems(profile, config, cmdline))


def _problems(profile: Profile, config: str, cmdline: str) -> Iterator[Problem]:
    lines = {
        line.strip().replace(" ", "") for line in config.splitlines() if not line.strip().startswith("#")
    }
    for line in profile.boot.config:
        if line not in lines:
            yield Problem("boot-lines", f"config.txt lacks {line}", "add it below [all] and start anew")
    for word in cmdline.split() if any(port.header for port in profile.ports) else ():
        if word.startswith(CONSOLES):
            yield Problem(
                "serial-console", f"cmdline.txt has {word}", "take the word out of cmdline.txt and start anew"
            )
