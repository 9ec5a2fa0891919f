"""From an entry at a reader to a door: throttle, one hash, one look-up, one verdict, one record."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, Protocol

from pleintemps_contract.agent_messages import AccessRefused, Event, RefusalReason
from pleintemps_contract.credentials import card_text, hash_code, lookup
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.errors import DecodeError, EnvelopeError
from pleintemps_contract.gateway_messages import GrantsManifest
from pleintemps_contract.keyfiles import AgentKeys
from pleintemps_contract.logs import line
from pleintemps_contract.offline import QUARTER_MS, KeySeal
from pleintemps_contract.recording import Worth
from pleintemps_contract.tokens import open_token
from pleintemps_contract.world import World
from pleintemps_edge.door import CodeAccepted
from pleintemps_edge.drivers.base import Feedback
from pleintemps_edge.waiting import wait_until

from .dialogue import MAX_DIGITS, Entered
from .flood import Flood, refuse, tell
from .grants import CARDS, GrantTable
from .offline import OfflineSpace, Slices, find, prepare
from .throttle import Throttle, attempt, forgive, give_back, restore
from .used import UsedOnce
from .verdicts import Verdict, judge_token

ALONE_MS: Final = 900_000
"""So long without a receipt, offline codes count."""
MAX_PENDING: Final = 8
"""Checks of one reader that may wait for the one thread that hashes: one that babbles holds itself up."""
NO_TIME_MS: Final = 60_000
_UNTIMED: Final = frozenset({RefusalReason.UNKNOWN, RefusalReason.WRONG_DOOR, RefusalReason.NO_TRUSTED_TIME})
"""Without trusted time the reader says so for all of these: its answer must not tell which codes exist."""
_LOG: Final = logging.getLogger("access")


class Keeps(Protocol):
    """Where counts and refusals are kept."""

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]": ...

    def state(self, key: str) -> bytes | None: ...


class _Checked(NamedTuple):
    """What a thread found out: the names of a credential, and the tables of offline codes."""

    lookups: dict[str, str]
    spaces: tuple[OfflineSpace, ...]
    slices: Slices


class Desk:
    """The checks of all doors of one agent. Wall time is Unix ms, monotonic time that of ``world``."""

    def __init__(
        self,
        doors: Iterable[str],
        *,
        keys: AgentKeys,
        trusted: Callable[[], TrustedKeys],
        world: World,
        journal: Keeps,
        trusted_now: Callable[[], int | None],
        open_door: Callable[[str, CodeAccepted, Mapping[str, bytes]], RefusalReason | None],
        show: Callable[[str, Feedback], None],
    ) -> None:
        """``trusted`` gives the keys that may sign for the gateway now, ``trusted_now`` wall time or None.

        ``open_door(door, accepted, keep)`` commits ``keep`` with the record and is None if the door obeys;
        ``show(reader, feedback)`` answers the person.
        """
        names = tuple(doors)
        self._site = keys.site
        self._pepper = keys.pepper
        self._seal = KeySeal(keys.pepper, keys.site, keys.agent)
        self._trusted = trusted
        self._world = world
        self._journal = journal
        self._trusted_now = trusted_now
        self._open_door = open_door
        self._show = show
        # whoever cuts the power to try again begins with the wait
        self._throttles = {door: restore(self._kept(door), world.monotonic()) for door in names}
        self._used = UsedOnce(names, journal.state)
        self._told: dict[str, int] = {}
        self._floods = dict.fromkeys(names, Flood())
        self._pending: Counter[str] = Counter()
        # readers take turns at the thread that hashes: behind one that babbles another waits for one check
        self._turns: dict[str, asyncio.Lock] = {}
        self._crowded: set[str] = set()
        self._receipted = world.monotonic()
        self._slices: Slices = {}
        self._changed = asyncio.Event()
        self._hasher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2")
        self._table = GrantTable()
        self.witness: Callable[[str, list[Worth]], None] | None = None
        """Told of each code or card (:func:`card_text`) that was checked, with what it is worth."""

    # --- what is in force -----------------------------------------------------------------------------

    @property
    def table(self) -> GrantTable:
        """The grants in force. A new table forgets which one-time grants were used that it does not have."""
        return self._table

    @table.setter
    def table(self, table: GrantTable) -> None:
        if table.offline != self._table.offline:
            self._slices = {}
            self._changed.set()
        self._table = table
        if changed := self._used.forget_others(table.once):
            self._journal.append([], changed)

    @property
    def trusted(self) -> TrustedKeys:
        """The keys that may sign for the gateway now."""
        return self._trusted()

    def build(self, manifest: GrantsManifest, bodies: Iterable[bytes]) -> GrantTable:
        """The table of ``manifest``, see :meth:`GrantTable.build`; may be called in a thread."""
        return GrantTable.build(manifest, bodies, self._seal)

    def receipted(self, monotonic: int | None = None) -> None:
        """The gateway has answered, at ``monotonic`` of the desk's own world (now by default)."""
        self._receipted = self._world.monotonic() if monotonic is None else monotonic

    async def run(self) -> None:
        """Have the offline codes of each quarter hour ready when it begins, and tell of refusals that were
        only counted, until cancelled.
        """
        while True:
            self._changed.clear()
            now = self._trusted_now()
            if now is not None and self._table.offline:
                await self._prepare(self._table.offline, now)
            wait = NO_TIME_MS if now is None else QUARTER_MS - now % QUARTER_MS
            due = [self._world.monotonic() + wait]
            due += [flood.due for flood in self._floods.values() if flood.due is not None]
            await wait_until(self._world, self._changed, min(due))
            self._tell_counted(self._world.monotonic())

    def close(self) -> None:
        """The end of all checks; what was counted is recorded."""
        self._tell_counted(None)
        self._hasher.shutdown(wait=False, cancel_futures=True)

    # --- attempts -------------------------------------------------------------------------------------

    async def enter(self, door: str, entered: Entered, reader: str | None = None) -> bool:
        """Check what was typed at ``door`` and open it or record why not. True if it was opened."""
        if entered.code is None:
            return self._refuse(door, reader, RefusalReason.UNREADABLE)
        before = self._throttles[door]
        counted, admitted = attempt(before, self._world.monotonic())
        if not admitted:
            return self._refuse_throttled(door, reader, before)
        if self._is_crowded(reader or door):
            return self._refuse_crowd(door, reader)
        # counted before the check; its commit comes before that of any verdict, which the door waits for
        self._count(door, counted)
        code = entered.code if len(entered.code) <= MAX_DIGITS and _is_digits(entered.code) else None
        verdict = await self._judge_code(door, code, reader or door)
        opened = self._conclude(door, reader, verdict)
        if opened:
            self._count(door, forgive(self._throttles[door]))
        elif verdict.grant is not None:
            self._count(door, give_back(self._throttles[door], before, counted))
        return opened

    async def card(self, door: str, card: str, reader: str | None = None) -> bool:
        """Check a card in canonical text, as :meth:`enter` does a code; cards are never throttled."""
        if self._is_crowded(reader or door):
            return self._refuse_crowd(door, reader)
        checked = await self._check(reader or door, card_text(card), None)
        now = self._trusted_now()
        if self.witness is not None:
            self.witness(card_text(card), self._table.behind(checked.lookups, CARDS))
        verdict = self._table.judge(door, checked.lookups, now, self._used.at(door), CARDS)
        return self._conclude(door, reader, verdict)

    async def token(self, door: str, text: str, reader: str | None = None) -> bool:
        """Check the text of a QR code or NFC tag: its signature before all else; never throttled."""
        try:
            token = open_token(text, self._site, self._trusted())
        except (EnvelopeError, DecodeError):
            return self._refuse(door, reader, RefusalReason.BAD_TOKEN)
        verdict = judge_token(token, door, self._trusted_now(), self._table.denied_tokens)
        return self._conclude(door, reader, verdict)

    async def _judge_code(self, door: str, code: str | None, reader: str) -> Verdict:
        """``code`` None is one that nothing can match: it costs no hash."""
        if code is None:
            return Verdict(None, RefusalReason.UNKNOWN)
        offline = self._table.has_offline(door, len(code))
        checked = await self._check(reader, code, self._trusted_now() if offline else None)
        now = self._trusted_now()
        if self.witness is not None:
            self.witness(code, self._table.behind(checked.lookups))
        verdict = self._table.judge(door, checked.lookups, now, self._used.at(door))
        if verdict.refusal is None or not offline:
            return verdict
        self._adopt(checked.spaces, checked.slices)
        if now is not None:
            return self._judge_offline(door, code, checked, now) or verdict
        return verdict if verdict.grant is not None else Verdict(None, RefusalReason.NO_TRUSTED_TIME)

    def _judge_offline(self, door: str, code: str, checked: _Checked, now: int) -> Verdict | None:
        alone = self._world.monotonic() - self._receipted >= ALONE_MS
        denied = None
        for match in find(checked.spaces, checked.slices, self._site, door, code, now):
            if alone and match.id not in self._table.denied_offline:
                return Verdict(match.id, None, offline=True, space=match.space)
            denied = Verdict(match.id, RefusalReason.DENIED)
        return denied

    # --- threads --------------------------------------------------------------------------------------

    async def _check(self, reader: str, text: str, offline_at: int | None) -> _Checked:
        """Hash ``text``, and make sure of the offline codes of ``offline_at`` if that is given."""
        self._pending[reader] += 1
        try:
            async with self._turns.setdefault(reader, asyncio.Lock()):
                hashes, spaces, slices = self._table.hashes, self._table.offline, self._slices

                def work() -> _Checked:
                    lookups = {each.salt_id: lookup(self._pepper, hash_code(text, each)) for each in hashes}
                    ready = slices if offline_at is None else prepare(spaces, slices, offline_at)
                    return _Checked(lookups, spaces, ready)

                return await asyncio.get_running_loop().run_in_executor(self._hasher, work)
        finally:
            self._pending[reader] -= 1
            if not self._pending[reader]:
                self._crowded.discard(reader)

    async def _prepare(self, spaces: tuple[OfflineSpace, ...], now: int) -> None:
        # not in the thread that hashes, and space by space: the first table of many takes seconds on a Pi
        loop = asyncio.get_running_loop()
        ready, part = self._slices, self._slices
        for count in range(1, len(spaces) + 1):
            part = await loop.run_in_executor(None, prepare, spaces[:count], ready, now)
            ready = {**ready, **part}
        self._adopt(spaces, part)

    def _adopt(self, spaces: tuple[OfflineSpace, ...], slices: Slices) -> None:
        if spaces is self._table.offline:
            self._slices = slices

    # --- counts, records, answers ---------------------------------------------------------------------

    def _conclude(self, door: str, reader: str | None, verdict: Verdict) -> bool:
        """Open the door or record why not. Under duress nothing here differs but the record."""
        refusal = verdict.refusal
        if refusal is None and verdict.grant is not None:
            accepted = CodeAccepted(
                verdict.grant,
                staff=verdict.staff,
                extended=verdict.extended,
                duress=verdict.duress,
                offline=verdict.offline,
                space=verdict.space,
            )
            used = self._used.with_use(door, verdict.grant) if verdict.once else {}
            refusal = self._open_door(door, accepted, used)
            if refusal is None:
                if verdict.once:
                    self._used.use(door, verdict.grant)
                self._answer(reader, Feedback.ACCEPTED)
                return True
        return self._refuse(door, reader, refusal or RefusalReason.UNKNOWN, verdict.grant)

    def _kept(self, door: str) -> int:
        kept = self._journal.state(f"throttle:{door}")
        return int(kept) if kept is not None and kept.isdigit() else 0

    def _count(self, door: str, throttle: Throttle) -> None:
        self._throttles[door] = throttle
        self._journal.append([], {f"throttle:{door}": b"%d" % throttle.wrong})

    def _is_crowded(self, reader: str) -> bool:
        return self._pending[reader] >= MAX_PENDING

    def _refuse_crowd(self, door: str, reader: str | None) -> bool:
        self._answer(reader, Feedback.REFUSED)
        who = reader or door
        if who not in self._crowded:
            self._crowded.add(who)
            self._record(door, RefusalReason.UNREADABLE, None)
        return False

    def _refuse_throttled(self, door: str, reader: str | None, throttle: Throttle) -> bool:
        self._answer(reader, Feedback.WAIT)
        # one record for each wait: whoever hammers on the keypad must not fill the journal
        if self._told.get(door) != throttle.until:
            self._told[door] = throttle.until
            self._record(door, RefusalReason.THROTTLED, None)
        return False

    def _refuse(self, door: str, reader: str | None, reason: RefusalReason, grant: str | None = None) -> bool:
        no_time = reason in _UNTIMED and self._trusted_now() is None
        self._answer(reader, Feedback.NO_TRUSTED_TIME if no_time else Feedback.REFUSED)
        self._record(door, reason, grant)
        return False

    def _record(self, door: str, reason: RefusalReason, grant: str | None) -> None:
        # a throttled entry has one record for each wait already, and is never summed up
        if reason is not RefusalReason.THROTTLED:
            begun = self._floods[door].due is not None
            self._floods[door], alone = refuse(self._floods[door], (reason, grant), self._world.monotonic())
            if not begun and self._floods[door].due is not None:
                self._changed.set()
            if not alone:
                return
        self._write(door, reason, grant, 1)

    def _tell_counted(self, now: int | None) -> None:
        """Record the sums that are due at monotonic ``now``, or all of them."""
        for door, flood in self._floods.items():
            if flood.due is not None and (now is None or flood.due <= now):
                self._floods[door], counted = tell(flood)
                for (reason, grant), count in counted:
                    self._write(door, reason, grant, count)

    def _write(self, door: str, reason: RefusalReason, grant: str | None, count: int) -> None:
        _LOG.info(line("refused", door=door, reason=reason.value, **({"count": count} if count > 1 else {})))
        self._journal.append([AccessRefused(door=door, reason=reason, grant=grant, count=count)])

    def _answer(self, reader: str | None, feedback: Feedback) -> None:
        if reader is not None:
            self._show(reader, feedback)


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
