"""What waits to be sent on a line, put in order: what somebody waits for first, and many in one write. Pure.

Packets are paho's: dictionaries, of which ``pos`` bytes are sent.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from paho.mqtt.enums import MessageType

if TYPE_CHECKING:
    from paho.mqtt.client import _OutPacket

AT_ONCE: Final = 65_536
"""Bytes of one write, but for a packet that is larger by itself."""
_TYPE: Final = 0xF0


def arranged(
    waiting: "Iterable[_OutPacket]", is_urgent: "Callable[[_OutPacket], bool]"
) -> "list[_OutPacket]":
    """The same bytes: the rest of a packet that is half sent, those that are urgent, the others; each in
    their order. Those of which nobody is told when they are sent become one packet."""
    packets = list(waiting)
    half = 1 if packets and packets[0]["pos"] else 0
    first = [packet for packet in packets[half:] if is_urgent(packet)]
    last = [packet for packet in packets[half:] if not is_urgent(packet)]
    return [*packets[:half], *_joined([*first, *last])]


def _joined(packets: "Iterable[_OutPacket]") -> "Iterator[_OutPacket]":
    run: list[_OutPacket] = []
    size = 0
    for packet in packets:
        length = len(packet["packet"])
        if run and not (_is_plain(packet) and size + length <= AT_ONCE):
            yield _one(run)
            run, size = [], 0
        if _is_plain(packet):
            run.append(packet)
            size += length
        else:
            yield packet
    if run:
        yield _one(run)


def _is_plain(packet: "_OutPacket") -> bool:
    """Whether paho does nothing once it is sent."""
    kind = packet["command"] & _TYPE
    return kind == MessageType.PUBACK or (kind == MessageType.PUBLISH and packet["qos"] > 0)


def _one(run: "list[_OutPacket]") -> "_OutPacket":
    if len(run) == 1:
        return run[0]
    joined = b"".join([packet["packet"] for packet in run])
    return {
        "command": int(MessageType.PUBACK),
        "mid": 0,
        "qos": 1,
        "pos": 0,
        "to_process": len(joined),
        "packet": joined,
        "info": None,
    }
