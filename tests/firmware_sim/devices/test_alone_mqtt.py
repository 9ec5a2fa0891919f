"""Locks and relays on MQTT alone, told and heard by an ordinary client."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiomqtt
import pytest

from pleintemps_firmware_sim.devices.alone.mqtt_rim import Broker, broker
from pleintemps_firmware_sim.devices.alone.registry import Alone, carry_out
from tests.support.broker import Mosquitto

from .alone import made

Seen = Callable[[str], str | None]


class Listener:
    """What was last published on each topic."""

    def __init__(self) -> None:
        self.last: dict[str, str] = {}
        self._news = asyncio.Event()

    async def follow(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self.last[str(message.topic)] = bytes(message.payload).decode()
            self._news.set()

    async def until(self, truth: Callable[[Seen], bool]) -> None:
        while not truth(self.last.get):
            self._news.clear()
            await self._news.wait()


@asynccontextmanager
async def beside(device: Alone, port: int) -> AsyncIterator[tuple[aiomqtt.Client, Listener]]:
    """An ordinary client that hears everything, while ``device`` runs."""
    listener = Listener()
    async with asyncio.timeout(20), aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("#")
        tasks = [
            asyncio.ensure_future(device.run(lambda: None)),
            asyncio.ensure_future(listener.follow(client)),
        ]
        try:
            yield client, listener
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def test_a_nuki_lock_moves_and_dies_and_comes_back(mosquitto: Mosquitto) -> None:
    lock = made("nuki", "--broker", f"mqtt://127.0.0.1:{mosquitto.port}", "--state", "unlocked")

    async def main() -> None:
        async with beside(lock, mosquitto.port) as (client, listener):
            await listener.until(lambda last: last("nuki/3BAD1234/state") == "3")
            await client.publish("nuki/3BAD1234/lockAction", "2")
            await listener.until(lambda last: last("nuki/3BAD1234/commandResponse") == "0")
            await listener.until(lambda last: last("nuki/3BAD1234/state") == "4")
            carry_out(lock, "door open")
            await listener.until(lambda last: last("nuki/3BAD1234/doorsensorState") == "3")
            carry_out(lock, "unplug")
            await listener.until(lambda last: last("nuki/3BAD1234/connected") == "false")
            carry_out(lock, "plug")
            await listener.until(lambda last: last("nuki/3BAD1234/connected") == "true")

    asyncio.run(main())


def test_a_shelly_relay_lets_go_by_itself(mosquitto: Mosquitto) -> None:
    relay = made("shelly", "--broker", f"mqtt://127.0.0.1:{mosquitto.port}", "--prefix", "strike")
    order = {
        "id": 1,
        "src": "me",
        "method": "Switch.Set",
        "params": {"id": 0, "on": True, "toggle_after": 0.2},
    }

    async def main() -> None:
        async with beside(relay, mosquitto.port) as (client, listener):
            await listener.until(lambda last: last("strike/online") == "true")
            await client.publish("strike/rpc", json.dumps(order))
            await listener.until(lambda last: '"was_on": false' in (last("me/rpc") or ""))
            await listener.until(lambda last: '"source": "timer"' in (last("strike/events/rpc") or ""))
            assert carry_out(relay, "output") == "off"

    asyncio.run(main())


def test_a_zigbee_lock_tells_its_keypad(mosquitto: Mosquitto) -> None:
    lock = made("zigbee2mqtt", "--broker", f"mqtt://127.0.0.1:{mosquitto.port}", "--name", "club/front")

    async def main() -> None:
        async with beside(lock, mosquitto.port) as (client, listener):
            await listener.until(lambda last: last("zigbee2mqtt/club/front/availability") is not None)
            await client.publish("zigbee2mqtt/club/front/get", '{"state":""}')
            await listener.until(lambda last: '"LOCK"' in (last("zigbee2mqtt/club/front") or ""))
            carry_out(lock, "turn unlocked")
            await listener.until(lambda last: '"UNLOCK"' in (last("zigbee2mqtt/club/front") or ""))
            carry_out(lock, "wrong-code")
            await listener.until(lambda last: "invalid_pin" in (last("zigbee2mqtt/club/front") or ""))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("mqtt://h", Broker("h", 1883, None)),
        ("mqtt://a:b%40c@10.0.0.1:1884", Broker("10.0.0.1", 1884, ("a", "b@c"))),
        ("mqtt://a@[::1]", Broker("::1", 1883, ("a", ""))),
    ],
)
def test_the_address_of_a_broker(text: str, means: Broker) -> None:
    assert broker(text) == means


@pytest.mark.parametrize(
    "text", ["", "h", "http://h", "mqtt://", "mqtt://h:99999", "mqtt://h/topic", "mqtt://[h"]
)
def test_no_address_of_a_broker(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        broker(text)
