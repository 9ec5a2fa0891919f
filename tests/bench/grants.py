"""From a booking that moves to the doors' grants: milliseconds until the agent holds the change.

The ingest process, its store (SQLite, ``synchronous=FULL``) and the broker (Mosquitto) are real. The agents
are light: they check signatures and digests, hold pages, answer manifests. Another process (this one, as the
API does) moves one booking after another; a change counts as held when all pages of the agent's manifest are
there and its grant has the new times.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Engine

from pleintemps_contract import agent_messages as a
from pleintemps_contract.gateway_messages import GrantsManifest, GrantsPage, Window
from pleintemps_contract.keyfiles import AgentKeys, load_agent_keys
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import encode, open_gateway
from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.fleet.plan import FleetPlan
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.bookings.service import create, move
from pleintemps_gateway.config import GatewayConfig, load
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.keys import load_gateway_keys
from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction
from tests.support.broker import Mosquitto, find_mosquitto

from .gateways import BROKER, ingesting, prepare
from .rawmqtt import RawMqtt

LIMIT_MS: Final = 2_000
SITE: Final = "site-1"
HOUR: Final = 3_600_000
_CHEAP: Final = "[sites.codes]\niterations = 1\n"
"""Thousands of codes are hashed before anything is measured."""
_A_STEP: Final = 50
_DEADLINE_S: Final = 120.0


class Holder:
    """One agent: the pages that it was given, and the windows of each grant of its last whole set."""

    def __init__(self, keys: AgentKeys) -> None:
        self.keys = keys
        self.windows: dict[str, list[Window]] = {}
        self.messages = 0
        self._pages: dict[str, GrantsPage] = {}
        self._manifest: GrantsManifest | None = None

    def take(self, topic: Topic, payload: bytes) -> bytes | None:
        """A page or manifest; the answer once a set is whole."""
        message = open_gateway(topic, payload, self.keys.trusted)
        self.messages += 1
        if isinstance(message, GrantsPage):
            self._pages[topic.tail] = message
        elif isinstance(message, GrantsManifest):
            self._manifest = message
        wanted = self._manifest
        if wanted is None or any(digest not in self._pages for digest in wanted.pages):
            return None
        self._manifest = None
        self._pages = {digest: self._pages[digest] for digest in wanted.pages}
        self.windows = {grant.id: grant.windows for page in self._pages.values() for grant in page.grants}
        return encode(
            a.ManifestResult(
                epoch=wanted.epoch, revision=wanted.revision, applied=True, grants=len(self.windows)
            )
        )


class Holders:
    """All agents on one connection."""

    def __init__(self, port: int, keys: list[AgentKeys]) -> None:
        self.agents = {each.agent: Holder(each) for each in keys}
        self._connection = RawMqtt(port, "holders", self._on_message)
        self._connection.subscribe([f"pleintemps/v1/{SITE}/+/grants/#"])

    def births(self, world: SystemWorld) -> None:
        for name in self.agents:
            birth = a.Birth(
                boot=world.new_id(),
                version="bench",
                at=world.now(),
                clock=a.ClockSource.NTP,
                clock_trusted=True,
                nonce=world.new_id(),
                devices=[],
                doors=[],
                series=[],
                journals=[],
            )
            topic = str(Topic.of_agent(SITE, name, Channel.BIRTH))
            self._connection.publish(topic, encode(birth), retain=True)

    def _on_message(self, text: str, payload: bytes) -> None:
        topic = Topic.parse(text)
        if not payload:
            return
        answer = self.agents[topic.agent].take(topic, payload)
        if answer is not None:
            said = str(Topic.of_agent(SITE, topic.agent, Channel.RESPONSE))
            self._connection.publish(said, answer)

    def until_held(self, agent: str, grant: str, window: Window) -> None:
        """Return as soon as ``agent`` holds ``grant`` for ``window``; raises TimeoutError."""
        holder, deadline = self.agents[agent], time.monotonic() + _DEADLINE_S
        while holder.windows.get(grant) != [window]:
            self._connection.step(0.05)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{agent} never held the change")

    def until_all(self, count: int) -> None:
        """Return when the agents hold ``count`` grants together; raises TimeoutError."""
        deadline = time.monotonic() + _DEADLINE_S
        while sum(len(holder.windows) for holder in self.agents.values()) < count:
            self._connection.step(0.05)
            if time.monotonic() > deadline:
                raise TimeoutError("the agents never held everything")

    @property
    def messages(self) -> int:
        return sum(holder.messages for holder in self.agents.values())

    def close(self) -> None:
        self._connection.close()


class Booking(msgspec.Struct):
    booking: str
    grant: str
    space: str
    start: int


def book(config: GatewayConfig, engine: Engine, desk: CodeDesk, count: int) -> list[Booking]:
    """``count`` bookings of an hour, spread over all spaces and the days ahead."""
    site, first = config.sites[0], desk.world.now() + 3 * HOUR
    made: list[Booking] = []
    while len(made) < count:
        with write_transaction(engine, [SITE]) as conn:
            for _ in range(min(_A_STEP, count - len(made))):
                space = site.spaces[len(made) % len(site.spaces)].space
                start = first + len(made) // len(site.spaces) * 2 * HOUR
                new = create(conn, site, desk, space=space, start=start, end=start + HOUR, title="x")
                if new.issued is None:
                    raise RuntimeError(f"no code: {new.withheld}")
                made.append(Booking(new.booking, new.issued.grant, space, start))
    return made


def measure(folder: Path, port: int, agents: int, bookings: int, changes: int) -> dict[str, object]:
    file = prepare(folder, FleetPlan(1, agents, 1), port, _CHEAP)
    config, world = load(file), SystemWorld()
    migrate(config.database_url)
    engine = open_engine(config.database_url)
    sealing = load_gateway_keys(Path(config.keys)).sealing
    desk = CodeDesk(sealing, world, Outbox(config.delivery, sealing, world))
    began = time.perf_counter()
    made = book(config, engine, desk, bookings)
    booked_s = time.perf_counter() - began
    print(f"{bookings} bookings made in {booked_s:.1f} s", file=sys.stderr)
    keys = [load_agent_keys(Path(config.keys) / "agents" / door.agent) for door in config.sites[0].doors]
    holders = Holders(port, keys)
    try:
        with ingesting(file):
            began = time.perf_counter()
            holders.births(world)
            holders.until_all(bookings)
            all_s = time.perf_counter() - began
            print(f"every grant is on its door after {all_s:.1f} s", file=sys.stderr)
            times, messages = [], holders.messages
            for turn in range(changes):
                each = made[world.random_below(len(made))]
                each.start += (turn % 7 + 1) * 60_000
                began = time.perf_counter()
                with write_transaction(engine, [SITE]) as conn:
                    move(conn, config.sites[0], desk, each.booking, start=each.start, end=each.start + HOUR)
                wanted = Window(start=each.start - 900_000, end=each.start + HOUR + 900_000)
                holders.until_held(f"{SITE}-{each.space.removeprefix('room-')}", each.grant, wanted)
                times.append((time.perf_counter() - began) * 1000)
            told = (holders.messages - messages) / changes
    finally:
        holders.close()
        engine.dispose()
    times.sort()
    return {
        "p50_ms": round(times[len(times) // 2], 1),
        "p99_ms": round(times[min(len(times) - 1, len(times) * 99 // 100)], 1),
        "max_ms": round(times[-1], 1),
        "limit_ms": LIMIT_MS,
        "ratio": round(times[-1] / LIMIT_MS, 3),
        "changes": changes,
        "bookings": bookings,
        "agents": agents,
        "messages_a_change": round(told, 2),
        "start_s": round(all_s, 1),
        "store": "sqlite",
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.grants", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--bookings", type=int, default=5_000)
    parser.add_argument("--changes", type=int, default=300)
    options = parser.parse_args()
    program = find_mosquitto()
    if program is None:
        print("mosquitto is missing", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="pleintemps-bench-") as name:
        folder = Path(name)
        broker = Mosquitto(program, folder, extra=BROKER)
        broker.start()
        try:
            result = measure(folder, broker.port, options.agents, options.bookings, options.changes)
        finally:
            broker.stop()
    if options.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f"{key}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
