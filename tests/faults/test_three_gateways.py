"""Three gateways on one store under load: one dies or sleeps every 20 s, and nothing is lost, stored twice or
ruled by two.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pleintemps_firmware_sim.fleet.plan import FleetPlan
from tests.support.broker import Mosquitto, find_mosquitto
from tests.support.stores import PostgresServer
from tests.support.waiting import wait_for

from .gateways import BROKER, NAMES, Gateways, report

pytestmark = [
    pytest.mark.soak,
    pytest.mark.serial,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]
SITES = int(os.environ.get("PLEINTEMPS_GATEWAYS_SITES", "200"))
KILLS = int(os.environ.get("PLEINTEMPS_GATEWAYS_KILLS", "15"))
EVERY_S = 20.0
AWAY_S = 9.0
LONGEST_MS = 10_000


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    program = find_mosquitto()
    assert program is not None
    broker = Mosquitto(program, tmp_path, extra=BROKER)
    broker.start()
    yield broker
    broker.stop()


def until(moment: float) -> None:
    """The story has its times: between them nothing is looked at."""
    wait_for(lambda: time.monotonic() >= moment, within_s=EVERY_S * 2, what="moment")


def test_one_of_three_gateways_dies_every_20_s(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str, broker: Mosquitto
) -> None:
    place = Gateways(tmp_path, postgres_url, broker, FleetPlan(SITES, 1, 1))
    try:
        for name in NAMES:
            place.start(name)
        place.settle(NAMES, 120)
        with place.fleet(KILLS * EVERY_S + 5, rate=0.2) as fleet:
            begun = time.monotonic() + 5
            for number in range(KILLS):
                name, moment = NAMES[number % 3], begun + number * EVERY_S
                until(moment)
                suspended = number % 4 == 3  # it comes back with all it knew, and must not act on it
                (place.pause if suspended else place.kill)(name)
                until(moment + AWAY_S)
                (place.go_on if suspended else place.start)(name)
            output, _ = fleet.communicate(timeout=200)
        sent = json.loads(output.splitlines()[-1])
        place.settle(NAMES, 60)
        found = place.findings()
        print(report(sent, found))
        assert sent["waiting"] == {"readings": 0, "events": 0}, place.logs()
        assert sent["signatures"] == "checked"
        assert (found.readings, found.batches, found.events) == (
            sent["readings"],
            sent["batches"],
            sent["events"],
        )
        assert (found.lost, found.twice) == (0, 0)
        assert found.alerts > 0
        assert not found.double_alerts
        assert not found.overlapping_terms
        assert not found.foreign_writes
        assert not found.falling_tokens
        assert found.terms > SITES + KILLS * SITES // 6
        assert sent["receipt_ms"]["max"] <= LONGEST_MS, place.logs()
    finally:
        place.stop()


def test_without_the_fence_a_suspended_gateway_is_found_out(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str, broker: Mosquitto
) -> None:
    """The control: it must fail the same check."""
    place = Gateways(tmp_path, postgres_url, broker, FleetPlan(6, 1, 1), program="tests.faults.unfenced")
    try:
        for name in NAMES[:2]:
            place.start(name)
        place.settle(NAMES[:2])
        with place.fleet(30, rate=5):
            wait_for(lambda: place.findings().batches > 5, within_s=30, what="batches")
            place.pause("a")
            place.settle(("b",))
            place.go_on("a")
            wait_for(
                lambda: place.findings().foreign_writes, within_s=20, what="write of who had lost its sites"
            )
    finally:
        place.stop()
