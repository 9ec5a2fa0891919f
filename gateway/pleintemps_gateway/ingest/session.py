"""The gateway's MQTT session: paho with a thread of its own, a persistent session, late acknowledgement.

A message is acknowledged to the broker only after its commit, so what a dead gateway had not stored comes
again. Where several gateways share the sites the broker keeps nothing for one of them: what has no receipt
agents say again to whoever rules next.
"""

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from pleintemps_contract.cores import Stored, Taken
from pleintemps_contract.logs import line
from pleintemps_contract.topics import PREFIX, Channel, gateway_reads
from pleintemps_gateway.broker import aim
from pleintemps_gateway.config import MqttConfig
from pleintemps_gateway.errors import StoreBusyError, StoreError

from .packets import Publication
from .reader import Owed, Reader

BUSY_S: Final = 0.02
"""So long a message waits at once where the store takes no more."""
BUSY_TRIES: Final = 1_500
"""It waits so often: half a minute."""
_COMMAND: Final = f"/{Channel.COMMAND.value}"
"""The end of the topic of what somebody waits for."""

_log = logging.getLogger(__name__)


class Session:
    """Subscribes for ``sites``; hands messages to ``take`` and says ``connected`` after each connect, once
    the subscriptions stand.

    With ``followed`` sites come and go while it runs: it is called once those of :meth:`follow` stand, and
    ``name`` tells this gateway from the others.
    """

    def __init__(
        self,
        config: MqttConfig,
        keys: Path,
        sites: list[str],
        take: Taken,
        connected: Callable[[], None],
        *,
        name: str = "",
        followed: Callable[[Collection[str]], None] | None = None,
    ) -> None:
        self._sites = sites
        self._take = take
        self._connected = connected
        self._followed = followed
        self._asked: dict[int | None, tuple[str, ...]] = {}
        self._refused: set[str] = set()
        self._asking = threading.Lock()
        self.failed = False
        client_id = f"pleintemps-gateway-{name or '-'.join(sites)}"[:200]
        client = Reader(client_id, clean=followed is not None, heard=self._hear)
        client.max_inflight_messages_set(0)  # with a limit paho walks through all of them at each answer
        client.reconnect_delay_set(min_delay=1, max_delay=5)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        aim(client, config, keys)
        self._client = client

    def start(self) -> None:
        """Connect in the background, again and again until it works."""
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect in order; the broker keeps what comes for us."""
        self._client.disconnect()
        self._client.loop_stop()

    def follow(self, sites: Collection[str]) -> None:
        """Hear these sites as well."""
        with self._asking:
            self._sites += sites
            if self._client.is_connected():
                _, mid = self._client.subscribe(_filters(sites))
                self._asked[mid] = tuple(sites)

    def unfollow(self, sites: Collection[str]) -> None:
        """Hear these sites no more."""
        with self._asking:
            gone = [site for site in sites if site in self._sites]
            for site in gone:
                self._sites.remove(site)
            if gone and self._client.is_connected():
                self._client.unsubscribe([topic for topic, _ in _filters(gone)])

    def ask_again(self) -> None:
        """Subscribe again where the broker has refused it; a cluster does while it elects a leader."""
        with self._asking:
            wanted, self._refused = self._refused.intersection(self._sites), set()
            if wanted and self._client.is_connected():
                _, mid = self._client.subscribe(_filters(wanted))
                self._asked[mid] = tuple(wanted)

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected()

    def publish(self, topic: str, payload: bytes, retained: bool) -> None:
        """Send at QoS 1 if there is a connection: what must outlast a gap is said again at each connect."""
        if not self._client.is_connected():
            return
        if topic.endswith(_COMMAND):
            self._client.publish_first(topic, payload)
        else:
            self._client.publish(topic, payload, qos=1, retain=retained)

    def _on_connect(
        self,
        client: Client,
        _data: Any,
        _flags: ConnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if code.is_failure:
            _log.warning(line("broker-refuses", reason=code))
            return
        _log.info(line("broker-up"))
        with self._asking:
            self._asked.clear()
            self._refused.clear()
            if self._sites:
                client.subscribe(_filters(self._sites))

    def _on_subscribe(
        self, _client: Client, _data: Any, mid: int, codes: list[ReasonCode], _: Properties | None
    ) -> None:
        with self._asking:
            sites = self._asked.pop(mid, None)
            if refused := sum(code.is_failure for code in codes):
                self._refused |= set(self._sites if sites is None else sites)
        if refused:
            _log.warning(line("subscriptions-refused", count=refused))
        if sites is not None and self._followed is not None:
            self._followed(sites)
        else:
            # not before: paho first sends again what was under way, and an old manifest must not come last
            self._connected()

    def _on_disconnect(
        self,
        _client: Client,
        _data: Any,
        _flags: DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if code.is_failure:
            _log.warning(line("broker-down", reason=code))

    def _hear(self, said: Publication, owed: Owed | None) -> None:
        try:
            topic = said.topic.decode()
        except UnicodeDecodeError:
            if owed is not None:
                self._client.acknowledge(owed)
            return
        try:
            stored = self._taken(topic, said)
        except StoreError:
            self.failed = True  # not acknowledged: it comes again to who is started in our place
            return
        if owed is None:
            return
        if stored is None:
            self._client.acknowledge(owed)
        else:
            stored.add_done_callback(lambda future: self._settle(future, owed))

    def _taken(self, topic: str, said: Publication) -> Stored | None:
        """While the store takes no more what somebody waits for still goes out. Raises StoreError."""
        for _ in range(BUSY_TRIES - 1):
            try:
                return self._take(topic, said.payload, said.retained)
            except StoreBusyError:
                self._client.write_first()
        return self._take(topic, said.payload, said.retained)

    def _settle(self, stored: Stored, owed: Owed) -> None:
        if stored.exception() is None:
            self._client.acknowledge(owed)
        else:
            self._client.pass_over(owed)


def _filters(sites: Collection[str]) -> list[tuple[str, int]]:
    wanted = [(topic, 1) for site in sites for topic in gateway_reads(site)]
    # our own retained pages, and those of a gateway before us: to clear what no manifest names
    return wanted + [(f"{PREFIX}/{site}/+/grants/page/+", 0) for site in sites]


class PahoBroker:
    """The broker of the configuration; ``keys`` is the key folder, for TLS."""

    def __init__(self, config: MqttConfig, keys: Path) -> None:
        self._config = config
        self._keys = keys

    def session(self, sites: Sequence[str], take: Taken, connected: Callable[[], None]) -> Session:
        """Raises SettingsError."""
        return Session(self._config, self._keys, list(sites), take, connected)
