"""What a gateway says; every body carries ``(epoch, revision)`` and travels in a signed envelope."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from .agent_messages import Nonce, Stream
from .identifiers import Digest, HexId, Slug
from .onvif import DoorAction
from .units import Epoch, Probability, Revision, Text, Through, UnixMs

PublicKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{43}=\Z")]
"""An Ed25519 public key: base64 of its 32 raw bytes."""


class Announcement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Retained on ``<site>/gateway``: who rules, since when.

    ``keys``, where given, are all that may sign from now on; the one that signs this is among them. So a new
    key is introduced by the old one, and retires it.
    """

    epoch: Epoch
    revision: Revision
    started: UnixMs
    keys: Annotated[list[PublicKey], Meta(max_length=2)] = []


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
    """A staff credential confirms the end of a fire as well; a card is read, and never throttled."""

    CODE = "code"
    STAFF_CODE = "staff-code"
    CARD = "card"
    STAFF_CARD = "staff-card"


class Grant(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The right of one credential at doors in windows; ``lookup`` is HMAC(agent pepper, argon2id(code)).

    ``windows`` and the windows of ``schedules`` count alike. ``once``: worthless after its first use at each
    door. ``duress``: opens like any other and tells the gateway alone. ``extended``: the door's longer times,
    for people who need them.
    """

    id: HexId
    kind: CredentialKind
    salt_id: Slug
    lookup: Digest
    doors: Annotated[list[Slug], Meta(min_length=1, max_length=64)]
    windows: Annotated[list[Window], Meta(max_length=256)] = []
    schedules: Annotated[list[Slug], Meta(max_length=16)] = []
    once: bool = False
    duress: bool = False
    extended: bool = False

    def __post_init__(self) -> None:
        if not self.windows and not self.schedules:
            raise ValueError("a grant without windows or schedules")


class Schedule(Struct, frozen=True, kw_only=True):
    """A recurring right, already put into the calendar: its windows for the next 45 days."""

    schedule: Slug
    windows: Annotated[list[Window], Meta(max_length=512)]


class FreeOpening(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A door that stands unlocked in the windows of ``schedule``; with ``first_person`` only once somebody
    has come in by a credential.
    """

    door: Slug
    schedule: Slug
    first_person: bool = False


class OfflineKeys(Struct, frozen=True, kw_only=True):
    """The daily keys of one space for codes of ``digits`` digits at the ``doors`` that lead to it.

    ``sealed`` is base64 of as many 32-byte keys as there are days from ``first_day`` (days since 1970, UTC),
    sealed for one agent (:mod:`pleintemps_contract.offline`).
    """

    space: Slug
    doors: Annotated[list[Slug], Meta(min_length=1, max_length=64)]
    digits: Annotated[int, Meta(ge=10, le=12)]
    first_day: Annotated[int, Meta(ge=0, le=2_932_896)]
    sealed: Annotated[str, Meta(max_length=4_096)]


class GrantsPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Some grants of one agent; its topic ends with the SHA-256 of this very body.

    A schedule may stand on any page of the manifest. What a page denies counts like what the manifest denies,
    which has room for the first 256 only.
    """

    epoch: Epoch
    revision: Revision
    grants: Annotated[list[Grant], Meta(max_length=512)]
    schedules: Annotated[list[Schedule], Meta(max_length=64)] = []
    free_openings: Annotated[list[FreeOpening], Meta(max_length=64)] = []
    offline: Annotated[list[OfflineKeys], Meta(max_length=64)] = []
    denied_offline: Annotated[list[HexId], Meta(max_length=512)] = []
    denied_tokens: Annotated[list[HexId], Meta(max_length=512)] = []


class GrantsManifest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The complete set of grants of one agent; applied when every page is there, all at once."""

    epoch: Epoch
    revision: Revision
    hashes: Annotated[list[HashSet], Meta(min_length=1, max_length=2)]
    pages: Annotated[list[Digest], Meta(max_length=512)]
    denied_offline: Annotated[list[HexId], Meta(max_length=256)] = []
    denied_tokens: Annotated[list[HexId], Meta(max_length=256)] = []


class Command(Struct, frozen=True, kw_only=True):
    """One act at one door (or intrusion panel, or warning signal). ``boot`` and ``counter`` make it work
    once without any clock.
    """

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
    """ONVIF timings in milliseconds: ReleaseTime, OpenTime, the two for people who need longer,
    DelayTimeBeforeRelock, and PreAlarmTime, which runs at the end of OpenTime.
    """

    release_ms: Annotated[int, Meta(ge=1_000, le=600_000)] = 5_000
    open_ms: Annotated[int, Meta(ge=1_000, le=3_600_000)] = 30_000
    extended_release_ms: Annotated[int, Meta(ge=1_000, le=600_000)] = 15_000
    extended_open_ms: Annotated[int, Meta(ge=1_000, le=3_600_000)] = 60_000
    relock_delay_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0
    pre_alarm_ms: Annotated[int, Meta(ge=0, le=3_600_000)] = 5_000

    def __post_init__(self) -> None:
        if self.extended_release_ms < self.release_ms or self.extended_open_ms < self.open_ms:
            raise ValueError("extended times are not shorter than the others")
        if self.pre_alarm_ms >= self.open_ms:
            raise ValueError("pre_alarm_ms is shorter than open_ms")


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
