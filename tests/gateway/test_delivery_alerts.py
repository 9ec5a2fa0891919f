"""Ingest follows what the web tier and the courier write of people: calls for help, messages that failed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import alerts, deliveries

from .house import HOUR, NOW, build
from .test_ingest_site import Site

BOOKING = "b1" * 16


@pytest.fixture
def site(tmp_path: Path, store_url: str) -> Iterator[Site]:
    house = build(tmp_path, store_url)
    yield Site(house)
    house.engine.dispose()


def states(site: Site, kind: str) -> list[str]:
    with site.house.engine.connect() as conn:
        rows = conn.execute(select(alerts).where(alerts.c.kind == kind).order_by(alerts.c.opened)).all()
    return [str(row.state) for row in rows]


def settle(site: Site, delivery: str, **values: Any) -> None:
    with write_transaction(site.house.engine, ["ecole"]) as conn:
        if conn.execute(select(deliveries).where(deliveries.c.delivery == delivery)).first() is None:
            row = {"template": "code", "channel": "mail", "state": "queued", "due": NOW, "created": NOW}
            conn.execute(insert(deliveries).values(site="ecole", delivery=delivery, booking=BOOKING, **row))
        conn.execute(update(deliveries).where(deliveries.c.delivery == delivery).values(**values))
        record_change(conn, "ecole", "deliveries", delivery, NOW)
    site.wait(1_000)


def test_a_message_that_failed_is_an_alert_until_one_arrives(site: Site) -> None:
    settle(site, "d1" * 16, attempts=1)
    assert states(site, "delivery-failed") == []
    settle(site, "d1" * 16, state="failed", error="the server said 550")
    assert states(site, "delivery-failed") == ["open"]
    settle(site, "d2" * 16, state="sent")
    assert states(site, "delivery-failed") == ["resolved"]


def test_a_call_for_help_ends_by_itself_when_its_doors_have_closed(site: Site) -> None:
    facts = {"title": "Yoga", "reference": "B1B1B1", "until": NOW + HOUR}
    with write_transaction(site.house.engine, ["ecole"]) as conn:
        conn.execute(
            insert(alerts).values(
                site="ecole",
                alert="a1" * 16,
                kind="help",
                rank="alert",
                subject=f"help:{BOOKING}",
                booking=BOOKING,
                state="open",
                opened=NOW,
                facts=json.dumps(facts),
            )
        )
        record_change(conn, "ecole", "alerts", "a1" * 16, NOW)
    site.wait(1_000)
    assert states(site, "help") == ["open"]
    site.wait(HOUR)
    assert states(site, "help") == ["resolved"]
