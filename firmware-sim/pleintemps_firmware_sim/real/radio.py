"""A door's lock behind Zigbee2MQTT, on the building's broker; its bolt is the door's."""

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.mqtt_core import Said
from pleintemps_firmware_sim.devices.mqtt_device import MqttDevice
from pleintemps_firmware_sim.devices.zigbee2mqtt import UNLOCKED, Zigbee2MqttLock
from pleintemps_firmware_sim.scenario.configs import radio_lock
from pleintemps_firmware_sim.scenario.doorpost import DoorPost


class RadioLock:
    """Bridge and lock of one door. Run ``device``."""

    def __init__(self, post: DoorPost, port: int, world: World) -> None:
        """``port`` is the broker's, on this machine."""
        self.lock = Zigbee2MqttLock(radio_lock(post.plan.door))
        self.device = MqttDevice(_Bolt(self.lock, post), "127.0.0.1", port, world)
        self._world = world

    def battery(self, percent: int) -> None:
        """It says that so much is left."""
        self.lock.battery(percent, self._world.monotonic())
        self.device.poke()


class _Bolt:
    """The lock's firmware, with the door's mechanics after it."""

    def __init__(self, lock: Zigbee2MqttLock, post: DoorPost) -> None:
        self._lock = lock
        self._post = post

    @property
    def will(self) -> Said:
        return self._lock.will

    @property
    def filters(self) -> tuple[str, ...]:
        return self._lock.filters

    def connected(self, now: int) -> None:
        self._lock.connected(now)

    def receive(self, topic: str, payload: bytes, now: int) -> None:
        self._lock.receive(topic, payload, now)

    def transmit(self, now: int) -> list[Said]:
        said = self._lock.transmit(now)
        self._post.lock_driven(int(self._lock.lock_state == UNLOCKED))
        return said

    def due(self) -> int | None:
        return self._lock.due()
