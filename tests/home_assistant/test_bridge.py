"""The bridge on a real broker, under the access list that the manual gives: said, taken away, asked."""

import asyncio
import json
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import insert, select, update

from pleintemps_gateway.config import load
from pleintemps_gateway.home_assistant import topics
from pleintemps_gateway.home_assistant.bridge import Bridge
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import audit, commands, doors
from pleintemps_gateway.store.writer import Writer
from tests.gateway.house import NOW, House, build
from tests.support.broker import Mosquitto, find_mosquitto

PREFIX = "homeassistant"
HALL = topics.device(PREFIX, "ecole", "space", "hall")
PATIENCE_S = 15


class HomeAssistant:
    """Somebody on the broker under the name ``homeassistant``; ``held`` is the youngest of each topic."""

    def __init__(self, port: int) -> None:
        self.held: dict[str, bytes] = {}
        self._heard: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set("homeassistant")
        self._client.on_message = lambda _client, _data, message: self._heard.put(
            (message.topic, bytes(message.payload))
        )
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([(f"{PREFIX}/#", 1), (f"{topics.BASE}/#", 1)])
        self._client.loop_start()

    def say(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE_S)

    def until(self, done: Callable[[dict[str, bytes]], bool]) -> None:
        """Listen until ``done``; raises queue.Empty when nothing comes any more."""
        while not done(self.held):
            topic, payload = self._heard.get(timeout=PATIENCE_S)
            self.held[topic] = payload

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Stage:
    """A broker, the gateway's store with two doors, and the bridge's refusals."""

    def __init__(self, folder: Path, store: str, program: str) -> None:
        rules = folder / "acl"
        first, *lines = topics.acl(PREFIX, ("ecole",))
        assert first == "user gateway"  # what stands before any user is for who says no name: here the bridge
        rules.write_text("\n".join([*lines, ""]))
        rules.chmod(0o600)
        self.broker = Mosquitto(program, folder, extra=f"acl_file {rules}")
        self.broker.start()
        self.house: House = build(folder, store, port=self.broker.port)
        self.refused: list[tuple[str, str]] = []
        self.writer = Writer(self.house.engine, ["ecole"])
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            for door in ("gate", "hall"):
                row = {"site": "ecole", "door": door, "agent": "entrance", "mode": "Locked", "at": NOW}
                row |= {"physical": "Closed", "lock": "Locked", "alarm": "Normal", "since": NOW}
                conn.execute(insert(doors).values(row))
            record_change(conn, "ecole", "doors", "hall", NOW)
        self.home = HomeAssistant(self.broker.port)

    @asynccontextmanager
    async def bridge(self, *, control: bool, without_class: bool = False) -> AsyncIterator[None]:
        text = self.house.file.read_text()
        sites = '["ecole"]' if control else "[]"
        table = f"[home_assistant]\ncontrol_sites = {sites}\n[[sites]]"
        if without_class:
            text = text.replace('[[sites.spaces]]\nspace = "class"\nname = "Classe"\n', "")
            text = text.replace('to = "class"', 'to = "hall"')
        file = self.house.file.with_name("bridge.toml")
        file.write_text(text.replace("[[sites]]", table, 1))
        made = Bridge(
            load(file),
            self.house.engine,
            self.writer,
            self.house.world,
            lambda site, reason: self.refused.append((site, reason)),
        )
        task = asyncio.create_task(made.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def until(self, done: Callable[[dict[str, bytes]], bool]) -> None:
        await asyncio.to_thread(self.home.until, done)

    async def refusals(self, number: int) -> list[tuple[str, str]]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.refused) < number:
                await asyncio.sleep(0.01)
        return self.refused

    def rows(self, table: Any) -> list[Any]:
        with self.house.engine.connect() as conn:
            return list(conn.execute(select(table)).all())

    def close(self) -> None:
        self.home.close()
        self.writer.close()
        self.broker.stop()
        self.house.engine.dispose()


@pytest.fixture
def stage(tmp_path: Path, sqlite_url: str) -> Iterator[Stage]:
    program = find_mosquitto()
    if program is None:
        pytest.skip("mosquitto is not installed")
    made = Stage(tmp_path, sqlite_url, program)
    yield made
    made.close()


def door(name: str) -> str:
    return topics.door_state("ecole", name)


def test_devices_are_said_kept_up_to_date_and_taken_away(stage: Stage) -> None:
    async def story() -> None:
        home = stage.home
        async with stage.bridge(control=False):
            await stage.until(lambda held: len(held) >= 8 and door("hall") in held)
            assert home.held[topics.ONLINE] == b"online"
            kinds = {topic.split("/")[3] for topic in home.held if topic.startswith(PREFIX)}
            assert kinds == {f"ecole_space_{space}" for space in ("yard", "hall", "class")} | {
                f"ecole_agent_{agent}" for agent in ("entrance", "upstairs")
            }
            with write_transaction(stage.house.engine, ["ecole"]) as conn:
                conn.execute(update(doors).where(doors.c.door == "hall").values(physical="Open"))
                record_change(conn, "ecole", "doors", "hall", NOW)
            await stage.until(lambda held: json.loads(held[door("hall")])["open"] == "ON")
            home.held.clear()
            await asyncio.to_thread(home.say, f"{PREFIX}/status", "online")  # it was started anew
            await stage.until(lambda held: HALL in held and door("gate") in held)
            await asyncio.to_thread(home.say, f"{topics.BASE}/ecole/door/hall/set", "UNLOCK")
        await stage.until(lambda held: held.get(topics.ONLINE) == b"offline")
        assert stage.rows(commands) == []  # nobody listens
        foreign = f"{PREFIX}/device/pleintemps/other_space_x/config"
        await asyncio.to_thread(home.say, foreign, "{}", retain=True)
        home.held.clear()
        async with stage.bridge(control=True, without_class=True):
            gone = topics.device(PREFIX, "ecole", "space", "class")
            await stage.until(lambda held: held.get(gone) == b"" and b"lock_hall" in held.get(HALL, b""))
        assert foreign not in home.held or home.held[foreign] == b"{}"

    asyncio.run(story())


def test_what_it_asks_becomes_a_command_of_ours_in_its_name(stage: Stage) -> None:
    async def story() -> None:
        home, ask = stage.home, topics.door_command("ecole", "hall")
        async with stage.bridge(control=True):
            await stage.until(lambda held: door("hall") in held)
            for topic, payload in (
                (topics.door_command("ecole", "cellar"), "UNLOCK"),
                (ask, "EXPLODE"),
                (ask, "UNLOCK"),
                (ask, "LOCK"),  # at the same moment of our clock
            ):
                await asyncio.to_thread(home.say, topic, payload)
            refused = await stage.refusals(3)
            assert [reason for _, reason in refused] == ["no such door", "no such command", "too often"]
            (row,) = stage.rows(commands)
            assert (row.door, row.agent, row.action) == ("hall", "entrance", "UnlockDoor")
            assert (row.user, row.outcome) == ("home-assistant", "requested")
            await stage.house.world.advance(1_000)
            await asyncio.to_thread(home.say, ask, "UNLOCK")  # it is asked already
            await stage.house.world.advance(1_000)
            await asyncio.to_thread(home.say, ask, "nonsense")
            await stage.refusals(4)
            assert len(stage.rows(commands)) == 1
        await asyncio.to_thread(home.say, ask, "OPEN", retain=True)
        async with stage.bridge(control=True):
            assert (await stage.refusals(5))[-1] == ("ecole", "retained")
        assert len(stage.rows(commands)) == 1
        logged = [row for row in stage.rows(audit) if row.action == "door.command"]
        assert len(logged) == 1 and "home-assistant" in logged[0].fields

    asyncio.run(story())
