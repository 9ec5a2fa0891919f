"""The next certificate, long before the present one ends: by the agent itself, under the present one.

At two thirds of its life, and a while by chance so that a town's agents do not all come at once. The old one
stays until the gateway has taken the new one; who is refused asks again, at growing pauses, as long as it is
good. The gateway hears of the end in every birth and tells a caretaker a month before.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509

from pleintemps_contract.keyfiles import AUTHORITY, OWN, own_certificate, replace_secret
from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_edge.errors import EnrolmentError

from .client import Place, confirm, key_pem, new_key, renew, trusting
from .files import desk_of

LOOK_MS: Final = 3_600_000
FIRST_PAUSE_MS: Final = 60_000
LONGEST_PAUSE_MS: Final = 21_600_000
_SPREAD: Final = 30
"""One thirtieth of its life at most is added by chance."""
_NEXT: Final = "agent.next.pem"
_LOG: Final = logging.getLogger("enrolment")


class Life(NamedTuple):
    """From when to when a certificate is good (Unix ms)."""

    start: int
    end: int


def life_of(path: Path) -> Life:
    """Of the certificate in a file; raises EnrolmentError."""
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EnrolmentError(f"{path}: {error}") from error
    times = (found.not_valid_before_utc, found.not_valid_after_utc)
    return Life(*(round(each.timestamp() * 1000) for each in times))


def due_at(life: Life, chance: float) -> int:
    """When to ask for the next one; ``chance`` is from 0 to 1. Pure."""
    length = life.end - life.start
    return life.start + length * 2 // 3 + round(length * chance / _SPREAD)


def pause_after(failures: int) -> int:
    """Milliseconds until the next attempt: a minute, doubled each time up to six hours. Pure."""
    return min(FIRST_PAUSE_MS << min(failures - 1, 20), LONGEST_PAUSE_MS)


def renew_now(folder: Path, place: Place, now: Callable[[], int]) -> Life:
    """Get the next certificate and put it in the place of the present one; it blocks. Raises EnrolmentError
    with everything as it was.
    """
    try:
        authority = (folder / AUTHORITY).read_text(encoding="ascii")
        key, following = new_key(), folder / _NEXT
        certificate = renew(place, trusting(authority, own_certificate(folder)), key, now)
        replace_secret(following, key_pem(key) + certificate.encode())
        try:
            confirm(place, trusting(authority, (following, following)), now)
            life = life_of(following)
            following.replace(folder / OWN)
        finally:
            following.unlink(missing_ok=True)
    except (OSError, UnicodeDecodeError) as error:
        raise EnrolmentError(f"{folder}: {error}") from error
    return life


class Renewal:
    """Keeps one agent's certificate good. ``world`` is that of the network."""

    def __init__(self, folder: Path, place: Place, world: World, renewed: Callable[[], None]) -> None:
        """``renewed`` hears of every new one."""
        self._folder = folder
        self._place = place
        self._world = world
        self._renewed = renewed
        self._chance = world.random_below(1_000) / 1_000
        self._failures = 0

    @classmethod
    def of(cls, folder: Path, world: World, renewed: Callable[[], None]) -> "Renewal | None":
        """For the keys in ``folder``, None where no desk gave them."""
        try:
            place = desk_of(folder)
        except EnrolmentError as error:
            _LOG.error(line("certificate-not-renewed", error=error))
            return None
        return None if place is None else cls(folder, place, world, renewed)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._world.sleep_until(self._world.monotonic() + await self.look())

    async def look(self) -> int:
        """Renew if it is time; how long to wait for the next look, in ms."""
        try:
            if self._world.now() < due_at(life_of(own_certificate(self._folder)[0]), self._chance):
                return LOOK_MS
            life = await asyncio.to_thread(renew_now, self._folder, self._place, self._world.now)
        except EnrolmentError as error:
            self._failures += 1
            if self._failures == 1:
                _LOG.warning(line("certificate-not-renewed", error=error))
            return pause_after(self._failures)
        self._failures = 0
        _LOG.info(line("certificate-renewed", days=(life.end - self._world.now()) // 86_400_000))
        self._renewed()
        return LOOK_MS
