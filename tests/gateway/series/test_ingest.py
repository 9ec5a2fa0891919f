"""From an agent's bytes on a real broker, through the ordinary ingest process, to a real series database."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from pleintemps_contract import agent_messages as a
from pleintemps_contract.onvif import DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_contract.wire import encode
from pleintemps_contract.world import SystemWorld
from pleintemps_gateway.keys import make_keys
from tests.support.broker import Mosquitto
from tests.support.series_servers import VictoriaMetrics
from tests.support.waiting import wait_for

SITE, AGENT = "saint-aubin", "entrance"
BOOT, JOURNAL, EVENTS = "b" * 32, "c" * 32, "d" * 32
READINGS = 40

pytestmark = pytest.mark.serial


@pytest.fixture
def ingest(tmp_path: Path, mosquitto: Mosquitto, victoria_metrics: VictoriaMetrics) -> Iterator[Path]:
    """A running ingest process; its log."""
    config = tmp_path / "gateway.toml"
    config.write_text(
        f"""
        [mqtt]
        url = "mqtt://127.0.0.1:{mosquitto.port}"
        [series]
        url = "{victoria_metrics.url}"
        flush_s = 0.1
        [[sites]]
        site = "{SITE}"
        name = "Saint-Aubin"
        spaces = [{{ space = "yard", name = "Cour" }}, {{ space = "hall", name = "Salle" }}]
        doors = [{{ door = "main", name = "Porte", agent = "{AGENT}", from = "yard", to = "hall" }}]
        """
    )
    make_keys(tmp_path / "keys", {AGENT: SITE}, "production", SystemWorld())
    log = tmp_path / "ingest.log"
    command = [str(Path(sys.executable).with_name("pleintemps-gateway")), "ingest", "--config", str(config)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    yield log
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(10) == 0, log.read_text()
    finally:
        process.kill()


def _birth(now: int) -> a.Birth:
    def series(name: str, quantity: Quantity, kind: SeriesKind) -> a.SeriesInfo:
        return a.SeriesInfo(
            series=name, device=name, space="hall", quantity=quantity, kind=kind, max_silence_s=90
        )

    return a.Birth(
        boot=BOOT,
        version="0.1.0",
        at=now,
        clock=a.ClockSource.RTC,
        clock_trusted=True,
        nonce="e" * 32,
        devices=[],
        doors=[
            a.DoorInfo(
                door="main",
                mode=DoorMode.LOCKED,
                physical=DoorPhysicalState.CLOSED,
                lock=LockPhysicalState.LOCKED,
                alarm=DoorAlarm.NORMAL,
            )
        ],
        series=[
            series("hall-pir", Quantity.MOTION, SeriesKind.STATE),
            series("hall-meter", Quantity.LEVEL, SeriesKind.LEVEL),
        ],
        journals=[],
    )


def test_readings_beliefs_and_alarms_reach_the_series(
    ingest: Path, mosquitto: Mosquitto, victoria_metrics: VictoriaMetrics
) -> None:
    start = SystemWorld().now() - READINGS * 1000
    times = list(range(0, READINGS * 1000, 1000))
    levels = [55.0 + number / 4 for number in range(READINGS)]
    samples = a.SamplesBatch(
        journal=JOURNAL,
        first=1,
        seq=1,
        boot=BOOT,
        base=start,
        trusted=True,
        series={
            "hall-pir": a.Column(dt=times, value=[1.0] * READINGS),
            "hall-meter": a.Column(dt=times, value=levels),
        },
    )
    alarm = a.EventRecord(
        seq=1,
        at=start + 5000,
        trusted=True,
        monotonic=5000,
        boot=BOOT,
        event=a.DoorAlarmChanged(door="main", alarm=DoorAlarm.FORCED_OPEN),
    )
    client = Client(CallbackAPIVersion.VERSION2, client_id=AGENT)
    announced = threading.Event()
    client.on_message = lambda *_: announced.set()
    client.connect("127.0.0.1", mosquitto.port)
    client.subscribe(str(Topic.announcement(SITE)), 1)
    client.loop_start()

    def publish(channel: Channel, message: Any, *, retain: bool = False) -> None:
        topic = str(Topic.of_agent(SITE, AGENT, channel))
        client.publish(topic, encode(message), qos=1, retain=retain).wait_for_publish(10)

    assert announced.wait(20), "ingest says so once it hears its agents: " + ingest.read_text()
    publish(Channel.BIRTH, _birth(start), retain=True)
    # a batch that comes twice is written once, by its journal
    for _ in range(2):
        publish(Channel.SAMPLES, samples)
    publish(Channel.EVENTS, a.EventsBatch(journal=EVENTS, first=1, records=[alarm]))

    def written() -> dict[str, dict[str, Any]]:
        exported = victoria_metrics.export(f'{{site="{SITE}"}}')
        found = {one["metric"]["__name__"]: one for one in exported}
        wanted = {"sound_value", "presence_value", "door_alarm", "occupancy_probability", "alerts_opened"}
        return found if wanted <= set(found) else {}

    found = wait_for(written, within_s=40, what="series")
    client.disconnect()
    client.loop_stop()
    assert found["sound_value"]["values"] == levels
    assert found["sound_value"]["timestamps"] == [start + dt for dt in times]
    assert found["sound_value"]["metric"]["sensor"] == "entrance/hall-meter"
    assert found["presence_value"]["values"] == [1] * READINGS
    assert found["door_alarm"]["values"] == [1]
    assert max(found["occupancy_probability"]["values"]) > 0.5
