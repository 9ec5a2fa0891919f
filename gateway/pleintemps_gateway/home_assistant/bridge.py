"""Home Assistant's side of the broker: a client of its own, off the event path, that follows the store.

Everything is said anew at each connect and when Home Assistant starts. A device on the broker that no longer
is one of ours is taken away. Commands become rows that the gateway signs as any other.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, select

from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.ingest.asking import Wish, ask
from pleintemps_gateway.store.changes import is_told_since
from pleintemps_gateway.store.schema import commands, doors
from pleintemps_gateway.store.writer import Writer

from . import topics
from .client import Client
from .discovery import Payload, devices, without
from .doors import ACTIONS, state_of

USER: Final = "home-assistant"
"""Who asked, in the list of commands and in the audit log."""
SOURCE: Final = "home-assistant"
PAUSE_MS: Final = 1_000
"""Between two commands for one door."""
LOOK_S: Final = 1.0
_MOST_WAITING: Final = 1_000

_log = logging.getLogger(__name__)
Refuse = Callable[[str, str], None]
"""Counts a refusal of a site."""


class Bridge:
    """Raises SettingsError for an address of the broker, or TLS files, that cannot be used."""

    def __init__(
        self, config: GatewayConfig, engine: Engine, writer: Writer, world: World, refuse: Refuse
    ) -> None:
        settings = config.home_assistant
        if settings is None:
            raise ValueError("no [home_assistant]")
        self._prefix = settings.prefix
        self._control = settings.control_sites
        self._engine = engine
        self._writer = writer
        self._world = world
        self._refuse = refuse
        self._agents = {
            topics.Door(site.site, door.door): door.agent for site in config.sites for door in site.doors
        }
        self._sites = [site.site for site in config.sites]
        self._devices: dict[str, Payload] = {}
        for site in config.sites:
            may, url = site.site in self._control, config.web.public_url
            self._devices |= devices(site, self._prefix, control=may, url=url)
        self._seen = dict.fromkeys(self._sites, 0)
        self._said: dict[topics.Door, bytes] = {}
        self._asked: dict[topics.Door, int] = {}
        self._heard: asyncio.Queue[tuple[str, bytes, bool] | None] = asyncio.Queue(_MOST_WAITING)
        wanted = topics.wanted(self._prefix, self._control)
        self._client = Client(config.mqtt, Path(config.keys), wanted, self._put)
        self._loop: asyncio.AbstractEventLoop | None = None

    def _put(self, message: tuple[str, bytes, bool] | None) -> None:
        """From the client's thread: a message, or None for a new connection."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue, message)

    def _queue(self, message: tuple[str, bytes, bool] | None) -> None:
        if self._heard.full():
            return  # a flood: what it says is worth no memory
        self._heard.put_nowait(message)

    async def run(self) -> None:
        """Until cancelled."""
        self._loop = asyncio.get_running_loop()
        self._client.start()
        try:
            while True:
                await self._say_doors()
                try:
                    # not wait_for, which until Python 3.12 may swallow a cancellation
                    async with asyncio.timeout(LOOK_S):
                        message = await self._heard.get()
                except TimeoutError:
                    continue
                await self._hear(message)
        finally:
            await asyncio.to_thread(self._client.stop)

    async def _hear(self, message: tuple[str, bytes, bool] | None) -> None:
        if message is None:
            self._say_everything()
            return
        topic, payload, retained = message
        if topic == f"{self._prefix}/status":
            if payload == b"online" and not retained:
                self._say_everything()
        elif site := topics.site_of_device(self._prefix, topic):
            self._tidy(site, topic, payload)
        elif (door := topics.door_of_command(topic)) is not None:
            await self._command(door, payload, retained)

    # --- said -----------------------------------------------------------------------------------------

    def _say_everything(self) -> None:
        self._client.publish(topics.ONLINE, b"online", True)
        for topic, device in self._devices.items():
            self._client.publish(topic, msgspec.json.encode(device), True)
        self._said.clear()
        self._seen = dict.fromkeys(self._sites, 0)

    def _tidy(self, site: str, topic: str, payload: bytes) -> None:
        """What the broker holds of ours that is no longer so: a device, or a part of one."""
        if site not in self._sites or not payload:
            return
        device = self._devices.get(topic)
        if device is None:
            self._client.publish(topic, b"", True)
            return
        try:
            old = msgspec.json.decode(payload, type=dict[str, Any])
        except msgspec.DecodeError:
            old = {}
        if (taken := without(old, device)) is not None and old != taken:
            self._client.publish(topic, msgspec.json.encode(taken), True)
            self._client.publish(topic, msgspec.json.encode(device), True)

    async def _say_doors(self) -> None:
        if not self._client.is_connected:
            return
        for door, state in (await asyncio.to_thread(self._doors)).items():
            if self._said.get(door) != state:
                self._said[door] = state
                self._client.publish(topics.door_state(*door), state, True)

    def _doors(self) -> dict[topics.Door, bytes]:
        found: dict[topics.Door, bytes] = {}
        with self._engine.connect() as conn:
            for site in self._sites:
                seen, told = is_told_since(conn, site, self._seen[site], (doors.name,))
                if told or self._seen[site] == 0:
                    for row in conn.execute(select(doors).where(doors.c.site == site)):
                        if (door := topics.Door(site, row.door)) in self._agents:
                            found[door] = state_of(dict(row._mapping))
                self._seen[site] = seen
        return found

    # --- asked ----------------------------------------------------------------------------------------

    async def _command(self, door: topics.Door, payload: bytes, retained: bool) -> None:
        agent, action, now = self._agents.get(door), ACTIONS.get(payload), self._world.monotonic()
        complaint = ""
        if door.site not in self._control:
            complaint = "the site does not allow commands"
        elif retained:
            complaint = "retained"
        elif agent is None:
            complaint = "no such door"
        elif action is None:
            complaint = "no such command"
        elif now < self._asked.get(door, -PAUSE_MS) + PAUSE_MS:
            complaint = "too often"
        if complaint or agent is None or action is None:
            if door.site in self._sites:
                self._refuse(door.site, complaint)
            return
        self._asked[door] = now
        wish = Wish(agent, door.door, action, USER)

        def write(conn: Connection) -> None:
            same = (commands.c.site == door.site) & (commands.c.door == door.door)
            same &= (commands.c.action == action.value) & commands.c.outcome.in_(("requested", "sent"))
            if conn.execute(select(commands.c.command).where(same).limit(1)).first() is None:
                ask(conn, door.site, wish, self._world)

        await asyncio.wrap_future(self._writer.submit(write))
        _log.info(line("home-assistant-asks", site=door.site, door=door.door, action=action.value))
