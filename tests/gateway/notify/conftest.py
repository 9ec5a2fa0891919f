"""A gateway's store with two alerts, a duty file, and the two who work on them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, Row, insert, select, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.connections.settings import WebhooksConfig
from pleintemps_gateway.notify.bell import Bell, Report
from pleintemps_gateway.notify.duty import DutyBook
from pleintemps_gateway.notify.ringer import Ringer
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import open_engine, write_transaction
from pleintemps_gateway.store.writer import Writer
from tests.gateway.web import town
from tests.support.stores import make_store

from .receiver import Receiver

MINUTE = town.MINUTE
NOISE, WATCH = "a" * 32, "b" * 32
DUTY = """
[[people]]
person = "camille"
name = "Camille Roux"
channels = { page = "json://127.0.0.1:{port}/camille", mail = "json://127.0.0.1:{port}/mail" }
report = true

[[people]]
person = "marion"
language = "en"
channels = { page = "json://127.0.0.1:{port}/marion" }
quiet = { from = "22:00", to = "06:00" }

[[people]]
person = "regard"
watch = false

[[rotas]]
wait_min = 10
last = ["regard"]

[[rotas.shifts]]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
from = "18:00"
to = "07:00"
people = ["camille", "marion"]
"""


class Desk:
    """Everything a test looks at; ``tick`` lets the gateway work at the present moment."""

    def __init__(self, folder: Path, url: str, port: int, text: str = DUTY) -> None:
        self.file = folder / "duty.toml"
        self.write(text.replace("{port}", str(port)))
        (folder / "keys/gateway").mkdir(parents=True)
        self.world = ManualWorld(now=town.NOW)
        base = town.config()
        self.config: GatewayConfig = msgspec.structs.replace(
            base,
            duty_file=str(self.file),
            keys=str(folder / "keys"),
            webhooks=WebhooksConfig(private_networks=("127.0.0.1/32",)),
        )
        make_store(url)
        self.engine: Engine = open_engine(url)
        with write_transaction(self.engine, ["moulin"]) as conn:
            for name in ("camille", "marion"):
                values = {"name": name, "password": "-", "role": "caretaker", "created": 0}
                conn.execute(insert(schema.users).values(site="*", **values))
            for alert, rank, kind in ((NOISE, "alert", "noise"), (WATCH, "watch", "no-show")):
                self.add(conn, alert, kind, rank)
        self.writer = Writer(self.engine, ["moulin", "ecole"])
        self.book = DutyBook(self.config)
        self.ringer = Ringer(self.engine, self.writer, self.config.sites, self.book, self.world)
        self.bell = Bell(self.engine, self.writer, self.config, self.book, self.world, _report)

    def write(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")
        self.file.chmod(0o600)

    def add(self, conn: Any, alert: str, kind: str, rank: str, subject: str = "") -> None:
        facts = '{"level_db":74.2,"limit_db":65,"window_s":900,"quiet":true}' if kind == "noise" else "{}"
        conn.execute(
            insert(schema.alerts).values(
                site="moulin",
                alert=alert,
                kind=kind,
                rank=rank,
                subject=subject or f"{kind}:studio",
                space="studio",
                state="open",
                opened=self.world.now(),
                facts=facts,
            )
        )

    def tick(self) -> int:
        """How many notices were tried."""
        if self.ringer.is_due():
            self.writer.submit(self.ringer.look).result()
        return asyncio.run(self.bell.send_due())

    def pass_by(self, minutes: float) -> None:
        asyncio.run(self.world.advance(round(minutes * MINUTE)))

    def later(self, minutes: float) -> int:
        self.pass_by(minutes)
        return self.tick()

    def set(self, alert: str, **values: Any) -> None:
        with write_transaction(self.engine, ["moulin"]) as conn:
            conn.execute(update(schema.alerts).where(schema.alerts.c.alert == alert).values(**values))

    def notices(self) -> list[Row[Any]]:
        with self.engine.connect() as conn:
            order = (schema.notices.c.created, schema.notices.c.person, schema.notices.c.channel)
            return list(conn.execute(select(schema.notices).order_by(*order)))

    def told(self) -> list[tuple[str, str, str]]:
        return [(row.person, row.channel, row.state) for row in self.notices()]

    def acts(self, alert: str) -> list[tuple[str, str | None]]:
        table = schema.alert_acts
        with self.engine.connect() as conn:
            rows = conn.execute(select(table).where(table.c.alert == alert).order_by(table.c.seq))
            return [(row.act, row.person) for row in rows]

    def close(self) -> None:
        self.writer.close()
        self.engine.dispose()


def _report(person: str, day: str, language: str) -> Report:
    return Report(f"Night {day}", f"<p>{person} {language}</p>", b"%PDF-", f"{day}.pdf")


@pytest.fixture
def desk(tmp_path: Path, sqlite_url: str, receiver: Receiver) -> Iterator[Desk]:
    made = Desk(tmp_path, sqlite_url, receiver.port)
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()
