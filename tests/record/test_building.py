"""A lock on the building's own broker: what it said is played again, who opened it is not in the file."""

import asyncio
import gzip
from pathlib import Path

from pleintemps_contract.cores import Delivered
from pleintemps_contract.recording import Building
from pleintemps_firmware_sim.devices.zigbee2mqtt import Zigbee2MqttLock
from pleintemps_firmware_sim.replaying.diff import compare
from pleintemps_firmware_sim.replaying.play import play
from pleintemps_firmware_sim.replaying.reading import read
from pleintemps_firmware_sim.virtual.broker import matches
from pleintemps_firmware_sim.virtual.loop import run

from .place import CODE, CONFIG, Place, recorded

RADIO = (
    CONFIG.replace('driver = "strike"\npin = 5', 'driver = "zigbee2mqtt"\nname = "front"')
    .replace("[[devices]]", '[building]\nurl = "mqtt://127.0.0.1"\n\n[[devices]]', 1)
    .replace("open_s = 10", 'relock = "close"\nopen_s = 10')
)


class _Lock:
    """The lock and its bridge, on the broker in memory."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._core = Zigbee2MqttLock("front")
        place.broker.locks.append(self)
        self._core.connected(place.world.monotonic())
        self._flush()

    def wants(self, topic: str) -> bool:
        return any(matches(wanted, topic) for wanted in self._core.filters)

    def deliver(self, message: Delivered) -> None:
        self._core.receive(message.topic, message.payload, self._place.world.monotonic())
        self._flush()

    def _flush(self) -> None:
        for said in self._core.transmit(self._place.world.monotonic()):
            self._place.broker.publish(said.topic, said.payload, said.retain)
        if (due := self._core.due()) is not None:
            asyncio.get_running_loop().call_at(due / 1000, self._flush)


async def _evening(place: Place) -> None:
    _Lock(place)
    await place.passes(5)
    await place.type(f"{CODE}#")
    await place.passes(4)
    place.board.drive(6, 1)
    await place.passes(3)
    place.board.drive(6, 0)
    await place.passes(8)
    who = b'"action":"manual_unlock","action_user":77,"users":{"1":4821}'
    said = b'{"state":"UNLOCK","lock_state":"unlocked",' + who + b"}"
    place.broker.publish("zigbee2mqtt/front", said, False)
    await place.passes(8)


def test_a_lock_on_the_building_s_broker(tmp_path: Path) -> None:
    file = run(recorded(tmp_path, _evening, RADIO))
    recording = read(file)
    said = [line for line in recording.entries if isinstance(line, Building)]
    assert {line.topic for line in said if not line.to} >= {"zigbee2mqtt/front/set", "zigbee2mqtt/front/get"}
    assert any("manual_unlock" in line.payload for line in said)
    text = gzip.decompress(file.read_bytes())
    assert b"action_user" not in text
    assert b"users" not in text
    played = run(play(recording))
    report = compare(played.recorded, played.replayed)
    assert report.events.differences == []
    assert sum("lock-physical" in what for _, what in played.replayed.events) >= 3
