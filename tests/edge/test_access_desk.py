"""The desk: counted before the check, one hash, one verdict, one record."""

import asyncio
from collections.abc import Mapping, Sequence

from pleintemps_contract.agent_messages import AccessRefused, Event, RefusalReason
from pleintemps_contract.gateway_messages import GrantsManifest, GrantsPage
from pleintemps_contract.wire import encode
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.access.desk import Desk
from pleintemps_edge.access.dialogue import Entered
from pleintemps_edge.access.grants import GrantTable, page_digest

from .actors import CODE, HASHES, PEPPER, grant


class Notebook:
    """A journal in memory, in the order of what was written."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.written: list[Event | dict[str, bytes]] = []

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]":
        self.written += [*events, *([dict(state)] if state else [])]
        self.kept |= state or {}
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_result(0)
        return future

    def state(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def reasons(self) -> list[RefusalReason]:
        return [entry.reason for entry in self.written if isinstance(entry, AccessRefused)]


class Place:
    """A desk with one door, one grant, and a world that stands still."""

    def __init__(self, notebook: Notebook | None = None, *, trusted: bool = True, obeys: bool = True) -> None:
        self.world = ManualWorld()
        self.notebook = notebook or Notebook()
        self.opened: list[str] = []
        self.obeys = obeys
        now = self.world.now if trusted else lambda: None
        self.desk = Desk(["hall"], PEPPER, self.world, self.notebook, now, self.open)
        body = encode(GrantsPage(epoch=1, revision=1, grants=[grant()]))
        manifest = GrantsManifest(epoch=1, revision=1, hashes=[HASHES], pages=[page_digest(body)])
        self.desk.table = GrantTable.build(manifest, [body])

    def open(self, door: str, grant_id: str) -> bool:
        if self.obeys:
            self.opened.append(grant_id)
        return self.obeys

    async def enter(self, code: str | None) -> bool:
        return await self.desk.enter("hall", Entered(code))


def test_a_right_code_opens_and_forgives() -> None:
    async def story() -> None:
        place = Place()
        assert not await place.enter("00000000")
        assert await place.enter(CODE)
        assert place.opened == [grant().id]
        assert place.notebook.kept["throttle:hall"] == b"0"
        assert place.notebook.reasons() == [RefusalReason.UNKNOWN]

    asyncio.run(story())


def test_an_attempt_is_counted_before_it_is_checked() -> None:
    async def story() -> None:
        place = Place()
        await place.enter("00000000")
        assert place.notebook.written[0] == {"throttle:hall": b"1"}
        assert isinstance(place.notebook.written[1], AccessRefused)

    asyncio.run(story())


def test_after_five_wrong_codes_even_the_right_one_waits_and_then_opens() -> None:
    async def story() -> None:
        place = Place()
        for _ in range(5):
            assert not await place.enter("00000000")
        for _ in range(3):
            assert not await place.enter(CODE)
        # one record for the whole wait
        assert place.notebook.reasons().count(RefusalReason.THROTTLED) == 1
        place.world.move(30_000)
        assert await place.enter(CODE)

    asyncio.run(story())


def test_a_restart_forgets_no_wrong_code() -> None:
    async def story() -> None:
        first = Place()
        for _ in range(5):
            await first.enter("00000000")
        second = Place(first.notebook)
        assert not await second.enter(CODE)
        assert second.notebook.reasons()[-1] is RefusalReason.THROTTLED
        second.world.move(30_000)
        assert await second.enter(CODE)

    asyncio.run(story())


def test_parallel_attempts_are_counted_one_by_one() -> None:
    async def story() -> None:
        place = Place()
        results = await asyncio.gather(*(place.enter("00000000") for _ in range(20)))
        assert not any(results)
        assert place.notebook.reasons().count(RefusalReason.UNKNOWN) == 5

    asyncio.run(story())


def test_refusals_have_their_reason() -> None:
    async def story() -> None:
        untrusted = Place(trusted=False)
        assert not await untrusted.enter(CODE)
        assert untrusted.notebook.reasons() == [RefusalReason.NO_TRUSTED_TIME]
        blocked = Place(obeys=False)
        assert not await blocked.enter(CODE)
        assert blocked.notebook.reasons() == [RefusalReason.DOOR_MODE]
        spoiled = Place()
        assert not await spoiled.enter(None)
        assert spoiled.notebook.reasons() == [RefusalReason.UNREADABLE]
        assert "throttle:hall" not in spoiled.notebook.kept
        assert not await spoiled.enter("1" * 13)
        assert spoiled.notebook.reasons()[-1] is RefusalReason.UNKNOWN

    asyncio.run(story())


def test_no_digit_reaches_the_notebook() -> None:
    async def story() -> None:
        place = Place()
        await place.enter("31415926")
        await place.enter(CODE)
        written = repr(place.notebook.written)
        assert "31415926" not in written
        assert CODE not in written

    asyncio.run(story())
