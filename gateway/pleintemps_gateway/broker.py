"""How the gateway's MQTT clients reach the broker: address, TLS and the socket, the same for all of them."""

import socket
import ssl
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from paho.mqtt.client import Client

from .config import MqttConfig
from .errors import SettingsError

KEEPALIVE_S: Final = 20
_PORT: Final = 1883
_TLS_PORT: Final = 8883


def aim(client: Client, config: MqttConfig, keys: Path) -> None:
    """Say where ``client`` connects once its loop runs; raises SettingsError."""
    url = urlsplit(config.url)
    try:
        port = url.port
    except ValueError as error:
        raise SettingsError(f"mqtt.url: {error}") from error
    if not url.hostname:
        raise SettingsError("mqtt.url: names no host")
    secure = url.scheme == "mqtts"
    if secure:
        client.tls_set_context(tls_context(keys))
    client.on_socket_open = _on_socket_open
    client.connect_async(url.hostname, port or (_TLS_PORT if secure else _PORT), KEEPALIVE_S)


def _on_socket_open(_client: Client, _data: Any, connection: Any) -> None:
    # without it a PUBACK followed by a receipt waits 40 ms for the other side's delayed acknowledgement
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def tls_context(keys: Path) -> ssl.SSLContext:
    """For the broker, by the files of ``keys``; raises SettingsError."""
    try:
        context = ssl.create_default_context(cafile=str(keys / "site-ca" / "ca.crt"))
        context.load_cert_chain(keys / "gateway" / "gateway.crt", keys / "gateway" / "gateway.key")
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"{keys}: TLS files cannot be used: {error}") from error
    return context
