"""The gateway of a replay: it says what the recorded one said, signed by keys of the replay's own."""

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract.agent_messages import (
    Availability,
    Birth,
    EventRecord,
    EventsBatch,
    ManifestResult,
    SamplesBatch,
    SeriesInfo,
    Stream,
    TimeRequest,
)
from pleintemps_contract.cores import Delivered
from pleintemps_contract.credentials import PEPPER_BYTES, hash_code, lookup
from pleintemps_contract.envelope import Signer
from pleintemps_contract.errors import ContractError
from pleintemps_contract.gateway_messages import (
    Command,
    Config,
    FreeOpening,
    GatewayTime,
    Grant,
    GrantsManifest,
    GrantsPage,
    HashSet,
    Receipt,
    Schedule,
    Window,
)
from pleintemps_contract.keyfiles import Identity, save_agent_keys
from pleintemps_contract.recording import Openings, Ordered, Receipted, Right, Strange, Timings, Token, Worth
from pleintemps_contract.tokens import Token as Signed
from pleintemps_contract.tokens import sign_token
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import GatewayMessage, decode_agent, encode, seal_gateway
from pleintemps_contract.world import World
from pleintemps_firmware_sim.virtual.broker import MemoryBroker

_GRANTS: Final = 16
"""On one page: with all their doors it stays below what a payload may be."""
_SCHEDULES: Final = 6
_WINDOWS: Final = 200
_NO_BOOT: Final = "0" * 32


class Office:
    """Speaks to one agent over ``broker``; keeps what the agent tells."""

    def __init__(self, site: str, agent: str, broker: MemoryBroker, world: World, epoch: int) -> None:
        self._site = site
        self._agent = agent
        self._broker = broker
        self._epoch = epoch
        self._revision = 0
        self._signer = Signer(Ed25519PrivateKey.from_private_bytes(world.random_bytes(32)))
        self._stranger = Signer(Ed25519PrivateKey.from_private_bytes(world.random_bytes(32)))
        self._pepper = world.random_bytes(PEPPER_BYTES)
        self._hashes = HashSet(
            salt_id="replay", salt=world.random_bytes(16).hex(), memory_kib=8, iterations=1, lanes=1
        )
        self._rights: dict[str, list[Worth]] = {}
        self._openings: dict[str, tuple[list[Window], bool]] = {}
        self._pages: set[str] = set()
        self.installed = -1
        """Revision of the grants that the agent has in force."""
        self.records: dict[tuple[str, int], EventRecord] = {}
        self.batches: dict[tuple[str, int], SamplesBatch] = {}
        self.series: list[SeriesInfo] = []
        self._sent: dict[Stream, tuple[str, int]] = {}
        self._boot = _NO_BOOT
        self._nonce = ""
        self.at_once = True
        """Receipt whatever comes; otherwise only when the recorded gateway did."""
        broker.watchers.append(self._heard)

    def make_keys(self, folder: Path) -> None:
        """Demo keys for the agent."""
        pepper = base64.b64encode(self._pepper).decode()
        identity = Identity(site=self._site, agent=self._agent, purpose="demo", pepper=pepper)
        save_agent_keys(folder, identity, [self._signer.public])

    # --- rights ---------------------------------------------------------------------------------------

    def learn(self, entries: Iterable[Right | Openings]) -> None:
        """What credentials are worth from now on; :meth:`publish` says it."""
        for entry in entries:
            if isinstance(entry, Right):
                self._rights[entry.credential] = entry.worth
            else:
                self._openings = entry.doors

    def publish(self) -> int:
        """A manifest of all that is in force; its revision."""
        self._revision += 1
        pages = list(self._bodies())
        digests = [hashlib.sha256(body).hexdigest() for body in pages]
        for digest, body in zip(digests, pages, strict=True):
            topic = str(self._topic(Channel.PAGE, digest))
            self._broker.publish(topic, self._signer.seal(topic, body), True)
        manifest = GrantsManifest(
            epoch=self._epoch, revision=self._revision, hashes=[self._hashes], pages=digests
        )
        self._say(Channel.MANIFEST, manifest, retain=True)
        for digest in self._pages.difference(digests):
            self._broker.publish(str(self._topic(Channel.PAGE, digest)), b"", True)
        self._pages = set(digests)
        return self._revision

    def _bodies(self) -> Iterable[bytes]:
        grants: list[Grant] = []
        schedules: list[Schedule] = []
        for credential, worths in self._rights.items():
            found = lookup(self._pepper, hash_code(credential, self._hashes)) if worths else ""
            for worth in worths:
                names = self._schedules(worth.windows, schedules)
                if names and worth.doors:
                    grants.append(_grant(worth, found, names))
        openings = [
            FreeOpening(door=door, schedule=name, first_person=first)
            for door, (windows, first) in self._openings.items()
            for name in self._schedules(windows, schedules)
        ]
        yield self._page([], [], openings)
        for place in range(0, len(schedules), _SCHEDULES):
            yield self._page([], schedules[place : place + _SCHEDULES], [])
        for place in range(0, len(grants), _GRANTS):
            yield self._page(grants[place : place + _GRANTS], [], [])

    def _schedules(self, windows: list[Window], schedules: list[Schedule]) -> list[str]:
        """Names of new ``schedules`` that hold ``windows``, at most as many as a grant may have."""
        names = []
        for place in range(0, min(len(windows), 16 * _WINDOWS), _WINDOWS):
            names.append(f"s{len(schedules)}")
            schedules.append(Schedule(schedule=names[-1], windows=windows[place : place + _WINDOWS]))
        return names

    def _page(self, grants: list[Grant], schedules: list[Schedule], openings: list[FreeOpening]) -> bytes:
        return encode(
            GrantsPage(
                epoch=self._epoch,
                revision=self._revision,
                grants=grants,
                schedules=schedules,
                free_openings=openings,
            )
        )

    def text(self, token: Token) -> bytes:
        """What a reader of texts sends for a recorded token."""
        right = token.right
        if right is None:
            return b"no-token\r"
        signed = Signed(
            id=right.id,
            site=self._site,
            doors=right.doors[:16],
            windows=right.windows[:16],
            extended=right.extended,
        )
        try:
            return sign_token(signed, self._signer).encode() + b"\r"
        except ValueError:
            return b"no-token\r"

    # --- what the recorded gateway said ---------------------------------------------------------------

    def receipt(self, entry: Receipted) -> None:
        """Receipt all that the agent has sent of this stream."""
        self._receipt(entry.stream, entry.now)

    def order(self, entry: Ordered) -> None:
        """The same command to the agent that runs now."""
        command = Command(
            epoch=entry.epoch,
            revision=0,
            id=entry.id,
            door=entry.door,
            action=entry.action,
            issued=entry.issued,
            expires=entry.expires,
            boot=self._boot if entry.own else _NO_BOOT,
            counter=entry.counter,
        )
        topic = self._topic(Channel.COMMAND)
        self._deliver(str(topic), seal_gateway(topic, command, self._signer), entry.retained)

    def timings(self, entry: Timings) -> None:
        """The remote configuration."""
        self._say(
            Channel.CONFIG, Config(epoch=entry.epoch, revision=entry.revision, doors=entry.doors), retain=True
        )

    def strange(self, entry: Strange) -> None:
        """A message that cannot be believed for the same reason."""
        try:
            channel = Channel(entry.channel)
        except ValueError:
            self._deliver("elsewhere", b"{}", False)
            return
        tail = "0" * 64 if channel is Channel.PAGE else ""
        topic = str(self._topic(channel, tail))
        if channel is Channel.ANNOUNCEMENT:
            topic = str(Topic.announcement(self._site))
        payload = {
            "no-envelope": b"?",
            "bad-header": b"{}\n{}",
            "unknown-key": self._stranger.seal(topic, b"{}"),
            "bad-signature": self._signer.seal(topic, b"{}") + b" ",
            "undecodable": self._signer.seal(topic, b"{}"),
        }.get(entry.why)
        if payload is not None:
            self._deliver(topic, payload, False)

    def _deliver(self, topic: str, payload: bytes, retained: bool) -> None:
        for client in list(self._broker.clients.values()):
            client.deliver(Delivered(topic, payload, retained))

    def _topic(self, channel: Channel, tail: str = "") -> Topic:
        return Topic(self._site, self._agent, channel, tail)

    def _say(self, channel: Channel, message: GatewayMessage, *, retain: bool = False) -> None:
        topic = self._topic(channel)
        self._broker.publish(str(topic), seal_gateway(topic, message, self._signer), retain)

    # --- what the agent says --------------------------------------------------------------------------

    def _heard(self, topic: str, payload: bytes) -> None:
        try:
            message = decode_agent(Topic.parse(topic), payload)
        except ContractError:  # our own
            return
        if isinstance(message, EventsBatch):
            for record in message.records:
                self.records[message.journal, record.seq] = record
            self._took(Stream.EVENTS, message.journal, message.records[-1].seq)
        elif isinstance(message, SamplesBatch):
            self.batches[message.journal, message.seq] = message
            self._took(Stream.SAMPLES, message.journal, message.seq)
        elif isinstance(message, Birth):
            self._boot, self._nonce, self.series = message.boot, message.nonce, message.series
        elif isinstance(message, TimeRequest):
            self._nonce = message.nonce
        elif isinstance(message, ManifestResult) and message.applied:
            self.installed = message.revision
        elif isinstance(message, Availability):
            self._boot = message.boot

    @property
    def boot(self) -> str:
        """Of the agent that runs."""
        return self._boot

    def _took(self, stream: Stream, journal: str, seq: int) -> None:
        self._sent[stream] = (journal, seq)
        if self.at_once:
            self._receipt(stream, None)

    def _receipt(self, stream: Stream, now: int | None) -> None:
        sent = self._sent.get(stream)
        if sent is None:
            return
        time = GatewayTime(nonce=self._nonce, now=now) if now is not None and self._nonce else None
        self._revision += 1
        self._say(
            Channel.RECEIPT,
            Receipt(
                epoch=self._epoch,
                revision=self._revision,
                journal=sent[0],
                stream=stream,
                through=sent[1],
                time=time,
            ),
        )


def _grant(worth: Worth, found: str, schedules: list[str]) -> Grant:
    return Grant(
        id=worth.id,
        kind=worth.kind,
        salt_id="replay",
        lookup=found,
        doors=worth.doors,
        schedules=schedules,
        once=worth.once,
        duress=worth.duress,
        extended=worth.extended,
    )
