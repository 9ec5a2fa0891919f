"""From an entry at a reader to a door: throttle, one hash, one look-up, one verdict, one record."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from pleintemps_contract.agent_messages import AccessRefused, Event, RefusalReason
from pleintemps_contract.credentials import hash_code, lookup
from pleintemps_contract.gateway_messages import HashSet
from pleintemps_contract.logs import line
from pleintemps_contract.world import World

from .dialogue import MAX_DIGITS, Entered
from .grants import GrantTable
from .throttle import Throttle, attempt, restore

_LOG: Final = logging.getLogger("access")


class Keeps(Protocol):
    """Where counts and refusals are kept."""

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]": ...

    def state(self, key: str) -> bytes | None: ...


class Desk:
    """The code checks of all doors of one agent."""

    def __init__(
        self,
        doors: Iterable[str],
        pepper: bytes,
        world: World,
        journal: Keeps,
        trusted_now: Callable[[], int | None],
        open_door: Callable[[str, str], bool],
    ) -> None:
        """``trusted_now`` is wall time (Unix ms) or None; ``open_door(door, grant)`` is False if the door
        refuses.
        """
        self._pepper = pepper
        self._world = world
        self._journal = journal
        self._trusted_now = trusted_now
        self._open_door = open_door
        # whoever cuts the power to try again begins with the wait
        self._throttles = {door: restore(self._kept(door), world.monotonic()) for door in doors}
        self._told: dict[str, int] = {}
        self._hasher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2")
        self.table = GrantTable()

    async def enter(self, door: str, entered: Entered) -> bool:
        """Check an entry at ``door`` and open it or record why not. True if it was opened."""
        if entered.code is None:
            self._refuse(door, RefusalReason.UNREADABLE)
            return False
        throttle, admitted = attempt(self._throttles[door], self._world.monotonic())
        if not admitted:
            self._refuse_throttled(door, throttle)
            return False
        # counted before the check; its commit comes before that of any verdict, which the door waits for
        self._count(door, throttle)
        lookups = await self._lookups(entered.code)
        verdict = self.table.judge(door, lookups, self._trusted_now())
        if verdict.refusal is None and verdict.grant is not None:
            if self._open_door(door, verdict.grant):
                self._count(door, Throttle())
                return True
            self._count(door, Throttle())
            self._refuse(door, RefusalReason.DOOR_MODE, verdict.grant)
            return False
        self._refuse(door, verdict.refusal or RefusalReason.UNKNOWN, verdict.grant)
        return False

    def close(self) -> None:
        self._hasher.shutdown(wait=False, cancel_futures=True)

    async def _lookups(self, code: str) -> dict[str, str]:
        if len(code) > MAX_DIGITS:
            return {}
        loop = asyncio.get_running_loop()
        hashes = self.table.hashes

        def work() -> dict[str, str]:
            return {each.salt_id: self._lookup(code, each) for each in hashes}

        return await loop.run_in_executor(self._hasher, work)

    def _lookup(self, code: str, parameters: HashSet) -> str:
        return lookup(self._pepper, hash_code(code, parameters))

    def _kept(self, door: str) -> int:
        kept = self._journal.state(f"throttle:{door}")
        return int(kept) if kept is not None and kept.isdigit() else 0

    def _count(self, door: str, throttle: Throttle) -> None:
        self._throttles[door] = throttle
        self._journal.append([], {f"throttle:{door}": b"%d" % throttle.wrong})

    def _refuse_throttled(self, door: str, throttle: Throttle) -> None:
        # one record for each wait: whoever hammers on the keypad must not fill the journal
        if self._told.get(door) != throttle.until:
            self._told[door] = throttle.until
            self._refuse(door, RefusalReason.THROTTLED)

    def _refuse(self, door: str, reason: RefusalReason, grant: str | None = None) -> None:
        _LOG.info(line("refused", door=door, reason=reason.value))
        self._journal.append([AccessRefused(door=door, reason=reason, grant=grant)])
