"""Lines that swallow, brokers that cannot be believed, packets that no broker should send."""

import asyncio
import datetime
import ipaddress
import logging
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from pleintemps_contract.agent_messages import AccessGranted, CommandResult
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel
from pleintemps_edge.agent import Agent
from pleintemps_edge.drivers.base import KeyPressed
from pleintemps_edge.link import client, session
from tests.support.broker import Mosquitto, find_mosquitto
from tests.support.ports import find_free_port
from tests.support.proxy import wire_to

from .actors import CODE, Gateway, gateway_on, grant, mock_pins, running_agent, until, write_setup

pytestmark = pytest.mark.serial


def press(agent: Agent, keys: str) -> None:
    for key in keys:
        agent._router.observe(KeyPressed("hall-keypad", key, agent._world.monotonic()))


async def obeys(gateway: Gateway, agent: Agent, counter: int) -> None:
    """A command through the broker is carried out."""
    command = gateway.command(DoorAction.ACCESS, counter, boot=agent.boot)
    await gateway.send(gateway.topic(Channel.COMMAND), command)
    await until(lambda: CommandResult(id=command.id) in gateway.responses, 20)


def test_a_line_that_swallows_everything_is_given_up_and_the_door_works_meanwhile(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "KEEPALIVE_S", 1)

    async def story() -> None:
        async with wire_to(mosquitto.port) as wire, gateway_on(mosquitto.port) as gateway:
            config = write_setup(tmp_path, wire.port)
            with mock_pins() as pins:
                async with running_agent(config, pins) as agent:
                    await until(lambda: gateway.births)
                    await gateway.give(grant())
                    wire.swallow()
                    press(agent, CODE + "#")
                    await until(lambda: pins.pin(27).state == 1)
                    assert not gateway.events(AccessGranted)
                    await until(lambda: gateway.events(AccessGranted), 20)
                    await obeys(gateway, agent, 1)

    asyncio.run(story())


def publish(topic: bytes, payload: bytes = b"x", qos: int = 0) -> bytes:
    """An MQTT PUBLISH packet (section 3.3), shorter than 128 bytes."""
    body = len(topic).to_bytes(2, "big") + topic + (b"\x00\x07" if qos else b"") + payload
    return bytes([0x30 | qos << 1, len(body)]) + body


async def attack(folder: Path, broker: Mosquitto, packets: list[bytes], calls: int) -> None:
    """What a broker says beside its messages; the line has to serve after that, at the ``calls``-th call."""
    async with wire_to(broker.port) as wire, gateway_on(broker.port) as gateway:
        with mock_pins() as pins:
            async with running_agent(write_setup(folder, wire.port), pins) as agent:
                await until(lambda: gateway.births)
                for counter, packet in enumerate(packets, 1):
                    before = len(gateway.births)
                    wire.say(packet)
                    if calls > 1:
                        await until(lambda: len(gateway.births) > before, 20)  # noqa: B023
                    await obeys(gateway, agent, counter)
                assert wire.calls == calls
                # nothing of an ended connection is left
                await until(lambda: wire.open == 1)


def test_topics_that_are_none_cost_their_message_only(tmp_path: Path, mosquitto: Mosquitto) -> None:
    packets = [
        publish(b"\xff\xfe/gateway"),
        publish(b"pleintemps/v1/saint-aubin/+/command"),
        publish(b"#"),
        publish(b"\xc3\x28", qos=1),
    ]
    asyncio.run(attack(tmp_path, mosquitto, packets, calls=1))


def test_packets_that_nobody_asked_for_end_the_connection_and_nothing_else(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    packets = [
        publish(b"pleintemps/v1/saint-aubin/gateway", qos=2),
        b"\x30\x01\x00",  # too short for the length of its topic
        b"\x30\x04\x00\x09ab",  # a topic longer than its packet
        b"\x30\xff\xff\xff\xff\x7f",  # a length of five bytes
        b"\x30\xff\xff\xff\x7f" + bytes(70_000),  # a packet of 256 MiB
        b"\xf0\x00",
        publish(b""),
    ]
    asyncio.run(attack(tmp_path, mosquitto, packets, calls=len(packets) + 1))


def test_what_comes_in_too_fast_is_dropped_and_the_line_goes_on(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client, "MAX_WAITING_BYTES", 2_000)
    heard: list[bytes] = []
    flood = b"x" * 1_500
    take = client.Client._on_message

    def listen(self: client.Client, of: Any, data: Any, message: Any) -> None:
        heard.append(message.payload)
        take(self, of, data, message)

    monkeypatch.setattr(client.Client, "_on_message", listen)

    async def story() -> None:
        async with gateway_on(mosquitto.port) as gateway:
            with mock_pins() as pins:
                async with running_agent(write_setup(tmp_path, mosquitto.port), pins) as agent:
                    await until(lambda: gateway.births)
                    topic = str(gateway.topic(Channel.RECEIPT))
                    for _ in range(50):
                        await gateway.client.publish(topic, flood)
                    await until(lambda: heard.count(flood) == 50)  # none is on its way behind the command
                    assert "messages-dropped" in caplog.text
                    await until(lambda: agent._link._client._waiting == 0)  # type: ignore[union-attr]
                    await obeys(gateway, agent, 1)
                    assert caplog.text.count("messages-dropped") < 25

    asyncio.run(story())


# --- certificates -------------------------------------------------------------------------------------------

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates for an address that are good from ``start`` to ``end`` days from now."""

    def __init__(self, name: str) -> None:
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate, _ = self._sign(self._name, self._key, -1, 9, True, "127.0.0.1")

    def _sign(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        start: float,
        end: float,
        authority: bool,
        address: str,
    ) -> tuple[bytes, bytes]:
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + start * DAY)
            .not_valid_after(now + end * DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False
            )
            .sign(self._key, hashes.SHA256())
        )
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return made.public_bytes(Encoding.PEM), secret

    def give(
        self, folder: Path, name: str, start: float = -1, end: float = 1, address: str = "127.0.0.1"
    ) -> None:
        """Write ``ca.crt``, ``<name>.crt`` and ``<name>.key``."""
        folder.mkdir(exist_ok=True)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, secret = self._sign(subject, key, start, end, False, address)
        (folder / "ca.crt").write_bytes(self.certificate)
        (folder / f"{name}.crt").write_bytes(certificate)
        (folder / f"{name}.key").write_bytes(secret)


def tls_broker(folder: Path) -> tuple[Mosquitto, int]:
    """A broker with a listener for agents, and the port of that."""
    program = find_mosquitto()
    if program is None:
        pytest.skip("mosquitto is not installed")
    port = find_free_port()
    lines = [
        f"listener {port}",
        f"cafile {folder}/ca.crt",
        f"certfile {folder}/broker.crt",
        f"keyfile {folder}/broker.key",
        "require_certificate true",
    ]
    broker = Mosquitto(program, folder, extra="\n".join(lines))
    broker.start()
    return broker, port


def tls_setup(folder: Path, port: int) -> Path:
    config = write_setup(folder, port)
    config.write_text(config.read_text().replace("mqtt://", "mqtts://"))
    return config


def lines(caplog: pytest.LogCaptureFixture, start: str) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.getMessage().startswith(start)]


def ups(caplog: pytest.LogCaptureFixture) -> list[str]:
    return lines(caplog, "line-up")


def line_downs(caplog: pytest.LogCaptureFixture) -> list[str]:
    return lines(caplog, "line-down")


@pytest.mark.parametrize(
    ("start", "end", "address", "stranger", "said"),
    [
        (-3, -1, "127.0.0.1", False, "certificate has expired"),
        (1, 3, "127.0.0.1", False, "certificate is not yet valid"),
        (-1, 1, "127.0.0.1", True, "certificate verify failed"),
        (-1, 1, "127.0.0.9", False, "IP address mismatch"),
    ],
)
def test_a_broker_without_a_good_certificate_is_refused_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    start: float,
    end: float,
    address: str,
    stranger: bool,
    said: str,
) -> None:
    monkeypatch.setattr(session, "LONGEST_PAUSE_MS", 600)
    caplog.set_level(logging.INFO)
    site, folder = Authority("site"), tmp_path / "broker"
    (Authority("stranger") if stranger else site).give(folder, "broker", start, end, address)
    (folder / "ca.crt").write_bytes(site.certificate)
    broker, port = tls_broker(folder)

    async def story() -> None:
        async with wire_to(port) as wire:
            config = tls_setup(tmp_path, wire.port)
            site.give(tmp_path / "keys", "agent")
            with mock_pins() as pins:
                async with running_agent(config, pins) as agent:
                    await until(lambda: wire.calls >= 3, 20)
                    press(agent, "1#")
                    await until(lambda: not agent._router.attempts)
                    assert len(line_downs(caplog)) == 1
                    assert said in line_downs(caplog)[0]
                    assert set(wire.first) == {b"\x16"}  # a TLS handshake, never a word in clear
                    assert not ups(caplog)
                    # the broker gets a good one: no restart is needed
                    site.give(folder, "broker")
                    broker.stop()
                    broker.start()
                    await until(lambda: ups(caplog), 20)

    try:
        asyncio.run(story())
    finally:
        broker.stop()


def test_new_certificate_files_are_taken_at_the_next_connect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "LONGEST_PAUSE_MS", 600)
    caplog.set_level(logging.INFO)
    site, folder = Authority("site"), tmp_path / "broker"
    site.give(folder, "broker")
    broker, port = tls_broker(folder)

    async def story() -> None:
        config = tls_setup(tmp_path, port)
        site.give(tmp_path / "keys", "agent", -3, -1)
        with mock_pins() as pins:
            async with running_agent(config, pins):
                await until(lambda: line_downs(caplog), 20)
                assert "hung up" in line_downs(caplog)[0]
                key = tmp_path / "keys" / "agent.key"
                key.write_text("no key at all")  # half of the files may be there when it looks
                await until(lambda: len(line_downs(caplog)) > 1, 20)
                site.give(tmp_path / "keys", "agent")
                await until(lambda: ups(caplog), 20)

    try:
        asyncio.run(story())
    finally:
        broker.stop()
