"""Paho's client with a reading and acknowledging of its own, for a line on which thousands of messages come.

Paho asks the socket three times for each packet and writes each acknowledgement by itself; each such call
lets the interpreter's lock go and waits for it again. Here what has arrived is read at once and cut, and what
waits to be sent goes out in one write: acknowledgements in the order in which their messages came (MQTT
3.1.1, 4.6), and in front what somebody waits for, which does not wait until all that has arrived is heard
either. All else is paho's: connecting, TLS, keeping alive, subscribing, publishing.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, Literal, TypeVar

from paho.mqtt.client import Client, time_func
from paho.mqtt.enums import CallbackAPIVersion, MessageType, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from pleintemps_gateway.errors import MalformedPacketError

from .outgoing import arranged
from .packets import Packet, PacketCutter, Publication, publication

AT_ONCE: Final = 65_536
"""Bytes of one reading."""
_TYPE: Final = 0xF0
_GOOD: Final = ReasonCode(PacketTypes.PUBACK)
_NO_MORE: Final = Properties(PacketTypes.PUBACK)  # type: ignore[no-untyped-call]
T = TypeVar("T")


class Line:
    """One connection, from its socket to its end."""

    def __init__(self, connection: object) -> None:
        self.connection = connection
        self.cutter = PacketCutter()
        self.owed: deque[Owed] = deque()


class Owed:
    """The acknowledgement of a message on the line that it came on: on another its number means nothing."""

    __slots__ = ("mid", "state")

    def __init__(self, mid: int) -> None:
        self.mid = mid
        self.state: Literal["", "good", "none"] = ""


class Reader(Client):
    """``heard`` gets each message, at QoS 1 with what is owed for it: :meth:`acknowledge` it or
    :meth:`pass_over` it, late or at once, from any thread.
    """

    def __init__(
        self, client_id: str, *, clean: bool, heard: Callable[[Publication, Owed | None], None]
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        self._heard = heard
        self._line = Line(None)
        self._told = False
        self._first: deque[int] = deque()  # numbers of what is to go out before all else

    def acknowledge(self, owed: Owed) -> None:
        """The broker need not send it again. It is said once all that came before it is settled."""
        self._settle(owed, "good")

    def pass_over(self, owed: Owed) -> None:
        """The broker is to send it again, after the next connect; what came after it does not wait."""
        self._settle(owed, "none")

    def publish_first(self, topic: str, payload: bytes) -> None:
        """At QoS 1, before all that waits to be sent."""
        self._first.append(self.publish(topic, payload, qos=1).mid)

    def write_first(self) -> None:
        """Where ``heard`` waits for something: what is to go out before all that waits goes out now."""
        if self._first:
            self.loop_write()

    def _settle(self, owed: Owed, state: Literal["good", "none"]) -> None:
        owed.state = state
        if self._told:
            return
        self._told = True
        if (bell := self._sockpairW) is not None:
            with suppress(OSError):  # full, so it rings; or closed, and the line with it
                bell.send(b"0")

    def want_write(self) -> bool:
        return self._told or super().want_write()

    def loop_write(self) -> MQTTErrorCode:
        """As paho's, with what was acknowledged in front."""
        self._told = False
        said = bytearray()
        owed = self._line.owed
        if self._line.connection is self._sock:
            while owed and owed[0].state:
                settled = owed.popleft()
                if settled.state == "good":
                    said += b"\x40\x02" + settled.mid.to_bytes(2, "big")
        if said:
            self._packet_queue(MessageType.PUBACK, said, 0, 1)
        if self._first or len(self._out_packet) > 1:
            self._arrange()
        return super().loop_write()

    def _arrange(self) -> None:
        """This thread alone takes from the packets that wait, any may add to them."""
        urgent, waiting = set(_all(self._first)), _all(self._out_packet)
        self._out_packet.extendleft(reversed(arranged(waiting, lambda packet: packet["mid"] in urgent)))

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """All that one reading brings."""
        if self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        if self._line.connection is not self._sock:
            self._line = Line(self._sock)
        try:
            data = self._sock_recv(AT_ONCE)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        if not data:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        with self._msgtime_mutex:
            self._last_bytes_received = time_func()
        try:
            for packet in self._line.cutter.cut(data):
                if packet.first & _TYPE == MessageType.PUBLISH:
                    self._hear(publication(packet))
                    if self._first and (code := self.loop_write()) > 0:
                        return code
                elif packet.first == MessageType.PUBACK and len(packet.body) == 2:
                    self._settled(int.from_bytes(packet.body, "big"))
                elif (code := self._leave(packet)) > 0:
                    return self._loop_rc_handle(code)
                elif self._sock is not self._line.connection:
                    return MQTTErrorCode.MQTT_ERR_NO_CONN
        except (MalformedPacketError, MalformedPacket):
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_PROTOCOL)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _hear(self, said: Publication) -> None:
        owed = None
        if said.mid:
            owed = Owed(said.mid)
            self._line.owed.append(owed)
        self._heard(said, owed)

    def _settled(self, mid: int) -> None:
        """The broker has what we said, as paho takes it; but the reason and properties of MQTT 5, which are
        never there, are made once and not each time."""
        with self._out_message_mutex:
            if mid in self._out_messages:
                self._do_on_publish(mid, _GOOD, _NO_MORE)

    def _leave(self, packet: Packet) -> MQTTErrorCode:
        """To paho."""
        self._in_packet = {
            "command": packet.first,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(packet.body),
            "packet": bytearray(packet.body),
            "to_process": 0,
            "pos": 0,
        }
        return self._packet_handle()


def _all(waiting: deque[T]) -> Iterator[T]:
    """Take what is there, while others may add to it."""
    while waiting:
        yield waiting.popleft()
