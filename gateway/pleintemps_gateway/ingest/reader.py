"""Paho's client with a reading and acknowledging of its own, for a line on which thousands of messages come.

Paho asks the socket three times for each packet and writes each acknowledgement by itself; each such call
lets the interpreter's lock go and waits for it again. Here what has arrived is read at once and cut, and what
was acknowledged meanwhile goes out in one write. All else is paho's: connecting, TLS, keeping alive,
subscribing, publishing.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from paho.mqtt.client import Client, time_func
from paho.mqtt.enums import CallbackAPIVersion, MessageType, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket

from pleintemps_gateway.errors import MalformedPacketError

from .packets import Packet, PacketCutter, Publication, publication

AT_ONCE: Final = 65_536
"""Bytes of one reading."""
_TYPE: Final = 0xF0


class Line:
    """One connection, from its socket to its end."""

    def __init__(self, connection: object) -> None:
        self.connection = connection
        self.cutter = PacketCutter()


class Reader(Client):
    """``heard`` gets each message with the line that it came on; :meth:`acknowledge` it at QoS 1, late or at
    once, from any thread.
    """

    def __init__(self, client_id: str, *, clean: bool, heard: Callable[[Publication, Line], None]) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        self._heard = heard
        self._line = Line(None)
        self._acknowledged: deque[tuple[Line, int]] = deque()
        self._told = False

    def acknowledge(self, line: Line, mid: int) -> None:
        """The broker need not send it again. Numbers mean nothing on another line: then it is not said."""
        self._acknowledged.append((line, mid))
        if self._told:
            return
        self._told = True
        if (bell := self._sockpairW) is not None:
            with suppress(OSError):  # full, so it rings; or closed, and the line with it
                bell.send(b"0")

    def want_write(self) -> bool:
        return bool(self._acknowledged) or super().want_write()

    def loop_write(self) -> MQTTErrorCode:
        """As paho's, with what was acknowledged in front."""
        self._told = False
        said = bytearray()
        while self._acknowledged:
            line, mid = self._acknowledged.popleft()
            if line.connection is self._sock:
                said += b"\x40\x02" + mid.to_bytes(2, "big")
        if said:
            self._packet_queue(MessageType.PUBACK, said, 0, 1)
        return super().loop_write()

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
                    self._heard(publication(packet), self._line)
                elif (code := self._leave(packet)) > 0:
                    return self._loop_rc_handle(code)
                elif self._sock is not self._line.connection:
                    return MQTTErrorCode.MQTT_ERR_NO_CONN
        except (MalformedPacketError, MalformedPacket):
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_PROTOCOL)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

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
