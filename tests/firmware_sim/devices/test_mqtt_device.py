"""A simulated device on a real broker: it comes, dies without a word, comes again, leaves in order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.devices.mqtt_device import MqttDevice
from pleintemps_firmware_sim.devices.nuki import NukiLock, State
from tests.support.broker import Mosquitto


async def until(truth: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not truth():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(port: int, topic: str) -> AsyncIterator[tuple[paho.Client, list[bytes]]]:
    heard: list[bytes] = []
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))

    def subscribed(*_: Any) -> None:
        loop.call_soon_threadsafe(ready.set)

    client.on_subscribe = subscribed
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe(topic)
    try:
        await ready.wait()
        yield client, heard
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_life_of_a_device(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        lock = NukiLock("1A2B")
        device = MqttDevice(lock, "127.0.0.1", mosquitto.port, SystemWorld())
        async with listening(mosquitto.port, "nuki/1A2B/connected") as (_, heard):
            life = asyncio.create_task(device.run())
            await until(lambda: heard == [b"true"])
            device.unplug()
            await until(lambda: heard == [b"true", b"false"])
            device.unplug()  # without power already
            device.plug()
            device.plug()
            await until(lambda: heard[2:] == [b"true"])
            mosquitto.kill()
            await until(lambda: not device.online.is_set())
            mosquitto.start()
            await until(device.online.is_set)
            life.cancel()
            await asyncio.wait({life})
        async with listening(mosquitto.port, "nuki/1A2B/connected") as (_, heard):
            await until(lambda: heard[-1:] == [b"false"])

    asyncio.run(story())


def test_it_hears_and_keeps_its_time(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        lock = NukiLock("1A2B", state=State.UNLOCKED)
        device = MqttDevice(lock, "127.0.0.1", mosquitto.port, SystemWorld())
        async with listening(mosquitto.port, "nuki/1A2B/commandResponse") as (client, heard):
            life = asyncio.create_task(device.run())
            await until(device.online.is_set)
            client.publish("nuki/1A2B/lockAction", b"2")
            await until(lambda: heard == [b"0"])
            lock.become(State.BOOT, device._world.monotonic())
            device.poke()
            await until(lambda: lock.due() is None)
            life.cancel()
            await asyncio.wait({life})

    asyncio.run(story())
