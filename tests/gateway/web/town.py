"""A small town on the evening of Thursday 19 November 2026 at 22:53: every look of a tile, four alerts."""

import json
import sqlite3
from contextlib import closing
from datetime import datetime
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Engine, Table, insert

from pleintemps_gateway.api.passwords import hash_password
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import open_engine, write_transaction

ZONE = ZoneInfo("Europe/Paris")
PASSWORD = "a lamp for each room"
MINUTE = 60_000
NOISE, DOOR_OPEN, SILENT = "a1" * 16, "a2" * 16, "a3" * 16
SCHOOL_ALERT = "a4" * 16
BOOKING = "b1" * 16


def at(clock: str, day: int = 19) -> int:
    """Unix ms of that hour of November 2026 in Paris."""
    hour, minute = map(int, clock.split(":"))
    return round(datetime(2026, 11, day, hour, minute, tzinfo=ZONE).timestamp() * 1000)


NOW = at("22:53")


def config() -> GatewayConfig:
    def space(name: str, title: str, limit: float = 65, **more: Any) -> dict[str, Any]:
        return {"space": name, "name": title, "noise": {"quiet_limit_db": limit}, **more}

    def door(name: str, title: str, to: str, agent: str) -> dict[str, Any]:
        return {"door": name, "name": title, "agent": agent, "from": "street", "to": to}

    return msgspec.convert(
        {
            "sites": [
                {
                    "site": "moulin",
                    "name": "MJC du Moulin",
                    "spaces": [
                        space("studio", "Studio de répétition"),
                        space("theatre", "Salle de théâtre"),
                        space("danse", "Salle de danse"),
                        space("bois", "Atelier bois"),
                        space("hall", "Hall", bookable=False),
                    ],
                    "doors": [
                        door("studio", "Studio", "studio", "moulin-1"),
                        door("vestiaires", "Vestiaires", "danse", "moulin-1"),
                        door("hall", "Hall", "hall", "moulin-1"),
                    ],
                },
                {
                    "site": "ecole",
                    "name": "Groupe scolaire",
                    "spaces": [
                        space("biblio", "Bibliothèque", 60),
                        space("cantine", "Réfectoire", 60),
                        space("preau", "Préau et cour", 55),
                    ],
                    "doors": [
                        door("portail", "Portail", "preau", "ecole-1"),
                        door("cantine", "Réfectoire", "cantine", "cantine-1"),
                    ],
                    "signals": [{"signal": "preau-light", "agent": "ecole-1", "space": "preau"}],
                },
            ]
        },
        GatewayConfig,
    )


def fill(engine: Engine, now: int = NOW) -> None:
    """Everything that the page shows, as ingest would have stored it, and three people.

    A store of SQLite is the copy of one that was filled before: to make the tables takes longer.
    """
    if engine.dialect.name != "sqlite" or now != NOW:
        _fill(engine, now)
        return
    copy = engine.raw_connection()
    assert isinstance(copy.driver_connection, sqlite3.Connection)
    _pattern().backup(copy.driver_connection)
    copy.close()


@cache
def _pattern() -> sqlite3.Connection:
    """A filled store in memory."""
    with TemporaryDirectory() as folder:
        made = open_engine(f"sqlite:///{folder}/town.db")
        _fill(made, NOW)
        made.dispose()
        kept = sqlite3.connect(":memory:", check_same_thread=False)
        with closing(sqlite3.connect(f"{folder}/town.db")) as found:
            found.backup(kept)
    return kept


def _fill(engine: Engine, now: int) -> None:
    schema.metadata.create_all(engine)
    with write_transaction(engine, ["moulin", "ecole"]) as conn:
        _people(conn, now)
        _agents(conn, now)
        _spaces(conn, now)
        _doors(conn, now)
        _bookings(conn, now)
        _alerts(conn, now)


@cache
def hashed() -> str:
    return hash_password(PASSWORD)


def add(conn: Connection, table: Table, **values: Any) -> None:
    conn.execute(insert(table).values(**values))


def _people(conn: Connection, now: int) -> None:
    password = hashed()
    for site, name, role in (
        ("*", "camille", "caretaker"),
        ("*", "marion", "manager"),
        ("*", "regard", "viewer"),
        ("ecole", "directrice", "caretaker"),
    ):
        add(conn, schema.users, site=site, name=name, password=password, role=role, created=now)


def _agents(conn: Connection, now: int) -> None:
    for site, agent, presence, seen in (
        ("moulin", "moulin-1", "online", now - 2_000),
        ("ecole", "ecole-1", "online", now - 3_000),
        ("ecole", "cantine-1", "offline", now - 41 * MINUTE),
    ):
        add(
            conn,
            schema.agents,
            site=site,
            agent=agent,
            presence=presence,
            last_seen=seen,
            clock="ntp",
            clock_trusted=True,
            grants_epoch=5,
            grants_revision=9,
        )
    add(
        conn,
        schema.devices,
        site="ecole",
        agent="ecole-1",
        device="biblio-radar",
        driver="ld2410",
        health="silent",
        detail="no report for 90 s",
        at=now - 14 * MINUTE,
    )
    add(
        conn,
        schema.refusals,
        site="moulin",
        source="pleintemps/v1/moulin/moulin-1/events",
        reason="$.records: array too long",
        count=3,
        first_at=now - 90 * MINUTE,
        last_at=now - 5 * MINUTE,
    )
    add(
        conn,
        schema.feeds,
        site="moulin",
        feed="agenda",
        tried=now,
        good=now - 5 * MINUTE,
        bookings=12,
        rejected=1,
    )


def _spaces(conn: Connection, now: int) -> None:
    for site, space, state, probability, evidence, age, level, limit in (
        ("moulin", "studio", "occupied", 0.98, "studio-radar moving", 8_000, 74.2, 65),
        ("moulin", "theatre", "occupied", 0.96, "theatre-radar still", 11_000, 58.0, 65),
        ("moulin", "danse", "vacant", 0.01, "danse-pir quiet", 5_000, 34.0, 65),
        ("moulin", "bois", "vacant", 0.29, "bois-pir quiet", 19_000, 38.0, 65),
        ("ecole", "biblio", "vacant", 0.03, "biblio-radar nobody", 14 * MINUTE, 31.0, 60),
        ("ecole", "cantine", "unknown", None, "", 41 * MINUTE, None, None),
        ("ecole", "preau", "vacant", 0.05, "preau-pir quiet", 10_000, 36.0, 55),
    ):
        add(
            conn,
            schema.spaces,
            site=site,
            space=space,
            state=state,
            probability=probability,
            since=now - 50 * MINUTE,
            at=now - age,
            evidence=evidence,
            evidence_at=now - age,
            level_db=level,
            level_coverage=1.0,
            level_at=now - age,
            limit_db=limit,
            quiet=True,
        )
        add(
            conn,
            schema.series,
            site=site,
            agent="cantine-1" if space == "cantine" else ("moulin-1" if site == "moulin" else "ecole-1"),
            series=f"{space}-pir",
            device=f"{space}-pir",
            space=space,
            quantity="motion",
            kind="state",
            max_silence_s=90,
            last_value=0,
            last_at=now - age,
        )
    for space, since, state in (
        ("studio", at("18:10"), "occupied"),
        ("theatre", at("20:25"), "occupied"),
        ("danse", at("18:40"), "occupied"),
        ("danse", at("22:06"), "vacant"),
        ("bois", at("17:00"), "vacant"),
    ):
        add(
            conn,
            schema.occupancy,
            site="moulin",
            space=space,
            since=since,
            state=state,
            probability=0.9,
            evidence="",
        )


def _doors(conn: Connection, now: int) -> None:
    for site, door, agent, physical, alarm, since in (
        ("moulin", "studio", "moulin-1", "Closed", "Normal", at("20:02")),
        ("moulin", "vestiaires", "moulin-1", "Open", "DoorOpenTooLong", now - 14 * MINUTE),
        ("ecole", "portail", "ecole-1", "Closed", "Normal", at("19:40")),
        ("ecole", "cantine", "cantine-1", "Closed", "Normal", at("22:07")),
    ):
        add(
            conn,
            schema.doors,
            site=site,
            door=door,
            agent=agent,
            mode="Locked",
            physical=physical,
            lock="Locked",
            alarm=alarm,
            since=since,
            at=since,
        )


def _bookings(conn: Connection, now: int) -> None:
    for index, (site, space, title, people, start, end, state) in enumerate(
        (
            ("moulin", "studio", "Atelier rock", 6, at("20:00"), at("22:30"), "in-use"),
            ("moulin", "theatre", "Théâtre", 14, at("20:30"), at("23:00"), "in-use"),
            ("moulin", "danse", "Pilates", 9, at("08:30", 20), at("09:30", 20), None),
            ("moulin", "bois", "Tournage", 4, at("18:00"), at("20:00"), "no-show"),
            ("ecole", "cantine", "Chorale <b>", 30, at("20:00"), at("22:00"), "in-use"),
            ("ecole", "preau", "Astronomie", 18, at("23:30"), at("02:00", 20), "expected"),
        ),
        start=1,
    ):
        booking = f"b{index}" * 16
        add(
            conn,
            schema.bookings,
            site=site,
            booking=booking,
            source="agenda",
            uid=f"{title}-{start}",
            space=space,
            title=title,
            people=people,
            start=start,
            end=end,
            status="confirmed",
            updated=now,
        )
        if state:
            closed = now if state == "no-show" else None
            add(
                conn,
                schema.usage,
                site=site,
                booking=booking,
                space=space,
                state=state,
                since=start,
                arrived_at=start if state == "in-use" else None,
                closed_at=closed,
            )
    add(
        conn,
        schema.credentials,
        site="ecole",
        grant="c6" * 16,
        booking="b6" * 16,
        kind="code",
        salt_id="s",
        sealed_hash=b"-",
        uniqueness="u",
        encrypted_code=b"-",
        link_hash="l",
        created=now,
    )
    add(
        conn,
        schema.grants,
        site="ecole",
        agent="ecole-1",
        grant="c6" * 16,
        doors='["portail"]',
        start=now,
        end=now + 1,
        page=0,
        epoch=5,
        revision=9,
    )


def _alerts(conn: Connection, now: int) -> None:
    noise = {
        "level_db": 74.2,
        "limit_db": 65,
        "window_s": 900,
        "quiet": True,
        "booking_title": "Atelier rock",
    }
    for site, alert, kind, rank, opened, facts, about in (
        ("moulin", NOISE, "noise", "alert", now - 15 * MINUTE, noise, {"space": "studio"}),
        ("moulin", DOOR_OPEN, "door-open-too-long", "watch", now - 14 * MINUTE, {}, {"door": "vestiaires"}),
        (
            "ecole",
            SILENT,
            "agent-silent",
            "watch",
            now - 40 * MINUTE,
            {"last_seen": now - 41 * MINUTE},
            {"agent": "cantine-1"},
        ),
    ):
        add(
            conn,
            schema.alerts,
            site=site,
            alert=alert,
            kind=kind,
            rank=rank,
            subject=f"{kind}/{alert}",
            state="open",
            opened=opened,
            facts=json.dumps(facts),
            **about,
        )
