"""Who plays with the agent in its tests: a gateway that signs, an agent in this process."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import gpiozero
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gpiozero.pins.mock import MockFactory

from pleintemps_contract.agent_messages import (
    Availability,
    Birth,
    EventRecord,
    EventsBatch,
    Response,
    SamplesBatch,
    Stream,
)
from pleintemps_contract.credentials import hash_code, lookup
from pleintemps_contract.envelope import Signer
from pleintemps_contract.gateway_messages import (
    Announcement,
    Command,
    CredentialKind,
    Grant,
    GrantsManifest,
    GrantsPage,
    HashSet,
    Receipt,
    Window,
)
from pleintemps_contract.keyfiles import Identity, load_agent_keys, save_agent_keys
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel, Topic, gateway_reads
from pleintemps_contract.wire import GatewayMessage, decode_agent, encode
from pleintemps_contract.world import SystemWorld
from pleintemps_edge.access.grants import page_digest
from pleintemps_edge.agent import Agent
from pleintemps_edge.config import load

SITE = "saint-aubin"
AGENT = "entrance"
PEPPER = bytes(range(32))
CODE = "40718293"
HASHES = HashSet(salt_id="s1", salt="ab" * 16, memory_kib=64, iterations=1, lanes=1)
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(b"g" * 32))
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(b"x" * 32))

TOML = """
site = "saint-aubin"
agent = "entrance"
keys = "keys"
state = "state"
[mqtt]
url = "mqtt://127.0.0.1:{port}"
[clock]
{clock}
[[devices]]
device = "hall-pir"
driver = "pir"
space = "hall"
pin = 17
[[devices]]
device = "hall-keypad"
driver = "wiegand"
d0 = 23
d1 = 24
[[devices]]
device = "hall-reed"
driver = "reed"
space = "hall"
pin = 22
[[devices]]
device = "hall-strike"
driver = "strike"
pin = 27
[[doors]]
door = "hall"
from = "yard"
to = "hall"
lock = "hall-strike"
contact = "hall-reed"
readers = ["hall-keypad"]
"""
HANDLE = """
exit = "hall-handle"
[[devices]]
device = "hall-handle"
driver = "rex"
pin = 5
"""
"""Behind the configuration: its door has an inside handle as well."""


def write_setup(folder: Path, port: int, clock: str = 'source = "system"') -> Path:
    """Keys and configuration of the agent ``entrance``; the path of its edge.toml."""
    pepper = base64.b64encode(PEPPER).decode()
    identity = Identity(site=SITE, agent=AGENT, purpose="demo", pepper=pepper)
    save_agent_keys(folder / "keys", identity, [SIGNER.public])
    path = folder / "edge.toml"
    path.write_text(TOML.format(port=port, clock=clock))
    assert load_agent_keys(folder / "keys").pepper == PEPPER
    return path


async def until(truth: Callable[[], Any], within_s: float = 8.0) -> Any:
    """Wait for ``truth()`` to be true and return it."""
    async with asyncio.timeout(within_s):
        while not (found := truth()):
            await asyncio.sleep(0.005)
    return found


def grant(code: str = CODE, start: int = 0, end: int = 10**15, doors: tuple[str, ...] = ("hall",)) -> Grant:
    value = lookup(PEPPER, hash_code(code, HASHES))
    return Grant(
        id=page_digest(f"{code} {start}".encode())[:32],
        kind=CredentialKind.CODE,
        salt_id=HASHES.salt_id,
        lookup=value,
        doors=list(doors),
        windows=[Window(start=start, end=min(end, 253_402_300_799_999))],
    )


@dataclass
class Gateway:
    """A gateway on the wire: hears everything, says only what the test tells it to."""

    client: aiomqtt.Client
    epoch: int = 7
    revision: int = 0
    receipts: bool = True
    signer: Signer = SIGNER
    births: list[Birth] = field(default_factory=list)
    availability: list[Availability] = field(default_factory=list)
    batches: list[EventsBatch] = field(default_factory=list)
    records: dict[tuple[str, int], EventRecord] = field(default_factory=dict)
    samples: list[SamplesBatch] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)

    def topic(self, channel: Channel, tail: str = "", agent: str = AGENT) -> Topic:
        if channel is Channel.ANNOUNCEMENT:
            return Topic.announcement(SITE)
        return Topic.of_agent(SITE, agent, channel, tail)

    def next_revision(self) -> int:
        self.revision += 1
        return self.revision

    async def send(
        self,
        topic: Topic,
        message: GatewayMessage,
        *,
        retain: bool | None = None,
        signer: Signer | None = None,
    ) -> None:
        keep = topic.row.retained if retain is None else retain
        signer = signer or self.signer
        await self.client.publish(str(topic), signer.seal(str(topic), encode(message)), qos=1, retain=keep)

    async def hear(self) -> None:
        async for message in self.client.messages:
            topic = Topic.parse(str(message.topic))
            if not message.payload:
                continue
            heard = decode_agent(topic, message.payload)
            if isinstance(heard, Birth):
                self.births.append(heard)
            elif isinstance(heard, Availability):
                self.availability.append(heard)
            elif isinstance(heard, EventsBatch):
                self.batches.append(heard)
                for record in heard.records:
                    self.records[heard.journal, record.seq] = record
                if self.receipts:
                    await self.receipt(heard.journal, Stream.EVENTS, heard.records[-1].seq)
            elif isinstance(heard, SamplesBatch):
                self.samples.append(heard)
                if self.receipts:
                    await self.receipt(heard.journal, Stream.SAMPLES, heard.seq)
            else:
                self.responses.append(heard)

    async def receipt(self, journal: str, stream: Stream, through: int) -> None:
        receipt = Receipt(
            epoch=self.epoch,
            revision=self.next_revision(),
            journal=journal,
            stream=stream,
            through=through,
        )
        await self.send(self.topic(Channel.RECEIPT), receipt)

    async def announce(self, started: int) -> None:
        message = Announcement(epoch=self.epoch, revision=self.next_revision(), started=started)
        await self.send(self.topic(Channel.ANNOUNCEMENT), message)

    def page(self, *grants: Grant) -> tuple[str, bytes]:
        body = encode(GrantsPage(epoch=self.epoch, revision=self.next_revision(), grants=list(grants)))
        return page_digest(body), body

    async def send_page(self, digest: str, body: bytes) -> None:
        topic = str(self.topic(Channel.PAGE, digest))
        await self.client.publish(topic, self.signer.seal(topic, body), qos=1, retain=True)

    async def send_manifest(self, *digests: str) -> GrantsManifest:
        manifest = GrantsManifest(
            epoch=self.epoch, revision=self.next_revision(), hashes=[HASHES], pages=list(digests)
        )
        await self.send(self.topic(Channel.MANIFEST), manifest)
        return manifest

    async def give(self, *grants: Grant) -> None:
        """Publish these grants and wait until the agent has them."""
        digest, body = self.page(*grants)
        await self.send_page(digest, body)
        manifest = await self.send_manifest(digest)
        await until(lambda: any(getattr(each, "revision", 0) == manifest.revision for each in self.responses))

    def command(self, action: DoorAction, counter: int, **changes: Any) -> Command:
        command = Command(
            epoch=self.epoch,
            revision=self.next_revision(),
            id=page_digest(f"{action} {counter} {self.revision}".encode())[:32],
            door="hall",
            action=action,
            issued=0,
            expires=253_402_300_799_999,
            boot=self.births[-1].boot,
            counter=counter,
        )
        return msgspec.structs.replace(command, **changes)

    def events(self, kind: type) -> list[Any]:
        """The events of one kind that were stored, oldest first."""
        ordered = [self.records[key] for key in sorted(self.records, key=lambda key: key[1])]
        return [record.event for record in ordered if isinstance(record.event, kind)]


@contextlib.asynccontextmanager
async def gateway_on(port: int, receipts: bool = True) -> AsyncIterator[Gateway]:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe([(topic, 1) for topic in gateway_reads(SITE)])
        gateway = Gateway(client, receipts=receipts)
        ears = asyncio.create_task(gateway.hear())
        try:
            yield gateway
        finally:
            while not ears.done():  # the client may swallow a cancellation that meets a PUBACK
                ears.cancel()
                await asyncio.wait({ears}, timeout=0.1)


@contextlib.contextmanager
def mock_pins() -> Any:
    """gpiozero's own mock pins as the default factory."""
    factory = MockFactory()
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, factory
    try:
        yield factory
    finally:
        gpiozero.Device.pin_factory = before
        factory.reset()


class SimulatedSystem(SystemWorld):
    """The machine's clock, believed as a simulated one is: these tests are not about NTP."""

    source = "simulated"


@contextlib.asynccontextmanager
async def running_agent(config: Path, factory: Any, world: Any = None) -> AsyncIterator[Agent]:
    """The agent of ``config`` in this process, its door shut, stopped in order at the end."""
    stop = asyncio.Event()
    agent = Agent(load(config), world or SimulatedSystem(), SystemWorld())
    factory.pin(22).drive_low()
    task = asyncio.create_task(agent.run(stop))
    try:
        yield agent
    finally:
        stop.set()
        async with asyncio.timeout(5):
            await task


async def pulse_key(factory: Any, key: str) -> None:
    """One key as four Wiegand pulses on the mock pins, about 1 ms apart."""
    value = "0123456789*#".index(key)
    for place in (3, 2, 1, 0):
        pin = factory.pin(24 if value >> place & 1 else 23)
        pin.drive_low()
        pin.drive_high()
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.03)
