"""The line while it is slow: what is said is said in order, and nothing that waits is lost."""

import asyncio
from collections.abc import Callable
from typing import Any

from pleintemps_contract.agent_messages import Birth, ClockSource, CommandResult
from pleintemps_contract.world import SystemWorld
from pleintemps_edge.clock import Clock
from pleintemps_edge.link.session import MAX_RESPONSES, Broker, Link

from .actors import AGENT, SITE, until


class SlowBroker:
    """Takes what is published at once and acknowledges it when it likes."""

    def __init__(self, acknowledges: Callable[[str], bool]) -> None:
        self.acknowledges = acknowledges
        self.heard: list[tuple[str, bytes]] = []

    async def subscribe(self, _topics: object) -> None:
        return

    async def publish(self, topic: str, payload: bytes, **_options: object) -> None:
        self.heard.append((topic.rpartition("/")[2], payload))
        await until(lambda: self.acknowledges(topic))


def a_link() -> Link:
    world = SystemWorld()
    return Link(Broker("nowhere", 9), SITE, AGENT, "b" * 32, world, Clock(world, 0, lambda: False))


def birth(nonce: str) -> Birth:
    return Birth(
        boot="b" * 32,
        version="1",
        at=0,
        clock=ClockSource.NONE,
        clock_trusted=False,
        nonce=nonce,
        devices=[],
        doors=[],
        series=[],
        journals=[],
    )


def test_an_end_before_the_birth_is_acknowledged_is_said_all_the_same() -> None:
    # a line that ends in order takes its last will with it
    async def story() -> None:
        link, broker = a_link(), SlowBroker(lambda topic: not topic.endswith("birth"))
        client: Any = broker
        untouched: Any = None
        line = asyncio.create_task(link._serve(client, untouched, untouched, untouched, birth))
        await until(lambda: [channel for channel, _ in broker.heard] == ["availability", "birth"])
        await link.farewell()
        line.cancel()
        said = [payload for channel, payload in broker.heard if channel == "availability"]
        assert [b"online" in said[0], b"offline" in said[-1], len(said)] == [True, True, 2]

    asyncio.run(story())


def test_a_full_line_of_responses_drops_the_oldest_only() -> None:
    async def story() -> None:
        link = a_link()
        slow = True
        broker = SlowBroker(lambda _topic: not slow)
        client: Any = broker
        link.respond(CommandResult(id=f"{0:032x}"))
        line = asyncio.create_task(link._send_responses(client))
        await until(lambda: broker.heard)
        for number in range(1, MAX_RESPONSES + 1):
            link.respond(CommandResult(id=f"{number:032x}"))
        slow = False
        await until(lambda: len(broker.heard) == MAX_RESPONSES + 1)
        line.cancel()

    asyncio.run(story())
