"""A demo building that runs beside a test, and witnesses of what its agents wrote."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import create_engine, select

from pleintemps_contract.agent_messages import Event
from pleintemps_firmware_sim.demo import DemoBuilding, DemoOptions
from pleintemps_gateway.store import schema
from tests.support.ports import find_free_port
from tests.support.waiting import wait_for

T = TypeVar("T")


class RunningDemo:
    """A :class:`DemoBuilding` on a loop of its own, for tests that block; a context manager."""

    def __init__(self, data: Path, *, seed: int = 1, speed: float = 1) -> None:
        self.data = data
        self.demo = DemoBuilding(DemoOptions(port=find_free_port(), data=data, seed=seed, speed=speed))
        self._evenings: list[asyncio.Task[None]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "RunningDemo":
        self._thread.start()
        with contextlib.ExitStack() as unfinished:
            unfinished.callback(self.__exit__)  # else what has begun goes on beside every later test
            self.call(self.demo.__aenter__(), within_s=90)
            unfinished.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.call(self._leave(), within_s=30)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    async def _leave(self) -> None:
        for evening in self._evenings:
            evening.cancel()
        await asyncio.gather(*self._evenings, return_exceptions=True)
        await self.demo.__aexit__(None, None, None)

    def call(self, work: Coroutine[Any, Any, T], *, within_s: float) -> T:
        """The result of a coroutine on the demo's loop; what takes longer is cancelled."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(within_s)
        except TimeoutError:
            future.cancel()
            raise

    def start_evening(self, number: int = 1) -> "asyncio.Future[None]":
        """Let the people of one evening come; the answer says when they are gone."""

        async def begin() -> asyncio.Task[None]:
            self._evenings.append(asyncio.create_task(self.demo.evening(number)))
            return self._evenings[-1]

        return self.call(begin(), within_s=5)

    @property
    def database(self) -> Path:
        return self.data / "state" / "gateway.db"


class Witness:
    """Copies every record that an agent commits, in the agent's own database and transaction."""

    def __init__(self, database: Path) -> None:
        wait_for(lambda: _has_events(database), within_s=30, what=f"journal at {database}")
        self.database = database
        with sqlite3.connect(database, timeout=30) as connection:
            connection.executescript(
                """
                BEGIN IMMEDIATE;
                CREATE TABLE witness (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
                INSERT INTO witness SELECT seq, body FROM events;
                CREATE TRIGGER witness_insert AFTER INSERT ON events
                BEGIN INSERT INTO witness VALUES (new.seq, new.body); END;
                COMMIT;
                """
            )
            self.journal: str = connection.execute("SELECT id FROM journal").fetchone()[0]
            highest = connection.execute(
                "SELECT max(seq) FROM sqlite_sequence WHERE name = 'events'"
            ).fetchone()
            before = connection.execute("SELECT min(seq) FROM witness").fetchone()[0]
        self.since: int = before if before is not None else (highest[0] or 0) + 1
        """Sequence number from which on nothing escaped."""

    def committed(self) -> dict[int, object]:
        """Every event since, by sequence number."""
        with sqlite3.connect(self.database, timeout=30) as connection:
            rows = connection.execute("SELECT seq, body FROM witness").fetchall()
        return {seq: _event(body) for seq, body in rows}

    def held(self) -> int:
        """Records that no receipt has released yet."""
        with sqlite3.connect(self.database, timeout=30) as connection:
            return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def stored(demo: RunningDemo, witness: Witness) -> dict[int, object]:
    """What the gateway stored of that journal, by sequence number."""
    engine = create_engine(f"sqlite:///{demo.database}")
    table = schema.events
    query = select(table.c.seq, table.c.body).where(
        table.c.journal == witness.journal, table.c.seq >= witness.since
    )
    with engine.connect() as connection:
        return {seq: msgspec.json.decode(body, type=Event) for seq, body in connection.execute(query)}


def _event(body: bytes) -> object:
    return msgspec.json.decode(msgspec.json.encode(msgspec.json.decode(body)["event"]), type=Event)


def _has_events(database: Path) -> bool:
    if not database.exists():
        return False
    with sqlite3.connect(database, timeout=30) as connection:
        return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone())
