"""When to send which records: a window of unreceipted batches, and everything again when receipts stay
away. Pure.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

RESEND_MS: Final = 10_000
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
        return True

    def restart(self) -> None:
        """Begin again with the oldest that is not receipted: another gateway, another connection."""
        self.sent = self.receipted
        self._flying.clear()
        self._waiting_since = None

    def begin_anew(self, reached: int) -> None:
        """Another journal, with numbers of its own, of which those up to ``reached`` are there already."""
        self.reached = reached
        self.receipted = 0
        self.restart()

    def overdue_at(self) -> int | None:
        """When what was sent counts as lost unless a receipt comes."""
        return None if self._waiting_since is None else self._waiting_since + RESEND_MS
