"""The school with two doors on the way to its hall, and people who booked it: for tests of their page."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from fastapi import FastAPI
from msgspec.structs import replace
from sqlalchemy import Engine, insert, update

from pleintemps_contract.world import World
from pleintemps_gateway.access.service import CodeDesk, Issued
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.bookings.service import create
from pleintemps_gateway.config import AboutConfig, DeliveryConfig, GatewayConfig, SiteConfig, TextConfig, load
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents, bookings, commands, contacts, events, grants, users
from tests.gateway import house

from . import town

HOUR = 3_600_000
PASSWORD = town.PASSWORD
ABOUT = AboutConfig(
    duty="+33 5 00 00 00 00",
    address="1 rue Haute",
    rules=TextConfig(fr="Fenêtres fermées\nLumières éteintes", en="Windows shut"),
)


class Visitors(NamedTuple):
    app: FastAPI
    engine: Engine
    config: GatewayConfig
    site: SiteConfig
    desk: CodeDesk
    world: World

    def book(self, start: int, end: int, **more: Any) -> tuple[str, Issued]:
        """A booking of the hall, its code on both doors; (its name, its code)."""
        with write_transaction(self.engine, ["ecole"]) as conn:
            made = create(
                conn, self.site, self.desk, space="hall", start=start, end=end, title="Yoga & thé", **more
            )
            conn.execute(update(grants).values(epoch=1, revision=1))
            row = {"name": "Zoé Petit", "mail": "zoe@example.org", "phone": "+33 6 11 22 33 44"}
            conn.execute(insert(contacts).values(site="ecole", booking=made.booking, language="fr", **row))
        return made.booking, made.issued

    def change(self, booking: str, **values: Any) -> None:
        with write_transaction(self.engine, ["ecole"]) as conn:
            conn.execute(update(bookings).where(bookings.c.booking == booking).values(**values))

    def answer(self, outcome: str, refusal: str | None = None) -> None:
        """What the ingest process writes once the door has answered."""
        now = self.world.now()
        with write_transaction(self.engine, ["ecole"]) as conn:
            conn.execute(update(commands).values(outcome=outcome, refusal=refusal, answered=now))

    def refused(self, door: str, reason: str, seq: int) -> None:
        """A try at ``door`` that its agent told of."""
        body = {"type": "access-refused", "door": door, "reader": "keypad", "reason": reason, "kind": "code"}
        with write_transaction(self.engine, ["ecole"]) as conn:
            conn.execute(
                insert(events).values(
                    site="ecole",
                    journal="j" * 32,
                    seq=seq,
                    agent="entrance",
                    boot="b" * 32,
                    at=self.world.now() - 60_000,
                    trusted=True,
                    monotonic=0,
                    received=self.world.now(),
                    type="access-refused",
                    door=door,
                    body=msgspec.json.encode(body).decode(),
                )
            )


def school(folder: Path, engine: Engine, world: World) -> Visitors:
    """The web tier of the small house of gateway tests, with a caretaker called camille."""
    file = folder / "gateway.toml"
    file.write_text(house.TOML.format(url="sqlite://", port=1, extra=""), encoding="utf-8")
    config = load(file)
    site = replace(config.sites[0], about=ABOUT)
    config = replace(config, sites=[site])
    desk = CodeDesk(b"s" * 32, world, Outbox(DeliveryConfig(), b"s" * 32, world))
    now = world.now()
    with write_transaction(engine, ["ecole"]) as conn:
        hashed = town.hashed()
        for name, role in (("camille", "caretaker"), ("vera", "viewer")):
            user = {"name": name, "role": role, "password": hashed, "created": now}
            conn.execute(insert(users).values(site="*", **user))
        held = {"grants_epoch": 5, "grants_revision": 1, "last_seen": now, "command_counter": 0}
        conn.execute(
            insert(agents).values(
                site="ecole", agent="entrance", presence="online", boot="b" * 32, clock_trusted=True, **held
            )
        )
    return Visitors(create_app(config, world, engine, desk), engine, config, site, desk, world)
