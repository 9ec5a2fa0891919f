"""Just enough MQTT 3.1.1 to publish at QoS 1 and to listen at QoS 0, at almost no cost of its own.

A client library takes longer to publish a message than a good consumer to store it; a load must not be the
bottleneck of what it measures.
"""

import select
import socket
from collections.abc import Callable, Iterable


def _length(count: int) -> bytes:
    encoded = bytearray()
    while True:
        count, seven = count >> 7, count & 0x7F
        encoded.append(seven | (0x80 if count else 0))
        if not count:
            return bytes(encoded)


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def packet(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + _length(len(body)) + body


class Publication:
    """A message whose packet is built once; ``packet`` puts the packet id in."""

    def __init__(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        head = _text(topic)
        self._front = bytes((0x33 if retain else 0x32,)) + _length(len(head) + 2 + len(payload)) + head
        self._payload = payload

    def packet(self, identifier: int) -> bytes:
        return self._front + identifier.to_bytes(2, "big") + self._payload


class RawMqtt:
    """One connection; ``on_message`` gets topic and payload, ``acknowledged`` counts PUBACKs."""

    def __init__(self, port: int, name: str, on_message: Callable[[str, bytes], None]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._on_message = on_message
        self._buffer = bytearray()
        self._identifier = 0
        self._out = bytearray()
        self.acknowledged = 0
        self._socket.sendall(packet(0x10, _text("MQTT") + b"\x04\x02\x00\x00" + _text(name)))
        if self._socket.recv(4) != b"\x20\x02\x00\x00":
            raise ConnectionError("the broker refused the connection")
        self._socket.setblocking(False)

    def subscribe(self, filters: Iterable[str]) -> None:
        body = b"\x00\x01" + b"".join(_text(one) + b"\x00" for one in filters)
        self._out += packet(0x82, body)

    def publish(self, publication: Publication) -> None:
        self._identifier = self._identifier % 65_535 + 1
        self._out += publication.packet(self._identifier)

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
            self._buffer += data
            self._take()

    def _take(self) -> None:
        buffer, place = self._buffer, 0
        while len(buffer) - place >= 2:
            count, shift, at = 0, 0, place + 1
            while at < len(buffer):
                count |= (buffer[at] & 0x7F) << shift
                shift += 7
                at += 1
                if not buffer[at - 1] & 0x80:
                    break
            else:
                break
            if len(buffer) < at + count:
                break
            kind = buffer[place] & 0xF0
            if kind == 0x40:
                self.acknowledged += 1
            elif kind == 0x30:
                size = int.from_bytes(buffer[at : at + 2], "big")
                topic = buffer[at + 2 : at + 2 + size].decode()
                self._on_message(topic, bytes(buffer[at + 2 + size : at + count]))
            place = at + count
        del buffer[:place]

    def close(self) -> None:
        self._socket.close()
