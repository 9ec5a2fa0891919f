"""When to send which records: a window of unreceipted batches, and everything again when receipts stay
away: after 10 s, then after 20 s and each 40 s, longer by up to a quarter. A gateway that is behind with its
receipts would have to read everything twice else, from all agents at once. Pure.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

RESEND_MS: Final = 10_000
LONGEST_MS: Final = 40_000
SPREAD: Final = 1_000
"""Thousandths of a quarter by which a wait is longer."""
WINDOW: Final = 8
"""Batches on their way without a receipt."""


@dataclass(slots=True)
class Outbox:
    """One stream. Numbers are those of the journal, times monotonic ms.

    ``reached`` is the highest number that a gateway may know: what was ever sent, and what was there when
    this journal was opened, for nobody remembers what was sent before.
    """

    reached: int = 0
    receipted: int = 0
    sent: int = 0
    _flying: deque[int] = field(default_factory=deque)
    _waiting_since: int | None = None
    _resend_ms: int = RESEND_MS
    _spread_ms: int = 0

    def may_send(self) -> bool:
        return len(self._flying) < WINDOW

    def on_sent(self, last: int, now: int) -> None:
        """A batch up to ``last`` has gone out."""
        self.sent = max(self.sent, last)
        self.reached = max(self.reached, last)
        self._flying.append(last)
        if self._waiting_since is None:
            self._waiting_since = now

    def on_receipt(self, through: int, now: int) -> bool:
        """The gateway has everything up to ``through``; False if that is no news."""
        if through <= self.receipted:
            return False
        self.receipted = through
        self.sent = max(self.sent, through)
        while self._flying and self._flying[0] <= through:
            self._flying.popleft()
        self._waiting_since = now if self._flying else None
        self._hope()
        return True

    def restart(self) -> None:
        """Begin again with the oldest that is not receipted: another gateway, another connection."""
        self._again()
        self._hope()

    def late(self, spread: int) -> None:
        """No receipt in time: begin again, and wait for longer. ``spread`` is random, below ``SPREAD``."""
        self._again()
        self._resend_ms = min(self._resend_ms * 2, LONGEST_MS)
        self._spread_ms = self._resend_ms * spread // (4 * SPREAD)

    def _again(self) -> None:
        self.sent = self.receipted
        self._flying.clear()
        self._waiting_since = None

    def _hope(self) -> None:
        self._resend_ms, self._spread_ms = RESEND_MS, 0

    def begin_anew(self, reached: int) -> None:
        """Another journal, with numbers of its own, of which those up to ``reached`` are there already."""
        self.reached = reached
        self.receipted = 0
        self.restart()

    def overdue_at(self) -> int | None:
        """When what was sent counts as lost unless a receipt comes."""
        if self._waiting_since is None:
            return None
        return self._waiting_since + self._resend_ms + self._spread_ms
