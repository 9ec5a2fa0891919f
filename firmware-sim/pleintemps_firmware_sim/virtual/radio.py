"""A door's lock behind Zigbee2MQTT, on the broker in memory."""

import asyncio

from pleintemps_contract.cores import Delivered
from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.zigbee2mqtt import UNLOCKED, Zigbee2MqttLock
from pleintemps_firmware_sim.scenario.configs import radio_lock
from pleintemps_firmware_sim.scenario.doorpost import DoorPost

from .broker import MemoryBroker, matches


class RadioLock:
    """Bridge and lock of one door; its bolt is the door's."""

    def __init__(self, post: DoorPost, broker: MemoryBroker, world: World) -> None:
        self.core = Zigbee2MqttLock(radio_lock(post.plan.door))
        self._post = post
        self._broker = broker
        self._world = world
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        broker.locks.append(self)
        self.core.connected(world.monotonic())
        self.flush()

    def wants(self, topic: str) -> bool:
        """Whether the bridge has subscribed for it."""
        return any(matches(wanted, topic) for wanted in self.core.filters)

    def deliver(self, message: Delivered) -> None:
        """From the broker."""
        self.core.receive(message.topic, message.payload, self._world.monotonic())
        self.flush()

    def flush(self) -> None:
        """Say what the lock has to say by now, and come back when there is more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for said in self.core.transmit(self._world.monotonic()):
            if self._broker.up:
                self._broker.publish(said.topic, said.payload, said.retain)
        self._post.lock_driven(int(self.core.lock_state == UNLOCKED))
        if (due := self.core.due()) is not None:
            self._timer = self._loop.call_at(due / 1000, self.flush)
