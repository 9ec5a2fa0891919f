"""Offline codes: what a door without network can check by itself, and a gateway can tell by telephone.

    daily key  HMAC-SHA256(secret of the space, UTC day of the start)
    code       HMAC-SHA256(daily key, start, end, index, digits) as a number of 256 bits modulo 10^digits

Start and end lie on the grid of quarter hours, at most 12 h apart; index 0-3 is for a code that is issued
anew. The remainder is uniform but for a part in 2^216. An agent holds daily keys, never a space's secret.

**Odds of a lucky guess.** The windows of L quarters that contain an instant start in L places, L = 1 to
48: 48 * 49 / 2 = 1,176 windows with four codes each, so 4,704 codes are valid at any instant for each space
behind a door. 100 tries hit one of them with a probability of at most 100 * 4,704 * spaces / 10^digits (the
union bound):

    spaces   10 digits   11 digits   12 digits   taken
         1     4.7e-05     4.7e-06     4.7e-07      11
         2     9.4e-05     9.4e-06     9.4e-07      11
         3     1.4e-04     1.4e-05     1.4e-06      12
         5     2.4e-04     2.4e-05     2.4e-06      12
        10     4.7e-04     4.7e-05     4.7e-06      12
        21     9.9e-04     9.9e-05     9.9e-06      12
        22     1.0e-03     1.0e-04     1.0e-05    none

At most 1e-5 is allowed: ten digits are never enough, and no more than 21 spaces may lie behind one door. The
throttle of a door makes 100 tries take 7.7 hours.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import DecodeError
from .gateway_messages import OfflineKeys

QUARTER_MS: Final = 900_000
DAY_QUARTERS: Final = 96
LONGEST_QUARTERS: Final = 48
INDEXES: Final = 4
KEY_BYTES: Final = 32
WINDOWS_AT_ONCE: Final = LONGEST_QUARTERS * (LONGEST_QUARTERS + 1) // 2
"""Windows of the grid that contain one instant."""
CODES_AT_ONCE: Final = WINDOWS_AT_ONCE * INDEXES
"""Codes of one space that are valid at one instant."""
TRIES: Final = 100
LIMIT: Final = Fraction(1, 100_000)
"""The highest allowed probability that one of ``TRIES`` guesses opens a door."""
MIN_DIGITS: Final = 10
MAX_DIGITS: Final = 12
_SIV_BYTES: Final = 16


class OfflineWindow(NamedTuple):
    """From quarter hour ``start`` (included) to ``end`` (excluded), both counted since 1970 UTC."""

    start: int
    end: int

    @property
    def day(self) -> int:
        """The UTC day of the start, in days since 1970: it chooses the key."""
        return self.start // DAY_QUARTERS


def covering(start: int, end: int) -> OfflineWindow:
    """The shortest window of the grid around ``start`` to ``end`` (Unix ms); ValueError above 12 h."""
    window = OfflineWindow(start // QUARTER_MS, -(-end // QUARTER_MS))
    if start >= end or window.end - window.start > LONGEST_QUARTERS:
        raise ValueError("an offline code covers more than nothing and at most 12 hours")
    return window


def daily_key(secret: bytes, day: int) -> bytes:
    """The key of one space for all windows that start on UTC ``day`` (days since 1970)."""
    return hmac.digest(secret, b"pleintemps offline day\0" + day.to_bytes(4, "big"), "sha256")


class DayCodes:
    """Makes codes under one daily key."""

    def __init__(self, key: bytes, digits: int) -> None:
        """``key`` is that of the day on which the windows start; ``digits`` 10 to 12, else ValueError."""
        if not MIN_DIGITS <= digits <= MAX_DIGITS:
            raise ValueError(f"an offline code has {MIN_DIGITS} to {MAX_DIGITS} digits, not {digits}")
        self._mac = hmac.new(key, digestmod="sha256")
        self._digits = digits
        self._modulus: int = 10**digits

    def number(self, window: OfflineWindow, index: int) -> int:
        """The code as a number, for tables; the caller keeps to the grid."""
        mac = self._mac.copy()
        mac.update(b"%d %d %d %d" % (window.start, window.end, index, self._digits))
        return int.from_bytes(mac.digest(), "big") % self._modulus

    def code(self, window: OfflineWindow, index: int) -> str:
        """The digits to type, leading zeros included; ValueError off the limits of the grid."""
        if not 1 <= window.end - window.start <= LONGEST_QUARTERS or not 0 <= index < INDEXES:
            raise ValueError("an offline code covers 1 to 48 quarter hours and has index 0 to 3")
        return f"{self.number(window, index):0{self._digits}}"


def code_id(site: str, space: str, window: OfflineWindow, index: int) -> str:
    """The name of an offline code in records and in ``denied_offline``; says nothing of its digits."""
    text = f"pleintemps offline code\0{site}\0{space}\0{window.start}\0{window.end}\0{index}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def odds(digits: Iterable[int], tries: int = TRIES) -> Fraction:
    """Upper bound of the probability that ``tries`` guesses hit at a door with one space for each of
    ``digits``.
    """
    return sum((Fraction(tries * CODES_AT_ONCE, 10**count) for count in digits), Fraction())


def digits_for(spaces: int) -> int | None:
    """The fewest digits for a door with ``spaces`` behind it; None if twelve are not enough."""
    enough = (digits for digits in range(MIN_DIGITS, MAX_DIGITS + 1) if odds([digits] * spaces) <= LIMIT)
    return next(enough, None)


def check_plan(offline: Iterable[OfflineKeys]) -> None:
    """Raises ValueError that names the door whose offline codes are too easy to guess."""
    doors: dict[str, list[int]] = {}
    for keys in offline:
        for door in dict.fromkeys(keys.doors):
            doors.setdefault(door, []).append(keys.digits)
    for door, digits in sorted(doors.items()):
        if (chance := odds(digits)) > LIMIT:
            raise ValueError(
                f"offline codes at {door}: odds {float(chance):.1e} for {TRIES} tries, "
                f"{float(LIMIT):.0e} allowed"
            )


def sealed_length(days: int) -> int:
    """Characters of ``OfflineKeys.sealed`` with keys of so many days."""
    return -(-(_SIV_BYTES + days * KEY_BYTES) // 3) * 4


class KeySeal:
    """Seals daily keys for one agent, under a key derived from its pepper (HKDF-SHA256, RFC 5869).

    AES-SIV (RFC 5297) needs no nonce: equal keys give equal bytes, and a page does not change for nothing.
    """

    def __init__(self, pepper: bytes, site: str, agent: str) -> None:
        hkdf = HKDF(algorithm=SHA256(), length=64, salt=None, info=b"pleintemps offline keys")
        self._siv = AESSIV(hkdf.derive(pepper))
        self._bound_to = [site.encode(), agent.encode()]

    def seal(self, space: str, first_day: int, keys: Sequence[bytes]) -> str:
        """The text for ``OfflineKeys.sealed``: one key of 32 bytes for each day from ``first_day``."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"want at least one key, each of {KEY_BYTES} bytes")
        return base64.b64encode(self._siv.encrypt(b"".join(keys), self._names(space, first_day))).decode()

    def open(self, offline: OfflineKeys) -> tuple[bytes, ...]:
        """The daily keys; raises DecodeError if they were not sealed for this agent, space and day."""
        where = f"offline keys of {offline.space}"
        try:
            sealed = base64.b64decode(offline.sealed, validate=True)
        except (binascii.Error, ValueError) as error:
            raise DecodeError("grants/page", f"{where}: not base64") from error
        if len(sealed) <= _SIV_BYTES or (len(sealed) - _SIV_BYTES) % KEY_BYTES:
            raise DecodeError("grants/page", f"{where}: {len(sealed)} bytes are not a number of keys")
        try:
            keys = self._siv.decrypt(sealed, self._names(offline.space, offline.first_day))
        except InvalidTag as error:
            raise DecodeError("grants/page", f"{where}: not sealed for this agent, space and day") from error
        return tuple(keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES))

    def _names(self, space: str, first_day: int) -> list[bytes]:
        return [*self._bound_to, space.encode(), b"%d" % first_day]
