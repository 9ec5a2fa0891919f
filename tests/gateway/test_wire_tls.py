"""Broker, ingest and an agent over TLS, with the certificates that ``init`` makes and no others."""

import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from pleintemps_contract.gateway_messages import Announcement
from pleintemps_contract.keyfiles import load_agent_keys
from pleintemps_contract.topics import Channel
from pleintemps_gateway.cli import main
from tests.support.broker import Mosquitto, find_mosquitto
from tests.support.ports import find_free_port

from .house import TOML
from .player import batch, playing
from .test_ingest_wire import Ingest

pytestmark = pytest.mark.serial
CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x0a\x00\x04wait"


def init(folder: Path, port: int) -> Path:
    """A configuration and all its keys; returns the configuration."""
    folder.mkdir(exist_ok=True)
    file = folder / "gateway.toml"
    text = TOML.format(url=f"sqlite:///{folder}/gateway.db", port=port, extra="")
    file.write_text(text.replace("mqtt://127.0.0.1", "mqtts://127.0.0.2"))
    assert main(["init", "--config", str(file), "--demo"]) == 0
    return file


def context(authority: Path, own: Path | None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(authority / "ca.crt"))
    if own is not None:
        made.load_cert_chain(own / "agent.crt", own / "agent.key")
    return made


class Site:
    """One site whose broker takes nobody without a certificate of its authority."""

    def __init__(self, folder: Path, program: str) -> None:
        self.port = find_free_port()
        self.file = init(folder / "site", self.port)
        self.keys = folder / "site" / "keys"
        broker = self.keys / "broker"
        extra = [
            f"listener {self.port}",
            f"cafile {broker}/ca.crt",
            f"certfile {broker}/broker.crt",
            f"keyfile {broker}/broker.key",
            "require_certificate true",
            "use_identity_as_username true",
        ]
        (folder / "broker").mkdir()
        self.broker = Mosquitto(program, folder / "broker", extra="\n".join(extra))

    def connack(self, tls: ssl.SSLContext) -> bytes:
        """What the broker answers to a client; raises as TLS does."""
        with (
            socket.create_connection(("127.0.0.2", self.port), 10) as plain,
            tls.wrap_socket(plain, server_hostname="127.0.0.2") as connection,
        ):
            connection.sendall(CONNECT)
            return connection.recv(4)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    program = find_mosquitto()
    if program is None:
        pytest.skip("mosquitto is not installed")
    made = Site(tmp_path, program)
    made.broker.start()
    try:
        yield made
    finally:
        made.broker.stop()


def test_ingest_and_an_agent_talk_over_tls(site: Site, tmp_path: Path) -> None:
    folder = site.keys / "agents" / "entrance"
    log = tmp_path / "ingest.log"
    ingest = Ingest(site.file, log)
    ingest.start()
    try:
        keys = load_agent_keys(folder)
        with playing(keys, site.port, context(folder, folder), "127.0.0.2") as player:
            player.wait(lambda: next(iter(player.messages(Announcement)), None))
            player.grants(0)
            player.say(Channel.EVENTS, batch(1, 3))
            player.receipt(3)
    finally:
        assert ingest.end(signal.SIGTERM) == 0
    assert "Traceback" not in log.read_text()
    assert "u'ecole/entrance'" in site.broker.log.read_text()  # the broker knows who writes
    assert "u'gateway'" in site.broker.log.read_text()


def test_only_certificates_of_the_site_are_taken(site: Site, tmp_path: Path) -> None:
    own = site.keys / "agents" / "entrance"
    assert site.connack(context(own, own))[:1] == b"\x20"
    stranger = init(tmp_path / "stranger", site.port).parent / "keys" / "agents" / "entrance"
    for refused in (context(own, stranger), context(own, None)):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            if not site.connack(refused):
                raise ConnectionError("the broker has hung up")
    with pytest.raises(ssl.SSLCertVerificationError):  # nor does an agent believe another site's broker
        site.connack(context(stranger, own))


def test_a_broker_under_a_name_that_its_certificate_lacks_is_not_believed(site: Site) -> None:
    own = site.keys / "agents" / "entrance"
    with (
        pytest.raises(ssl.SSLCertVerificationError),
        socket.create_connection(("127.0.0.1", site.port), 10) as plain,
    ):
        context(own, own).wrap_socket(plain, server_hostname="broker.example")
