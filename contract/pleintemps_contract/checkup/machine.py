"""What both programs look at on their machine: clock, disk, certificates, modes of secrets, time zones."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cryptography import x509

from pleintemps_contract.keyfiles import open_to_others

from .findings import Finding, days, fail, megabytes, ok, warn

DAY_MS: Final = 86_400_000
FULL_SOON: Final = 0.10
FULL_NOW: Final = 0.02
"""Shares of a disk that are left."""
LEAST_BYTES: Final = 200_000_000
GROWTH_DAYS: Final = 60
CERTIFICATE_SOON_MS: Final = 30 * DAY_MS
ZONES_OLD_YEARS: Final = 2


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """``source`` is ``system``, ``simulated`` or ``manual``; ``synchronised`` what the kernel says of NTP."""

    source: str
    synchronised: bool


def judge_clock(facts: ClockFacts) -> Iterator[Finding]:
    if facts.source == "simulated":
        yield warn("clock", "simulated: this is a demonstration", 'use clock.source = "system" in a building')
    elif facts.synchronised:
        yield ok("clock", "NTP keeps it")
    else:
        yield fail(
            "clock", "no time server keeps it", "timedatectl set-ntp true; timedatectl timesync-status"
        )


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """Bytes of the file system that holds ``path``; ``grows`` bytes a day, None while nobody knows."""

    path: str
    total: int
    free: int
    store: int
    grows: float | None = None


def read_disk(path: Path, store: int, grows: float | None = None) -> DiskFacts:
    """``path`` need not be there yet. Raises OSError."""
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    usage = shutil.disk_usage(there)
    return DiskFacts(str(path), usage.total, usage.free, store, grows)


def judge_disk(facts: DiskFacts) -> Iterator[Finding]:
    share = facts.free / facts.total if facts.total else 0.0
    left = f"{megabytes(facts.free)} of {megabytes(facts.total)} free, ours {megabytes(facts.store)}"
    last = None
    if facts.grows is not None and facts.grows > 0:
        last = facts.free / facts.grows
        left += f", grows {megabytes(facts.grows)} a day: {last:.0f} days"
    clear = f"make room on the disk of {facts.path} (du -x --max-depth=2 / | sort -n | tail)"
    if share < FULL_NOW or facts.free < LEAST_BYTES / 4:
        yield fail("disk", left, clear)
    elif share < FULL_SOON or facts.free < LEAST_BYTES or (last is not None and last < GROWTH_DAYS):
        yield warn("disk", left, clear)
    else:
        yield ok("disk", left)


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Ends of certificates by the name of their file (Unix ms), those that cannot be read with why."""

    now: int
    ends: tuple[tuple[str, int], ...]
    unreadable: tuple[tuple[str, str], ...] = ()


def read_certificates(paths: Iterable[Path], now: int) -> CertificateFacts:
    """Files that are not there are left out."""
    ends, unreadable = [], []
    for path in paths:
        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            unreadable.append((str(path), " ".join(str(error).split())))
            continue
        ends.append((str(path), round(certificate.not_valid_after_utc.timestamp() * 1000)))
    return CertificateFacts(now, tuple(ends), tuple(unreadable))


def judge_certificates(facts: CertificateFacts, renew: str) -> Iterator[Finding]:
    """``renew`` is what to do about one that ends."""
    for name, why in facts.unreadable:
        yield fail("certificate", f"{name}: {why}", renew)
    for name, end in facts.ends:
        left = end - facts.now
        if left <= 0:
            yield fail("certificate", f"{name}: ended {days(left)} ago", renew)
        elif left < CERTIFICATE_SOON_MS:
            yield warn("certificate", f"{name}: ends in {days(left)}", renew)
    if (
        facts.ends
        and not facts.unreadable
        and all(end - facts.now >= CERTIFICATE_SOON_MS for _, end in facts.ends)
    ):
        first = min(end for _, end in facts.ends)
        yield ok("certificate", f"{len(facts.ends)}, the first ends in {days(first - facts.now)}")


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """A line for each secret that others can read; ``looked`` how many files were looked at."""

    looked: int
    wrong: tuple[str, ...]


def read_secrets(paths: Iterable[Path]) -> SecretFacts:
    found = [path for path in paths if path.is_file()]
    return SecretFacts(len(found), tuple(open_to_others(found)))


def judge_secrets(facts: SecretFacts) -> Iterator[Finding]:
    for line in facts.wrong:
        what, _, todo = line.rpartition(": ")
        yield fail("secrets", what, f"{todo} {what.partition(': ')[0]}")
    if not facts.wrong:
        yield ok("secrets", f"{facts.looked} files, each its owner's alone")


@dataclass(frozen=True, slots=True)
class ZoneFacts:
    """``missing`` zones; ``year`` of the machine's own data where it says so, ``now_year`` of the clock."""

    zones: tuple[str, ...]
    missing: tuple[str, ...]
    year: int | None
    now_year: int


def read_zones(
    zones: Iterable[str], now_year: int, data: Path = Path("/usr/share/zoneinfo/tzdata.zi")
) -> ZoneFacts:
    names = tuple(sorted(set(zones)))
    missing = []
    for name in names:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            missing.append(name)
    year = None
    try:
        with data.open(encoding="ascii", errors="replace") as file:
            head = file.readline(80)  # "# version 2024b"
    except OSError:
        head = ""
    if head.startswith("# version ") and head[10:14].isdigit():
        year = int(head[10:14])
    return ZoneFacts(names, tuple(missing), year, now_year)


def judge_zones(facts: ZoneFacts) -> Iterator[Finding]:
    for name in facts.missing:
        yield fail("time-zones", f"{name} is not known here", "apt-get install tzdata")
    if facts.missing:
        return
    named = ", ".join(facts.zones)
    if facts.year is not None and facts.now_year - facts.year > ZONES_OLD_YEARS:
        yield warn("time-zones", f"{named}, by data of {facts.year}", "apt-get install --only-upgrade tzdata")
    else:
        yield ok("time-zones", named if facts.year is None else f"{named}, by data of {facts.year}")
