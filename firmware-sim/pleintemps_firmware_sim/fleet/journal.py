"""A light agent's journal: one stream, held in memory until the gateway's receipt, sent in a window. Pure.

The rules are those of the contract: numbers rise by one, a batch says the oldest number still held, at most
``WINDOW`` batches travel without a receipt, all is sent again after ``RESEND_MS`` without one, and where that
is in vain after twice as long, up to ``LONGEST_MS`` and a quarter, another part of it for each journal.
"""

import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pleintemps_contract.agent_messages import JournalPosition, Stream

RESEND_MS: Final = 10_000
LONGEST_MS: Final = 40_000
WINDOW: Final = 8
_EVENTS: Final = 64
"""Records of one batch of events."""


@dataclass(slots=True)
class Entry:
    """A record of events, or a batch of samples: its bytes, what it counts, when it first went out."""

    body: bytes
    count: int
    sent_at: int = -1


class Outgoing(NamedTuple):
    """A batch to send: its payload, its last number, whether one like it went out before."""

    payload: bytes
    last: int
    again: bool


class Released(NamedTuple):
    """What a receipt released: what its entries counted, how long each had waited (ms)."""

    counted: int
    waited: list[int]


@dataclass(slots=True)
class Journal:
    """Times are monotonic ms. ``capacity`` entries are held, then the oldest go and are counted in ``lost``;
    0 holds them all.
    """

    id: str
    stream: Stream
    capacity: int = 0
    first: int = 1
    next: int = 1
    lost: int = 0
    _held: dict[int, Entry] = field(default_factory=dict)
    _sent: int = 0
    _reached: int = 0
    _flying: deque[int] = field(default_factory=deque)
    _waiting_since: int | None = None
    _resend_ms: int = RESEND_MS

    def add(self, body: bytes, count: int) -> None:
        """Commit an entry."""
        self._held[self.next] = Entry(body, count)
        self.next += 1
        if self.capacity and len(self._held) > self.capacity:
            self.lost += self._held.pop(self.first).count
            self.first += 1

    @property
    def waiting(self) -> int:
        """What is committed and has no receipt."""
        return sum(entry.count for entry in self._held.values())

    @property
    def position(self) -> JournalPosition:
        return JournalPosition(journal=self.id, stream=self.stream, first=self.first, next=self.next)

    @property
    def is_empty(self) -> bool:
        return not self._held

    def restart(self) -> None:
        """Begin again with the oldest: another line, another gateway."""
        self._again()
        self._resend_ms = RESEND_MS

    def _again(self) -> None:
        self._sent = self.first - 1
        self._flying.clear()
        self._waiting_since = None

    def outgoing(self, now: int) -> Iterator[Outgoing]:
        """What is to be sent at ``now``."""
        if self._waiting_since is not None and now >= self._waiting_since + self._resend_ms:
            self._again()
            longer = min(2 * (self._resend_ms // RESEND_MS) * RESEND_MS, LONGEST_MS)
            self._resend_ms = longer + longer * (zlib.crc32(self.id.encode()) % 1000) // 4000
        self._sent = max(self._sent, self.first - 1)
        while self._sent < self.next - 1 and len(self._flying) < WINDOW:
            yield self._send(now)

    def _send(self, now: int) -> Outgoing:
        start = self._sent + 1
        last = min(start + _EVENTS, self.next) - 1 if self.stream is Stream.EVENTS else start
        entries = [self._held[seq] for seq in range(start, last + 1)]
        for entry in entries:
            if entry.sent_at < 0:
                entry.sent_at = now
        if self.stream is Stream.EVENTS:
            records = b",".join(entry.body for entry in entries)
            payload = b'{"journal":"%b","first":%d,"records":[%b]}' % (self.id.encode(), self.first, records)
        else:
            payload = b'{"journal":"%b","first":%d,"seq":%d,%b' % (
                self.id.encode(),
                self.first,
                start,
                entries[0].body,
            )
        again = start <= self._reached
        self._sent = last
        self._reached = max(self._reached, last)
        self._flying.append(last)
        if self._waiting_since is None:
            self._waiting_since = now
        return Outgoing(payload, last, again)

    def receipt(self, through: int, now: int) -> Released | None:
        """Everything up to ``through`` is stored; None if that was never sent."""
        if through > self._reached:
            return None
        waited: list[int] = []
        counted = 0
        while self.first <= through:
            entry = self._held.pop(self.first)
            self.first += 1
            counted += entry.count
            waited.append(now - entry.sent_at)
        while self._flying and self._flying[0] <= through:
            self._flying.popleft()
        if waited:
            self._waiting_since = now if self._flying else None
            self._resend_ms = RESEND_MS
        return Released(counted, waited)
