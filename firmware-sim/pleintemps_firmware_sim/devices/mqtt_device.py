"""Runs a simulated MQTT device against a real broker: connects, keeps its time, can die without a word."""

import asyncio
import contextlib
import logging
import socket
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from pleintemps_contract.logs import line
from pleintemps_contract.world import World

from .mqtt_core import MqttCore, Said
from .rim import until_due

_FAREWELL_S: Final = 0.5
_LOG: Final = logging.getLogger(__name__)


class MqttDevice:
    """One device on one broker. Inside the event loop only; the library's thread hands over to it."""

    def __init__(
        self, core: MqttCore, host: str, port: int, world: World, login: tuple[str, str] | None = None
    ) -> None:
        """``world`` is the clock that the firmware lives by, ``login`` name and password at the broker."""
        self._core = core
        self._host = host
        self._port = port
        self._world = world
        self._login = login
        self._loop = asyncio.get_running_loop()
        self._client: paho.Client | None = None
        self._changed = asyncio.Event()
        self._said_down = False
        self.online = asyncio.Event()

    async def run(self) -> None:
        """Connect, again after each loss, until cancelled; says good-bye as the device's last will does."""
        self.plug()
        try:
            while True:
                self._changed.clear()
                self.flush()
                due = self._core.due() if self.online.is_set() else None
                await until_due(self._world, due, self._changed)
        finally:
            self.unplug(in_order=True)

    def plug(self) -> None:
        """Give it power; nothing happens if it has."""
        if self._client is not None:
            return
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        if self._login is not None:
            client.username_pw_set(*self._login)
        will = self._core.will
        client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.reconnect_delay_set(1, 2)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_disconnect
        client.on_message = self._on_message
        self._client = client
        client.connect_async(self._host, self._port, keepalive=5)
        client.loop_start()

    def unplug(self, in_order: bool = False) -> None:
        """Take its power: the broker notices by the broken line. ``in_order`` says good-bye first."""
        client, self._client = self._client, None
        if client is None:
            return
        self.online.clear()
        client.on_connect = client.on_subscribe = client.on_message = None
        client.on_disconnect = client.on_connect_fail = None
        if in_order:
            will = self._core.will
            if client.is_connected():
                info = client.publish(will.topic, will.payload, will.qos, will.retain)
                with contextlib.suppress(RuntimeError):  # the line broke meanwhile: the broker says it for us
                    info.wait_for_publish(_FAREWELL_S)
            client.disconnect()
        else:
            connection = client.socket()
            if isinstance(connection, socket.socket):
                with contextlib.suppress(OSError):  # the line is broken already
                    connection.shutdown(socket.SHUT_RDWR)
            client.disconnect()  # says nothing on a dead line, but keeps the thread from connecting again
        client.loop_stop()

    def flush(self) -> None:
        """Send what the firmware has said by now."""
        if self._client is None:
            self._core.transmit(self._world.monotonic())  # a dead device says it to nobody
            return
        if self.online.is_set():
            for said in self._core.transmit(self._world.monotonic()):
                self._client.publish(said.topic, said.payload, said.qos, said.retain)

    def poke(self) -> None:
        """The core was changed from outside: something may be due earlier."""
        self._changed.set()

    # --- in the library's thread ----------------------------------------------------------------------

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe([(topic, 1) for topic in self._core.filters])

    def _on_subscribe(self, client: paho.Client, *_: Any) -> None:
        # it says that it is there once it hears
        self._loop.call_soon_threadsafe(self._connected, client)

    def _on_disconnect(self, *_: Any) -> None:
        self._loop.call_soon_threadsafe(self._gone)

    def _on_message(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self._loop.call_soon_threadsafe(self._receive, client, message.topic, bytes(message.payload))

    # --- on the event loop ----------------------------------------------------------------------------

    def _gone(self) -> None:
        self.online.clear()
        if self._client is not None and not self._said_down:
            self._said_down = True
            _LOG.warning(line("broker-down", broker=f"{self._host}:{self._port}"))

    def _connected(self, client: paho.Client) -> None:
        if client is self._client:
            if self._said_down:
                self._said_down = False
                _LOG.warning(line("broker-back", broker=f"{self._host}:{self._port}"))
            self.online.set()
            self._core.transmit(self._world.monotonic())  # what nobody heard is gone
            self._core.connected(self._world.monotonic())
            self._changed.set()

    def _receive(self, client: paho.Client, topic: str, payload: bytes) -> None:
        if client is self._client:
            self._core.receive(topic, payload, self._world.monotonic())
            self._changed.set()


def _send_at_once(_client: paho.Client, _data: Any, connection: Any) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def sooner(out: list[tuple[int, Said]], now: int) -> list[Said]:
    """Take from ``out`` what is due by ``now``, in order of time."""
    ready = sorted((entry for entry in out if entry[0] <= now), key=lambda entry: entry[0])
    out[:] = [entry for entry in out if entry[0] > now]
    return [said for _, said in ready]
