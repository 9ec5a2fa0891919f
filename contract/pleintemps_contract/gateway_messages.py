"""What a gateway says; every body carries ``(epoch, revision)`` and travels in a signed envelope."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from .agent_messages import Nonce, Stream
from .identifiers import Digest, HexId, Slug
from .onvif import DoorAction
from .units import Epoch, Probability, Revision, Text, Through, UnixMs


class Announcement(Struct, frozen=True, kw_only=True):
    """Retained on ``<site>/gateway``: who rules, since when."""

    epoch: Epoch
    revision: Revision
    started: UnixMs


class GatewayTime(Struct, frozen=True, kw_only=True):
    """The gateway's clock, bound to the nonce that the agent asked with."""

    nonce: Nonce
    now: UnixMs


class Receipt(Struct, frozen=True, kw_only=True):
    """Everything of ``journal``'s ``stream`` up to ``through`` is stored or accounted for."""

    epoch: Epoch
    revision: Revision
    journal: HexId
    stream: Stream
    through: Through
    time: GatewayTime | None = None


class HashSet(Struct, frozen=True, kw_only=True):
    """How typed codes become hashes at this site: argon2id (RFC 9106), 32 bytes out."""

    salt_id: Slug
    salt: HexId
    memory_kib: Annotated[int, Meta(ge=8, le=262_144)]
    iterations: Annotated[int, Meta(ge=1, le=64)]
    lanes: Annotated[int, Meta(ge=1, le=8)]

    def __post_init__(self) -> None:
        if self.memory_kib < 8 * self.lanes:
            raise ValueError("argon2id needs 8 KiB a lane")


class Window(Struct, frozen=True, kw_only=True):
    """Valid from ``start`` (included) to ``end`` (excluded)."""

    start: UnixMs
    end: UnixMs

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("a window ends after it starts")


class CredentialKind(StrEnum):
    CODE = "code"
    STAFF_CODE = "staff-code"


class Grant(Struct, frozen=True, kw_only=True):
    """The right of one credential at doors in windows; ``lookup`` is HMAC(agent pepper, argon2id(code))."""

    id: HexId
    kind: CredentialKind
    salt_id: Slug
    lookup: Digest
    doors: Annotated[list[Slug], Meta(min_length=1, max_length=64)]
    windows: Annotated[list[Window], Meta(min_length=1, max_length=256)]


class GrantsPage(Struct, frozen=True, kw_only=True):
    """Some grants of one agent; its topic ends with the SHA-256 of this very body."""

    epoch: Epoch
    revision: Revision
    grants: Annotated[list[Grant], Meta(max_length=512)]


class GrantsManifest(Struct, frozen=True, kw_only=True):
    """The complete set of grants of one agent; applied when every page is there, all at once."""

    epoch: Epoch
    revision: Revision
    hashes: Annotated[list[HashSet], Meta(min_length=1, max_length=2)]
    pages: Annotated[list[Digest], Meta(max_length=512)]
    denied_offline: Annotated[list[HexId], Meta(max_length=256)] = []


class Command(Struct, frozen=True, kw_only=True):
    """One act at one door. ``boot`` and ``counter`` make it work once without any clock."""

    epoch: Epoch
    revision: Revision
    id: HexId
    door: Slug
    action: DoorAction
    issued: UnixMs
    expires: UnixMs
    boot: HexId
    counter: Annotated[int, Meta(ge=1, le=2**53)]


class DoorTimings(Struct, frozen=True, kw_only=True):
    """ONVIF timings in milliseconds."""

    release_ms: Annotated[int, Meta(ge=1_000, le=600_000)] = 5_000
    open_ms: Annotated[int, Meta(ge=1_000, le=3_600_000)] = 30_000


class Config(Struct, frozen=True, kw_only=True):
    """Remote part of the configuration: timings of doors. The agent keeps the last good one."""

    epoch: Epoch
    revision: Revision
    doors: Annotated[dict[Slug, DoorTimings], Meta(max_length=64)]


class Occupancy(StrEnum):
    OCCUPIED = "occupied"
    VACANT = "vacant"
    UNKNOWN = "unknown"


class RoomState(Struct, frozen=True, kw_only=True):
    """Retained on ``<site>/state/<space>`` for other software: the belief, since when.

    ``probability`` is that of ``occupied``, absent when unknown. ``evidence_at`` is the time of the youngest
    sample behind the belief, ``next_start`` that of the next booking.
    """

    epoch: Epoch
    revision: Revision
    space: Slug
    state: Occupancy
    since: UnixMs
    at: UnixMs
    probability: Probability | None = None
    evidence: Text = ""
    evidence_at: UnixMs | None = None
    next_start: UnixMs | None = None
