"""Who looked at access records is itself recorded (CNIL: log who read the log)."""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from pleintemps_gateway.audit.log import record
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.reading import EVERY_SITE

if TYPE_CHECKING:
    from .auth import Account
    from .context import Context

LOOKED: Final = "access.looked"
"""The action of such an entry in the audit log."""
SAME_MS: Final = 10 * 60_000
"""The same look of the same session within this time is one entry: a page that reloads fills no log."""
_REMEMBERED: Final = 10_000


class Looks:
    """What was written down a short while ago. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def is_new(self, session: str, site: str, what: str, now: int) -> bool:
        """Whether this look is to be written down, and counts as such; ``now`` is monotonic."""
        key = (session, site, what)
        with self._lock:
            last = self._at.get(key)
            if last is not None and now - last < SAME_MS:
                return False
            self._at[key] = now
            self._at.move_to_end(key)
            if len(self._at) > _REMEMBERED:
                self._at.popitem(last=False)
            return True


def looked(context: "Context", account: "Account", what: str, site: str = EVERY_SITE) -> None:
    """Write down that ``account`` saw who opened what, or who had booked.

    ``what`` is ``kind/id`` and never a person: ``door/entrance``, ``audit/list``, ``booking/<id>``,
    ``export/doors``. Name ``site`` where the records are of one. Call it after the rights are checked and
    outside any write transaction, before the answer is made.
    """
    if not context.looks.is_new(account.token_hash, site, what, context.world.monotonic()):
        return
    with write_transaction(context.engine, [site]) as conn:
        record(conn, site, context.world, LOOKED, what[:120], {"by": account.name})
