"""The demo's brokers: both keep what is retained and speak a last will."""

import asyncio
import threading
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim import broker
from pleintemps_firmware_sim.processes import answers, until


def _client(name: str) -> mqtt.Client:
    return mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)


def _talk(port: int) -> list[tuple[str, bytes]]:
    """A retained message and a last will, as a second client gets them."""
    heard: list[tuple[str, bytes]] = []
    both = threading.Event()

    def take(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        heard.append((message.topic, bytes(message.payload)))
        if len(heard) == 1:
            speaker.socket().close()  # type: ignore[union-attr]
        else:
            both.set()

    speaker = _client("speaker")
    speaker.will_set("will", b"gone", qos=1, retain=True)
    speaker.connect("127.0.0.1", port)
    speaker.loop_start()
    speaker.publish("kept", b"here", qos=1, retain=True).wait_for_publish(10)
    # what somebody else subscribed to is nothing to the listener
    speaker.publish("private/kept", b"hers", qos=1, retain=True).wait_for_publish(10)
    speaker.subscribe("private/#", 1)
    listener = _client("listener")
    listener.on_message = take
    listener.connect("127.0.0.1", port)
    listener.subscribe([("kept", 1), ("will", 1)])
    listener.loop_start()
    try:
        assert both.wait(20), heard
    finally:
        listener.loop_stop()
        speaker.loop_stop()
    return heard


@pytest.mark.parametrize("python", [False, True])
def test_retained_messages_and_wills(
    python: bool, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if python:
        monkeypatch.setattr(broker, "find_mosquitto", lambda: None)
    elif broker.find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")

    async def scene() -> list[tuple[str, bytes]]:
        world = SystemWorld()
        child = broker.make_broker(free_port, tmp_path / "broker", tmp_path / "log")
        await child.start()
        try:
            await until(lambda: answers(free_port), world, within_ms=20_000, what="answer", child=child)
            return await asyncio.to_thread(_talk, free_port)
        finally:
            await child.stop(world)

    # who subscribes at the moment of a message may get it live and as retained: QoS 1 is at least once
    assert list(dict.fromkeys(asyncio.run(scene()))) == [("kept", b"here"), ("will", b"gone")]
