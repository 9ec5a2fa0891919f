"""A device that speaks MQTT itself, on the tester's broker."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.mqtt_core import MqttCore

from . import values
from .registry import Order, Ready, Words

if TYPE_CHECKING:
    from pleintemps_firmware_sim.devices.mqtt_device import MqttDevice

_PORT: Final = 1883


@dataclass(frozen=True, slots=True)
class Broker:
    """``login`` is name and password."""

    host: str
    port: int
    login: tuple[str, str] | None


def broker(text: str) -> Broker:
    """``mqtt://[NAME:PASSWORD@]HOST[:PORT]``."""
    try:
        url = urlsplit(text)
        port = url.port or _PORT
    except ValueError:
        url, port = urlsplit(""), 0
    if url.scheme != "mqtt" or not url.hostname or url.path.strip("/") or url.query:
        raise argparse.ArgumentTypeError("no mqtt://[NAME:PASSWORD@]HOST[:PORT]")
    login = None if url.username is None else (unquote(url.username), unquote(url.password or ""))
    return Broker(url.hostname, port, login)


def topic(text: str) -> str:
    """A topic without wildcards."""
    if not text or len(text) > 200 or set(text) & set("+#\0") or text.startswith("/") or text.endswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is no topic")
    return text


def add_broker(parser: argparse.ArgumentParser) -> None:
    """``--broker URL``."""
    parser.add_argument(
        "--broker", type=broker, required=True, metavar="URL", help="mqtt://[NAME:PASSWORD@]HOST[:PORT]"
    )


class MqttAlone:
    """Connects when it runs, again after each loss; with plug and radio in a tester's hand."""

    def __init__(self, core: MqttCore, where: Broker, world: World, orders: Sequence[Order]) -> None:
        self._core = core
        self._broker = where
        self._world = world
        self._device: MqttDevice | None = None
        self.orders = (
            *orders,
            Order("unplug", "", "take its supply: the broker says its last will", self._unplug),
            Order("plug", "", "give it back", self._plug),
        )

    @property
    def where(self) -> str:
        return f"broker {self._broker.host}:{self._broker.port}, topics {', '.join(self._core.filters)}"

    async def run(self, ready: Ready) -> None:
        # only who simulates such a device needs the client
        from pleintemps_firmware_sim.devices.mqtt_device import MqttDevice

        broker = self._broker
        self._device = MqttDevice(self._core, broker.host, broker.port, self._world, broker.login)
        ready()
        try:
            await self._device.run()
        finally:
            self._device = None

    def poke(self) -> None:
        if self._device is not None:
            self._device.poke()

    def _unplug(self, _: Words) -> None:
        if self._device is not None:
            self._device.unplug()

    def _plug(self, _: Words) -> None:
        if self._device is not None:
            self._device.plug()


def switch(owner: object, attribute: str, name: str, what: str) -> Order:
    """The order ``name on|off`` for a fault that is an attribute."""

    def do(words: Words) -> None:
        setattr(owner, attribute, values.on_off(words[0]))

    return Order(name, "on|off", what, do, 1, 1)


def counter(owner: object, attribute: str, name: str, what: str) -> Order:
    """The order ``name N`` for a fault that counts down."""

    def do(words: Words) -> None:
        setattr(owner, attribute, values.whole(0, 1_000)(words[0]))

    return Order(name, "N", what, do, 1, 1)
