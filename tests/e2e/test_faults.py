"""What breaks in the middle of an evening costs nothing that was recorded."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import find_mosquitto
from tests.support.waiting import wait_for

from .running import RunningDemo, Witness, stored

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    with RunningDemo(tmp_path / "demo") as running:
        yield running


def witnesses(demo: RunningDemo) -> list[Witness]:
    return [Witness(demo.data / "state" / agent / "events.db") for agent in demo.demo.plan.agents]


def ingest_pid(demo: RunningDemo) -> int:
    """The child of ``pleintemps-gateway run`` that stores."""
    parent = demo.demo.installation.gateway.pid
    assert parent is not None
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    for child in map(int, children):
        if b"ingest" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
            return child
    raise LookupError("no ingest process")


def successor(demo: RunningDemo, victim: int) -> bool:
    try:
        return ingest_pid(demo) != victim
    except (LookupError, OSError):
        return False


def everything_stored(demo: RunningDemo, seen: list[Witness]) -> None:
    """Journal of the agents = store of the gateway: the same events, each once, none left behind."""
    wait_for(lambda: all(one.held() == 0 for one in seen), within_s=60, what="receipt for every record")
    for one in seen:
        written = {seq: event for seq, event in one.committed().items() if seq >= one.since}
        assert len(written) > 5
        assert stored(demo, one) == written


def more_records(witness: Witness, count: int) -> None:
    before = len(witness.committed())
    wait_for(lambda: len(witness.committed()) >= before + count, within_s=40, what=f"{count} more records")


def test_gateway_killed_in_mid_evening_loses_nothing(demo: RunningDemo) -> None:
    seen = witnesses(demo)
    gateway = demo.demo.installation.gateway
    evening = demo.start_evening()

    more_records(seen[0], 3)
    victim = ingest_pid(demo)
    os.kill(victim, signal.SIGKILL)  # the supervisor starts another
    wait_for(lambda: successor(demo, victim), within_s=30, what="new ingest process")

    more_records(seen[0], 3)
    gateway.kill()  # supervisor and children, as a power cut would
    demo.call(gateway.wait(), within_s=10)
    more_records(seen[1], 1)
    demo.call(gateway.start(), within_s=10)

    wait_for(evening.done, within_s=90, what="end of the evening")
    everything_stored(demo, seen)
    report = demo.call(demo.demo.settle(), within_s=60)
    for name in ("codes_accepted", "codes_refused", "usage_records"):
        assert report[name] == report["people"][name] > 0, report


@pytest.mark.soak  # lines that are cut are in tests/e2e/test_fleet.py
def test_broker_killed_in_mid_evening_loses_nothing(demo: RunningDemo) -> None:
    seen = witnesses(demo)
    evening = demo.start_evening()
    more_records(seen[0], 3)
    broker = demo.demo.installation.broker
    broker.kill()
    held = sum(one.held() for one in seen)
    wait_for(lambda: sum(one.held() for one in seen) > held + 2, within_s=60, what="records without a broker")
    demo.call(broker.wait(), within_s=10)
    demo.call(broker.start(), within_s=10)
    wait_for(evening.done, within_s=90, what="end of the evening")
    everything_stored(demo, seen)
    report = demo.call(demo.demo.settle(), within_s=40)
    assert report["codes_accepted"] == report["people"]["codes_accepted"] > 0
