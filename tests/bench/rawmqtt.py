"""One connection to a broker for a bench that waits for answers: the fleet's packets, a socket and select."""

import select
import socket
from collections.abc import Callable, Iterable

from pleintemps_firmware_sim.fleet import mqtt

_KEEPALIVE_S = 0


class RawMqtt:
    """``on_message`` gets topic and payload."""

    def __init__(self, port: int, name: str, on_message: Callable[[str, bytes], None]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._on_message = on_message
        self._reader = mqtt.Reader()
        self._identifier = 0
        self._socket.sendall(mqtt.connect(name, _KEEPALIVE_S))
        if self._socket.recv(4) != b"\x20\x02\x00\x00":
            raise ConnectionError("the broker refused the connection")
        self._socket.setblocking(False)
        self._out = bytearray()

    def subscribe(self, filters: Iterable[str]) -> None:
        self._out += mqtt.subscribe(1, filters)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._identifier = self._identifier % 65_535 + 1
        self._out += mqtt.publish(mqtt.head(topic), self._identifier, payload, retain=retain)

    def step(self, timeout_s: float) -> None:
        """Write what waits, read what came; returns after at most ``timeout_s``."""
        readable, writable, _ = select.select(
            [self._socket], [self._socket] if self._out else [], [], timeout_s
        )
        if writable:
            del self._out[: self._socket.send(self._out[: 1 << 18])]
        if readable:
            data = self._socket.recv(1 << 18)
            if not data:
                raise ConnectionError("the broker closed the connection")
            for packet in self._reader.feed(data):
                if isinstance(packet, mqtt.Message):
                    self._out += mqtt.puback(packet.identifier) if packet.identifier else b""
                    self._on_message(packet.topic, packet.payload)

    def close(self) -> None:
        self._socket.close()
