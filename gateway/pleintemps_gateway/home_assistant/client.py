"""The MQTT client of the bridge: paho in a thread of its own, a clean session, a last will."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from pleintemps_contract.logs import line
from pleintemps_gateway.broker import aim
from pleintemps_gateway.config import MqttConfig

from . import topics

MAX_BYTES: Final = 65_536
Heard = Callable[[tuple[str, bytes, bool] | None], None]

_log = logging.getLogger(__name__)


class Client:
    """Hands messages to ``heard``, and None once the subscriptions of a new connection stand."""

    def __init__(self, config: MqttConfig, keys: Path, wanted: Sequence[str], heard: Heard) -> None:
        self._wanted = wanted
        self._heard = heard
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id="",
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        client.will_set(topics.ONLINE, b"offline", qos=1, retain=True)
        client.reconnect_delay_set(min_delay=1, max_delay=30)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        aim(client, config, keys)
        self._client = client

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected()

    def start(self) -> None:
        """Connect in the background, again and again until it works."""
        self._client.loop_start()

    def stop(self) -> None:
        """Say good-bye as the last will would."""
        if self._client.is_connected():
            self._client.publish(topics.ONLINE, b"offline", qos=1, retain=True).wait_for_publish(2)
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, retained: bool) -> None:
        """Send if there is a connection; everything is said again at the next one."""
        if self._client.is_connected():
            self._client.publish(topic, payload, qos=1, retain=retained)

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: ConnectFlags, code: ReasonCode, _: Properties | None
    ) -> None:
        if code.is_failure:
            _log.warning(line("home-assistant-broker-refuses", reason=code))
            return
        client.subscribe([(topic, 1) for topic in self._wanted])

    def _on_subscribe(self, *_: object) -> None:
        self._heard(None)

    def _on_disconnect(
        self,
        _client: paho.Client,
        _data: Any,
        _flags: DisconnectFlags,
        code: ReasonCode,
        _: Properties | None,
    ) -> None:
        if code.is_failure:
            _log.warning(line("home-assistant-broker-down", reason=code))

    def _on_message(self, _client: paho.Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        if len(message.payload) <= MAX_BYTES:
            self._heard((topic, bytes(message.payload), message.retain))
