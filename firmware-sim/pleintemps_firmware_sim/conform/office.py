"""The gateway's part at the bench: it signs, hands out grants and receipts, and remembers all it hears."""

import hashlib
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract.agent_messages import (
    Availability,
    Birth,
    EventRecord,
    EventsBatch,
    Response,
    SamplesBatch,
    Stream,
)
from pleintemps_contract.cores import Delivered
from pleintemps_contract.credentials import card_text, hash_code, lookup
from pleintemps_contract.envelope import Signer
from pleintemps_contract.errors import ContractError
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
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel, Topic, gateway_reads
from pleintemps_contract.wire import GatewayMessage, decode_agent, encode
from pleintemps_contract.world import World
from pleintemps_firmware_sim.virtual.broker import MemoryBroker, matches

HASHES: Final = HashSet(salt_id="s1", salt="ab" * 16, memory_kib=64, iterations=1, lanes=1)
"""As light as the contract allows: what a hash costs is measured elsewhere."""
FOR_EVER: Final = Window(start=0, end=253_402_300_799_999)
EPOCH: Final = 1
_SOON_MS: Final = 60_000


class Heard(NamedTuple):
    """One record, at the monotonic time of its first arrival."""

    at: int
    record: EventRecord


class Office:
    """Rules one agent. ``receipts`` false: it hears and says nothing of it."""

    def __init__(self, site: str, agent: str, broker: MemoryBroker, world: World, pepper: bytes) -> None:
        self.signer = Signer(Ed25519PrivateKey.from_private_bytes(world.random_bytes(32)))
        self.receipts = True
        self.births: list[Birth] = []
        self.responses: list[Response] = []
        self.records: dict[tuple[str, int], Heard] = {}
        self.samples: list[tuple[int, str, int, float]] = []
        """Monotonic ms of arrival, series, Unix ms, value."""
        self.unreadable: list[str] = []
        self.published: list[bytes] = []
        """Every payload of the agent."""
        self.sent: list[int] = []
        """Numbers of records as they came, again and again."""
        self.differing: list[int] = []
        """Numbers of records that came with another content than before."""
        self.presence = ""
        self._site, self._agent, self._pepper = site, agent, pepper
        self._broker, self._world = broker, world
        self._revision = self._counter = 0
        self._reads = gateway_reads(site)
        broker.locks.append(self)

    # --- hearing ---------------------------------------------------------------------------------------

    def wants(self, topic: str) -> bool:
        return any(matches(wanted, topic) for wanted in self._reads)

    def deliver(self, message: Delivered) -> None:
        if not message.payload:
            return
        self.published.append(message.payload)
        try:
            heard = decode_agent(Topic.parse(message.topic), message.payload)
        except ContractError as error:
            self.unreadable.append(str(error))
            return
        now = self._world.monotonic()
        if isinstance(heard, Birth):
            self.births.append(heard)
        elif isinstance(heard, Availability):
            self.presence = heard.state.value
        elif isinstance(heard, EventsBatch):
            for record in heard.records:
                self.sent.append(record.seq)
                known = self.records.setdefault((heard.journal, record.seq), Heard(now, record))
                if known.record != record:
                    self.differing.append(record.seq)
            self._receipt(heard.journal, Stream.EVENTS, heard.records[-1].seq)
        elif isinstance(heard, SamplesBatch):
            for series, column in heard.series.items():
                for dt, value in zip(column.dt, column.value, strict=True):
                    self.samples.append((now, series, heard.base + dt, value))
            self._receipt(heard.journal, Stream.SAMPLES, heard.seq)
        else:
            self.responses.append(heard)

    @property
    def boot(self) -> str:
        return self.births[-1].boot

    def _receipt(self, journal: str, stream: Stream, through: int) -> None:
        if self.receipts:
            receipt = Receipt(
                epoch=EPOCH, revision=self._next(), journal=journal, stream=stream, through=through
            )
            self.say(self.topic(Channel.RECEIPT), receipt)

    # --- saying ----------------------------------------------------------------------------------------

    def topic(self, channel: Channel, digest: str = "") -> Topic:
        if channel is Channel.ANNOUNCEMENT:
            return Topic.announcement(self._site)
        return Topic.of_agent(self._site, self._agent, channel, digest)

    def say(self, topic: Topic, message: GatewayMessage, signer: Signer | None = None) -> bytes:
        """Sign and send; returns what went over the wire."""
        payload = (signer or self.signer).seal(str(topic), encode(message))
        self.repeat(topic, payload, topic.row.retained)
        return payload

    def repeat(self, topic: Topic, payload: bytes, retain: bool) -> None:
        """These very bytes, as anybody on the broker could send them."""
        if self._broker.up:
            self._broker.publish(str(topic), payload, retain)

    def announce(self) -> None:
        message = Announcement(epoch=EPOCH, revision=self._next(), started=self._world.now())
        self.say(self.topic(Channel.ANNOUNCEMENT), message)

    def give(self, *grants: Grant) -> int:
        """Put these grants in the place of all others; the revision that the agent will confirm."""
        body = encode(GrantsPage(epoch=EPOCH, revision=self._next(), grants=list(grants)))
        digest = hashlib.sha256(body).hexdigest()
        topic = self.topic(Channel.PAGE, digest)
        self.repeat(topic, self.signer.seal(str(topic), body), True)
        manifest = GrantsManifest(epoch=EPOCH, revision=self._next(), hashes=[HASHES], pages=[digest])
        self.say(self.topic(Channel.MANIFEST), manifest)
        return manifest.revision

    def grant(
        self,
        code: str,
        doors: list[str],
        window: Window = FOR_EVER,
        kind: CredentialKind = CredentialKind.CODE,
    ) -> Grant:
        """``code`` is what is typed, or a card in canonical text."""
        text = card_text(code) if kind in (CredentialKind.CARD, CredentialKind.STAFF_CARD) else code
        return Grant(
            id=hashlib.sha256(f"{code} {window.start}".encode()).hexdigest()[:32],
            kind=kind,
            salt_id=HASHES.salt_id,
            lookup=lookup(self._pepper, hash_code(text, HASHES)),
            doors=doors,
            windows=[window],
        )

    def command(self, action: DoorAction, door: str) -> Command:
        """The next command of this boot, good for a minute."""
        self._counter += 1
        now = self._world.now()
        return Command(
            epoch=EPOCH,
            revision=self._next(),
            id=hashlib.sha256(f"{action} {self._counter}".encode()).hexdigest()[:32],
            door=door,
            action=action,
            issued=now,
            expires=now + _SOON_MS,
            boot=self.boot,
            counter=self._counter,
        )

    def order(self, action: DoorAction, door: str, **changes: object) -> bytes:
        """Send a command, with ``changes`` in its fields; returns its bytes."""
        command = msgspec.structs.replace(self.command(action, door), **changes)
        return self.say(self.topic(Channel.COMMAND), command)

    def _next(self) -> int:
        self._revision += 1
        return self._revision
