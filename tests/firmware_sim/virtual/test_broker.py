"""The broker in memory does what agents and gateway rely on."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

import pytest

from pleintemps_contract.cores import Delivered, Will
from pleintemps_firmware_sim.virtual.broker import (
    GIVEN_UP_S,
    NOTICED_S,
    Access,
    GatewayAccess,
    MemoryBroker,
    matches,
)
from pleintemps_firmware_sim.virtual.loop import run
from pleintemps_firmware_sim.virtual.paths import Path
from pleintemps_firmware_sim.virtual.worlds import VirtualWorld, chance_of

MINE = "pleintemps/v1/ecole/hall"
EVENTS = f"{MINE}/events"


class Town:
    """A broker, an agent's way to it, and a gateway that stores when it is told to."""

    def __init__(self) -> None:
        self.world = VirtualWorld(0, 1, "test")
        self.broker = MemoryBroker(self.world)
        self.path = Path(chance_of(1, "way"))
        self.access = Access(self.broker, self.path)
        self.taken: list[tuple[Delivered, Future[None]]] = []
        self.connects = 0
        self.session = GatewayAccess(self.broker).session(["ecole"], self.take, self.connected)

    def take(self, topic: str, payload: bytes, retained: bool) -> "Future[None]":
        future: Future[None] = Future()
        self.taken.append((Delivered(topic, payload, retained), future))
        return future

    def connected(self) -> None:
        self.connects += 1

    async def wait(self, milliseconds: int = 10) -> None:
        await self.world.sleep_until(self.world.monotonic() + milliseconds)

    def payloads(self) -> list[bytes]:
        return [message.payload for message, _ in self.taken]


def story(tell: Callable[[Town], Awaitable[None]]) -> None:
    async def main() -> None:
        await tell(Town())

    run(main())


@pytest.mark.parametrize(
    ("wanted", "topic", "found"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("+/b", "a/b", True),
        ("a/b", "a", False),
        ("a", "a/b", False),
    ],
)
def test_filters(wanted: str, topic: str, found: bool) -> None:
    assert matches(wanted, topic) is found


def test_what_the_gateway_has_not_stored_comes_again() -> None:
    async def tell(town: Town) -> None:
        town.session.start()
        async with town.access.line("hall", None) as line:
            await town.wait()
            for payload in (b"1", b"2"):
                await line.publish(EVENTS, payload, qos=1, retain=False)
            assert town.payloads() == [b"1", b"2"]
            town.taken[0][1].set_result(None)
            town.broker.stop()
            town.broker.start()
            await town.wait(3_000)
            assert town.payloads() == [b"1", b"2", b"2"]
            assert town.connects == 2

    story(tell)


def test_what_was_said_while_the_gateway_was_away_is_kept_for_it() -> None:
    async def tell(town: Town) -> None:
        town.session.start()
        await town.wait()
        town.session.stop()
        async with town.access.line("hall", None) as line:
            await line.publish(EVENTS, b"1", qos=1, retain=False)
        assert town.taken == []
        after = GatewayAccess(town.broker).session(["ecole"], town.take, town.connected)
        after.start()
        await town.wait()
        assert town.payloads() == [b"1"]

    story(tell)


def test_a_last_will_is_said_unless_it_was_taken_back() -> None:
    async def tell(town: Town) -> None:
        will = Will(f"{MINE}/availability", b"offline")
        async with town.access.line("hall", will):
            pass
        assert town.broker.retained == {}
        line = town.access.line("hall", will)
        await line.__aenter__()
        town.path.break_all("cable pulled")
        assert town.broker.retained == {will.topic: will.payload}
        with pytest.raises(ConnectionError):
            await line.next_message()

    story(tell)


def test_retained_messages_come_first_and_are_cleared_by_an_empty_one() -> None:
    async def tell(town: Town) -> None:
        town.broker.publish(f"{MINE}/config", b"old", True)
        async with town.access.line("hall", None) as line:
            await line.subscribe([(f"{MINE}/config", 1)])
            town.broker.publish(f"{MINE}/config", b"new", True)
            found = [await line.next_message() for _ in range(2)]
            assert [(each.payload, each.retained) for each in found] == [(b"old", True), (b"new", False)]
            town.broker.publish(f"{MINE}/config", b"", True)
            assert town.broker.retained == {}

    story(tell)


def test_a_dead_line_is_noticed_by_the_broker_first() -> None:
    async def tell(town: Town) -> None:
        will = Will(f"{MINE}/availability", b"offline")
        line = town.access.line("hall", will)
        await line.__aenter__()
        line.dies()
        said = asyncio.ensure_future(line.publish(EVENTS, b"1", qos=1, retain=False))
        waits = asyncio.ensure_future(line.next_message())
        await town.wait(round(1_000 * GIVEN_UP_S) - 1)
        assert (town.broker.retained, waits.done()) == ({}, False)
        assert isinstance(said.exception(), ConnectionError)  # no answer within its own time
        await town.wait(round(1_000 * (NOTICED_S - GIVEN_UP_S)) - 1)
        assert town.broker.retained == {will.topic: will.payload}
        assert not waits.done()
        await town.wait(2)
        assert isinstance(waits.exception(), ConnectionError)

    story(tell)


def test_late_messages_keep_their_order_and_shuffled_ones_all_arrive() -> None:
    async def tell(town: Town) -> None:
        town.session.start()
        town.path.late_ms = 5_000
        async with town.access.line("hall", None) as line:
            for number in range(3):
                await line.publish(EVENTS, b"%d" % number, qos=1, retain=False)
            assert town.world.monotonic() > 15_000
            town.path.late_ms = 0
            town.path.shuffle_ms = 2_000
            sent = [line.publish(EVENTS, b"%d" % number, qos=1, retain=False) for number in range(3, 20)]
            await asyncio.gather(*sent)
        found = [int(payload) for payload in town.payloads()]
        assert found[:3] == [0, 1, 2]
        assert sorted(found) == list(range(20)) != found

    story(tell)
