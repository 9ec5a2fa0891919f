"""Gateway messages that are right, and ones that differ from a right one in exactly one respect.

The one who makes them knows everything that was ever said and holds every key that was ever retired. A
stranger's key is his own. What he lacks is a key that reigns: messages that such a key has signed and that
are wrong all the same stand for what was captured elsewhere or earlier, and for a gateway's own mistakes.
"""

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract.agent_messages import Stream
from pleintemps_contract.envelope import Signer
from pleintemps_contract.gateway_messages import (
    Announcement,
    Command,
    Config,
    DoorTimings,
    GrantsManifest,
    GrantsPage,
    Receipt,
)
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import GatewayMessage, encode
from pleintemps_edge.access.grants import page_digest
from tests.edge.actors import AGENT, CODE, HASHES, SIGNER, SITE, STRANGER, grant

FOREVER = 253_402_300_799_999
DOOR = "hall"
KINDS = ("command", "receipt", "manifest", "page", "config", "announcement")
OPENING = (DoorAction.ACCESS, DoorAction.UNLOCK, DoorAction.LOCK_OPEN)
SHUTTING = (DoorAction.LOCK, DoorAction.LOCK_DOWN, DoorAction.BLOCK)


@dataclass(frozen=True, slots=True)
class Said:
    """One message as it comes off the line; ``respect`` is what is wrong with it, "" for nothing."""

    kind: str
    respect: str
    topic: str
    payload: bytes
    retained: bool
    message: GatewayMessage


def public_text(signer: Signer) -> str:
    return base64.b64encode(signer.public.public_bytes_raw()).decode()


def key(number: int) -> Signer:
    """The gateway's keys in the order of their reigns."""
    return SIGNER if number == 0 else Signer(Ed25519PrivateKey.from_private_bytes(b"%032d" % number))


@dataclass
class Facts:
    """What the agent is in, as far as messages depend on it."""

    boot: str
    journal: str
    unlocked: bool = False
    sent: int = 0
    """Highest record that was sent, and that no receipt covers yet."""
    newest: int = 0
    """Highest record there is; newer than what was sent."""


@dataclass
class Speaker:
    """The gateway, and whoever sits on its line. ``facts`` are kept by who listens to the agent."""

    facts: Facts
    chance: random.Random
    epoch: int = 100
    revision: int = 1_000
    counter: int = 0
    keys: list[Signer] = field(default_factory=lambda: [key(0)])
    retired: Signer = STRANGER
    introduced: int = 0
    given: int = 0
    page: GrantsPage | None = None
    manifest: GrantsManifest | None = None
    release_ms: int = 5_000
    past: dict[str, list[Said]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    _next: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))

    # --- what is right --------------------------------------------------------------------------------

    @property
    def signer(self) -> Signer:
        return self.keys[-1]

    def topic(self, kind: str, message: GatewayMessage, agent: str = AGENT) -> Topic:
        if kind == "announcement":
            return Topic.announcement(SITE if agent == AGENT else agent)
        if kind == "page":
            return Topic.of_agent(SITE, agent, Channel.PAGE, page_digest(encode(message)))
        channel = {"manifest": Channel.MANIFEST}.get(kind) or Channel(kind)
        return Topic.of_agent(SITE, agent, channel)

    def right(self, kind: str) -> Said:
        """A message that has to work, now that it is said."""
        make: Callable[[], GatewayMessage] = getattr(self, f"_{kind}")
        message = make()
        topic = str(self.topic(kind, message))
        said = Said(kind, "", topic, self.signer.seal(topic, encode(message)), False, message)
        self._remember(kind, message, said)
        return said

    def _remember(self, kind: str, message: GatewayMessage, said: Said) -> None:
        self.past[kind] = [*self.past[kind][-7:], said]
        if isinstance(message, Command):
            self.counter = message.counter
            self.facts.unlocked = message.action is DoorAction.UNLOCK
        elif isinstance(message, Announcement):
            self._handed_over()
        elif isinstance(message, GrantsManifest):
            self.manifest = message
        elif isinstance(message, Config):
            self.release_ms = message.doors[DOOR].release_ms

    def _handed_over(self) -> None:
        if len(self.keys) == 1:
            self.introduced += 1
            self.keys = [*self.keys, key(self.introduced)]
        else:
            self.retired, self.keys = self.keys[0], self.keys[1:]

    def _version(self) -> dict[str, Any]:
        self.revision += 1
        return {"epoch": self.epoch, "revision": self.revision}

    def _command(self) -> Command:
        action = DoorAction.LOCK if self.facts.unlocked else DoorAction.UNLOCK
        return self._asking(action)

    def _asking(self, action: DoorAction) -> Command:
        return Command(
            **self._version(),
            id=self.chance.randbytes(16).hex(),
            door=DOOR,
            action=action,
            issued=0,
            expires=FOREVER,
            boot=self.facts.boot,
            # counters may have gaps
            counter=self.counter + self.chance.randint(1, 3),
        )

    def _receipt(self) -> Receipt:
        return Receipt(
            **self._version(), journal=self.facts.journal, stream=Stream.EVENTS, through=self.facts.sent
        )

    def turn_page(self) -> None:
        """From here on another page is given: the code that always works, and one of this page only."""
        self.given += 1
        grants = [grant(CODE), grant(f"{self.given:08}")]
        self.page = GrantsPage(**self._version(), grants=grants)

    def _page(self) -> GrantsPage:
        assert self.page is not None
        return self.page

    def _manifest(self) -> GrantsManifest:
        pages = [page_digest(encode(self._page()))]
        return GrantsManifest(**self._version(), hashes=[HASHES], pages=pages)

    def _config(self) -> Config:
        release_ms = self.chance.randint(2_000, 9_000)
        return Config(**self._version(), doors={DOOR: DoorTimings(release_ms=release_ms)})

    def _announcement(self) -> Announcement:
        keys = [*self.keys, key(self.introduced + 1)] if len(self.keys) == 1 else self.keys[1:]
        return Announcement(**self._version(), started=0, keys=[public_text(each) for each in keys])

    # --- what is wrong in one respect -------------------------------------------------------------------

    def wrong(self, kind: str) -> Said:
        """A message of this kind with the next thing wrong, each thing in its turn."""
        respects = RESPECTS[kind]
        respect = respects[self._next[kind] % len(respects)]
        self._next[kind] += 1
        return self.with_fault(kind, respect)

    def with_fault(self, kind: str, respect: str) -> Said:
        if respect == "replayed":
            old = self.chance.choice(self.past[kind])
            return Said(kind, respect, old.topic, old.payload, False, old.message)
        message = self._tempting(kind)
        topic = str(self.topic(kind, message))
        if respect in SIGNED:
            message = SIGNED[respect](self, message)
            body = encode(message)
            if isinstance(message, Command) and respect in ("expired", "other-door"):
                self.counter = message.counter  # the gateway's own word, and its number is used up
        elif respect == "undecodable":
            body = encode(message).replace(b'"revision":', b'"revisions":')
        else:
            body = encode(message)
        if kind == "page" and respect in ("undecodable", "wrong-digest"):
            # under the name of the page that the agent waits for
            named = encode(self._page()) if respect == "wrong-digest" else body
            topic = str(Topic.of_agent(SITE, AGENT, Channel.PAGE, page_digest(named)))
        signer, sealed_for = self.signer, topic
        if respect in ("forged", "forged-name"):
            signer = STRANGER
        elif respect == "retired-key":
            signer = self.retired
        elif respect in ("other-agents", "other-topic"):
            sealed_for = str(self.topic(kind, message, agent="yard"))
            if respect == "other-topic":
                moved = Channel.CONFIG if kind == "command" else Channel.COMMAND
                sealed_for = str(Topic.of_agent(SITE, AGENT, moved))
        elif respect == "elsewhere":
            topic = sealed_for = str(self.topic(kind, message, agent="yard"))
        payload = signer.seal(sealed_for, body)
        payload = self._spoil(respect, payload, body)
        return Said(kind, respect, topic, payload, respect == "retained", message)

    def _spoil(self, respect: str, payload: bytes, body: bytes) -> bytes:
        if respect == "forged-name":
            return payload.replace(STRANGER.kid.encode(), self.signer.kid.encode(), 1)
        if respect == "flipped":
            place = self.chance.randrange(len(payload))
            bit = bytes([payload[place] ^ 1 << self.chance.randrange(8)])
            return payload[:place] + bit + payload[place + 1 :]
        if respect == "truncated":
            return payload[: self.chance.randrange(1, len(payload))]
        if respect == "re-encoded":
            spaced = json.dumps(json.loads(body), indent=self.chance.randrange(4)).encode()
            return payload[: len(payload) - len(body)] + spaced
        return payload

    def _tempting(self, kind: str) -> GatewayMessage:
        """A right message that would do visible harm if one believed it."""
        if kind == "command":
            return self._asking(self.chance.choice(SHUTTING if self.facts.unlocked else OPENING))
        if kind == "page":
            return self._page_of("99887766")
        if kind == "config":
            return Config(**self._version(), doors={DOOR: DoorTimings(release_ms=15_000)})
        if kind == "announcement":
            keys = [public_text(self.signer), public_text(STRANGER)]
            return Announcement(**self._version(), started=0, keys=keys)
        if kind == "manifest":
            # revoke everybody
            return GrantsManifest(**self._version(), hashes=[HASHES], pages=[])
        return self._receipt()

    def _page_of(self, code: str) -> GrantsPage:
        return GrantsPage(**self._version(), grants=[grant(code)])


def _changed(**changes: Any) -> Callable[[Speaker, GatewayMessage], GatewayMessage]:
    return lambda _speaker, message: msgspec.structs.replace(message, **changes)


SIGNED: dict[str, Callable[[Speaker, GatewayMessage], GatewayMessage]] = {
    "older-epoch": lambda speaker, message: msgspec.structs.replace(message, epoch=speaker.epoch - 1),
    "older-revision": _changed(revision=0),
    "expired": _changed(expires=1_700_000_000_000),
    "foreign-boot": _changed(boot="f" * 32),
    "repeated": lambda speaker, message: msgspec.structs.replace(
        message, counter=speaker.chance.randint(1, speaker.counter)
    ),
    "other-door": _changed(door="gym"),
    "foreign-journal": _changed(journal="e" * 32),
    "beyond-journal": lambda speaker, message: msgspec.structs.replace(
        message, through=speaker.facts.newest + 1_000
    ),
    "beyond-sent": lambda speaker, message: msgspec.structs.replace(message, through=speaker.facts.newest),
    "unknown-door": _changed(doors={DOOR: DoorTimings(release_ms=15_000), "gym": DoorTimings()}),
    "signer-unlisted": _changed(keys=[public_text(STRANGER)]),
}
"""Faults that even a reigning key's word may have."""

_ALWAYS = (
    *("forged", "forged-name", "retired-key", "flipped", "truncated", "re-encoded", "undecodable"),
    *("other-agents", "other-topic", "elsewhere", "replayed"),
)
RESPECTS: dict[str, tuple[str, ...]] = {
    "command": (
        *(*_ALWAYS, "retained", "older-epoch"),
        *("expired", "foreign-boot", "repeated", "other-door"),
    ),
    "receipt": (
        *(*_ALWAYS, "retained", "older-epoch"),
        *("foreign-journal", "beyond-journal", "beyond-sent"),
    ),
    "manifest": (*_ALWAYS, "older-epoch", "older-revision"),
    "page": (*_ALWAYS, "wrong-digest"),
    "config": (*_ALWAYS, "older-epoch", "older-revision", "unknown-door"),
    "announcement": (*_ALWAYS, "older-epoch", "older-revision", "signer-unlisted"),
}
"""What may be wrong with each kind. A page carries no reign of its own: its manifest vouches for it."""
