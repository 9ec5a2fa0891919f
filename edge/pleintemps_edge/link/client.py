"""The MQTT client, guarded against what a broker should not send.

What the library does not see to: a topic that is no UTF-8 or holds a wildcard costs that message only;
a packet larger than any of ours, and one that cannot be read at all, end the connection; an ended
connection leaves no socket behind; what comes in too fast is dropped, so memory stays bounded.
"""

import logging
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiomqtt
from paho.mqtt import client as paho

from pleintemps_contract.cores import Delivered
from pleintemps_contract.keyfiles import own_certificate
from pleintemps_contract.logs import line
from pleintemps_contract.wire import MAX_PAYLOAD

MAX_WAITING_BYTES: Final = 16 * 2**20
"""Messages that came in and wait for their turn: 512 pages of 32 KiB."""
MAX_PACKET: Final = 16 * MAX_PAYLOAD
"""A message that is only too long is refused and counted; larger ones would fill the memory first."""
_QUIET: Final = logging.getLogger("mqtt")
_QUIET.setLevel(logging.CRITICAL + 1)  # all that matters is said by the link, once
_LOG: Final = logging.getLogger("link")


def tls_context(folder: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with the site's authority alone and our own certificate; raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and name
    context.load_verify_locations(folder / "ca.crt")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # a key under a password is an error, not a question on the terminal
    context.load_cert_chain(*own_certificate(folder), password=b"none")
    return context


class Client(aiomqtt.Client):
    """One connection. Use it once."""

    def __init__(self, hostname: str, port: int, **options: Any) -> None:
        super().__init__(hostname, port, logger=_QUIET, **options)
        self._waiting = 0
        self._dropping = False

    async def __aenter__(self) -> Self:
        try:
            return await super().__aenter__()
        except BaseException:
            self._hang_up()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            self._hang_up()

    async def next_message(self) -> Delivered:
        """The next message; raises MqttError when the line is lost."""
        message = await anext(self.messages)
        self._waiting -= len(message.payload)
        self._dropping = self._dropping and self._waiting > 0
        return Delivered(str(message.topic), message.payload, bool(message.retain))

    def _hang_up(self) -> None:
        """Whatever state the library is in: nothing of this connection is read any more."""
        self._client._sock_close()

    def _on_disconnect(self, *args: Any) -> None:
        # without this a broker that does not like our certificate is waited for until the time is out
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError("the broker has hung up instead of an answer"))
        super()._on_disconnect(*args)

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        size = len(message.payload)
        if self._waiting + size > MAX_WAITING_BYTES:
            if not self._dropping:
                self._dropping = True
                _LOG.warning(line("messages-dropped", waiting_bytes=self._waiting))
            return
        try:
            super()._on_message(client, userdata, message)
        except ValueError:  # UnicodeDecodeError too: not a topic, so not one of ours
            return
        self._waiting += size

    def _on_socket_open(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        super()._on_socket_open(client, userdata, sock)
        self._loop.call_soon_threadsafe(self._loop.add_reader, sock.fileno(), self._read, client)

    def _read(self, client: paho.Client) -> None:
        """As the library's own reader, within bounds."""
        try:
            while True:
                client.loop_read()
                if client._in_packet["remaining_length"] > MAX_PACKET or client._in_messages:
                    # of QoS 2, or larger than any of ours
                    raise ValueError("the broker sends what nobody asked for")
                held = client.socket()
                if not isinstance(held, ssl.SSLSocket) or held.pending() == 0:
                    return
        except Exception as error:  # noqa: BLE001 - the library names no errors for what a peer may send
            self._hang_up()
            if not self._disconnected.done():
                self._disconnected.set_exception(aiomqtt.MqttError(f"{type(error).__name__}: {error}"))
