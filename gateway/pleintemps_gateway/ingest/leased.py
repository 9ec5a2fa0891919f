"""The sites of one gateway among several: they come and go between two groups of the writer."""

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Final

from sqlalchemy import Connection, bindparam, select

from pleintemps_contract.logs import line
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import reigns

from .memory import GatewayMemory
from .pending import ReceiptKey
from .site import SiteMemory

# until the transaction ends nobody else can begin a reign over these sites
_HELD: Final = Prepared(
    select(reigns.c.site, reigns.c.epoch)
    .where(reigns.c.site.in_(bindparam("sites", expanding=True)))
    .with_for_update(read=True)
)

_log = logging.getLogger(__name__)


class LeasedMemory(GatewayMemory):
    """The writer's Memory and its Fence: each transaction is of the sites whose youngest token is ours.

    ``speaks`` says whether our leases are good by our own watch: else nothing is said, whatever was stored.
    """

    def __init__(self, publish: Callable[[str, bytes, bool], None], speaks: Callable[[], bool]) -> None:
        super().__init__([], publish, alone=True)
        self._speaks = speaks
        self._silent = False
        self._owed: dict[str, dict[ReceiptKey, int]] = {}
        """Receipts of what was stored in silence, by site."""
        self._moves: deque[SiteMemory | str] = deque()
        """Who comes, and the names of those who go, in this order."""

    # --- from any thread ------------------------------------------------------------------------------

    def join(self, sites: Iterable[SiteMemory]) -> None:
        """From the next group on these are ours."""
        self._moves.extend(sites)

    def leave(self, sites: Iterable[str]) -> None:
        """From the next group on these are not ours; what they had to write has been written."""
        self._moves.extend(sites)

    # --- the writer's ---------------------------------------------------------------------------------

    def begin(self) -> None:
        while self._moves:
            move = self._moves.popleft()
            if isinstance(move, str):
                self.sites.pop(move, None)
            else:
                self.sites[move.site] = move

    def check(self, conn: Connection) -> None:
        if not self.sites:
            return
        epochs = {site: epoch for site, epoch in _HELD.all(conn, {"sites": list(self.sites)})}
        for name in [name for name, site in self.sites.items() if epochs.get(name) != site.speaker.epoch]:
            del self.sites[name]
            _log.warning(line("site-lost", site=name))

    def holds(self, site: str) -> bool:
        return site in self.sites

    def begin_parts(self, conn: Connection) -> None:
        if self._silent and self._speaks():
            self._silent = False
            for name, receipts in self._owed.items():
                if (site := self.sites.get(name)) is not None:
                    site.pending.receipts = receipts | site.pending.receipts
            self._owed.clear()
            self.announce_some([name for name, site in self.sites.items() if site.speaker.listening])
        super().begin_parts(conn)

    def committed(self) -> None:
        if self._may_speak():
            super().committed()

    def say(self, between: Callable[[], None]) -> None:
        if self._may_speak():
            super().say(between)

    def _may_speak(self) -> bool:
        """Else what is stored is owed."""
        if self._speaks():
            return True
        self._silent = bool(self.sites)  # what was not said is said anew
        for site in self._written:
            self._owed.setdefault(site.site, {}).update(site.pending.receipts)
            site.committed()
        return False

    def hear(self, sites: Collection[str]) -> None:
        """What these sites say arrives from now on: say who rules, and agents send what has no receipt."""
        for name in sites:
            if (site := self.sites.get(name)) is not None:
                site.pending.messages += site.speaker.heard()

    def announce_some(self, sites: Collection[str]) -> None:
        """Say everything that the broker must hold of these sites."""
        for name in sites:
            if (site := self.sites.get(name)) is not None:
                site.pending.messages += site.speaker.everything()
