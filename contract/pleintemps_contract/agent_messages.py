"""What an agent says: availability, birth, events, samples, response."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from .identifiers import DriverName, HexId, KeyId, Slug
from .onvif import DoorAction, DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState
from .units import Epoch, MonotonicMs, Quantity, Revision, Seq, SeriesKind, Text, UnixMs

Nonce = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]


class Presence(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"


class Availability(Struct, frozen=True, kw_only=True):
    """A hint from the agent or from its last will: ``boot`` keeps an old will from hiding a new birth."""

    state: Presence
    boot: HexId


class ClockSource(StrEnum):
    RTC = "rtc"
    NTP = "ntp"
    GATEWAY = "gateway"
    SIMULATED = "simulated"
    NONE = "none"


class Health(StrEnum):
    OK = "ok"
    SILENT = "silent"
    ERROR = "error"


class DeviceInfo(Struct, frozen=True, kw_only=True):
    device: Slug
    driver: DriverName
    health: Health
    detail: Text = ""


class DoorInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A door as it stands at the birth. ``fire``: nothing is energised, for the panel or for want of a
    person's confirmation after it.
    """

    door: Slug
    mode: DoorMode
    physical: DoorPhysicalState
    lock: LockPhysicalState
    alarm: DoorAlarm
    fire: bool = False


class SeriesInfo(Struct, frozen=True, kw_only=True):
    """A series that this agent will send. Silent for longer than ``max_silence_s`` means that it is ill."""

    series: Slug
    device: Slug
    space: Slug
    quantity: Quantity
    kind: SeriesKind
    max_silence_s: Annotated[int, Meta(ge=1, le=86_400)]


class Stream(StrEnum):
    EVENTS = "events"
    SAMPLES = "samples"


class StorageInfo(Struct, frozen=True, kw_only=True):
    """How the files of one stream are: in trouble the journal itself cannot tell it, so the birth does."""

    stream: Stream
    health: Health
    detail: Text = ""


class PanelState(StrEnum):
    """The building's own intrusion alarm."""

    UNKNOWN = "unknown"
    SET = "set"
    UNSET = "unset"
    ALARM = "alarm"


class PanelInfo(Struct, frozen=True, kw_only=True):
    panel: Slug
    state: PanelState
    ready: bool


class SignalInfo(Struct, frozen=True, kw_only=True):
    """A light or sign that tells the people in a space that they are too loud."""

    signal: Slug
    on: bool


class JournalPosition(Struct, frozen=True, kw_only=True):
    """``first`` is the oldest sequence still held, ``next`` the one that the next record gets."""

    journal: HexId
    stream: Stream
    first: Seq
    next: Seq


class GrantsHeld(Struct, frozen=True, kw_only=True):
    epoch: Epoch
    revision: Revision
    grants: Annotated[int, Meta(ge=0)]


class Birth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the agent is and holds; sent retained at every connect, and again when ``storage`` or ``keys``
    change. ``nonce`` asks for the gateway's time. ``keys`` are those that may sign for the gateway,
    ``certificate_until`` is the end of the agent's own certificate.
    """

    boot: HexId
    version: Text
    at: UnixMs
    clock: ClockSource
    clock_trusted: bool
    nonce: Nonce
    devices: Annotated[list[DeviceInfo], Meta(max_length=256)]
    doors: Annotated[list[DoorInfo], Meta(max_length=64)]
    series: Annotated[list[SeriesInfo], Meta(max_length=256)]
    journals: Annotated[list[JournalPosition], Meta(max_length=4)]
    grants: GrantsHeld | None = None
    storage: Annotated[list[StorageInfo], Meta(max_length=4)] = []
    panels: Annotated[list[PanelInfo], Meta(max_length=16)] = []
    signals: Annotated[list[SignalInfo], Meta(max_length=64)] = []
    keys: Annotated[list[KeyId], Meta(max_length=2)] = []
    certificate_until: UnixMs | None = None


# --- events: each is one record of the journal ------------------------------------------------------


class AgentStarted(Struct, frozen=True, kw_only=True, tag="agent-started"):
    version: Text


class ModeCause(StrEnum):
    START = "start"
    CODE = "code"
    COMMAND = "command"
    RELOCK = "relock"
    EXIT = "exit"
    FIRE = "fire"
    SCHEDULE = "schedule"
    BUTTON = "button"


class DoorModeChanged(Struct, frozen=True, kw_only=True, tag="door-mode"):
    """``reference`` is the grant or command that caused it, if one did."""

    door: Slug
    mode: DoorMode
    cause: ModeCause
    reference: HexId | None = None


class DoorPhysicalChanged(Struct, frozen=True, kw_only=True, tag="door-physical"):
    door: Slug
    state: DoorPhysicalState


class LockPhysicalChanged(Struct, frozen=True, kw_only=True, tag="lock-physical"):
    door: Slug
    state: LockPhysicalState


class DoorAlarmChanged(Struct, frozen=True, kw_only=True, tag="door-alarm"):
    door: Slug
    alarm: DoorAlarm


class AccessGranted(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="access-granted"):
    """A credential opened a door; committed before the lock moves. ``duress``: typed under threat, and
    nothing at the door may show it. ``offline``: ``grant`` is the name of a computed code, ``space`` whose.
    """

    door: Slug
    grant: HexId
    duress: bool = False
    offline: bool = False
    space: Slug | None = None


class AccessNotUsed(Struct, frozen=True, kw_only=True, tag="access-not-used"):
    """Granted, but the door was not opened within its release time."""

    door: Slug
    grant: HexId | None = None


class RefusalReason(StrEnum):
    UNKNOWN = "unknown-credential"
    NOT_YET = "not-yet"
    EXPIRED = "expired"
    WRONG_DOOR = "wrong-door"
    THROTTLED = "throttled"
    NO_TRUSTED_TIME = "no-trusted-time"
    DOOR_MODE = "door-mode"
    UNREADABLE = "unreadable"
    USED = "already-used"
    INTERLOCK = "interlock"
    FIRE = "fire"
    DENIED = "denied"
    BAD_TOKEN = "bad-token"


class AccessRefused(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="access-refused"):
    """``grant`` only where the credential is known; typed digits are never recorded. ``count``: so many alike
    since the last record that said so, where there are too many for one each.
    """

    door: Slug
    reason: RefusalReason
    grant: HexId | None = None
    count: Annotated[int, Meta(ge=1, le=2**53)] = 1


class CommandExecuted(Struct, frozen=True, kw_only=True, tag="command-executed"):
    door: Slug
    command: HexId
    action: DoorAction


class DoorFireChanged(Struct, frozen=True, kw_only=True, tag="door-fire"):
    """``active``: by a panel or a cut loop nothing is energised any more. It ends by a person's word after
    the panel was reset: ``reference`` is the command or the staff grant that gave it.
    """

    door: Slug
    active: bool
    reference: HexId | None = None


class FireInputChanged(Struct, frozen=True, kw_only=True, tag="fire-input"):
    device: Slug
    active: bool


class TamperChanged(Struct, frozen=True, kw_only=True, tag="tamper"):
    device: Slug
    active: bool


class FreeOpeningChanged(Struct, frozen=True, kw_only=True, tag="free-opening"):
    """A scheduled free opening began (after the first person, where one is asked for) or ended."""

    door: Slug
    active: bool
    reference: HexId | None = None


class PanelChanged(Struct, frozen=True, kw_only=True, tag="panel"):
    """The intrusion panel as it reports itself; ``reference`` is the grant or command that asked for it."""

    panel: Slug
    state: PanelState
    reference: HexId | None = None


class PanelRefused(Struct, frozen=True, kw_only=True, tag="panel-refused"):
    """The panel was not set, or did not obey; ``reason`` is for the person who can mend it."""

    panel: Slug
    reason: Text
    reference: HexId | None = None


class SignalCause(StrEnum):
    """``too-long``: nobody has said again in time that it is still wanted."""

    START = "start"
    COMMAND = "command"
    TOO_LONG = "too-long"
    STOP = "stop"
    FAULT = "fault"


class SignalChanged(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="signal"):
    """A warning signal of ``space`` goes on or off; ``reference`` is the command that asked for it."""

    signal: Slug
    space: Slug
    on: bool
    cause: SignalCause
    reference: HexId | None = None


class JournalReplaced(Struct, frozen=True, kw_only=True, tag="journal-replaced"):
    """First record of a journal that was begun because the one before could not be used."""

    stream: Stream
    reason: Text


class DeviceHealth(Struct, frozen=True, kw_only=True, tag="device-health"):
    device: Slug
    health: Health
    detail: Text = ""


class LateCommit(Struct, frozen=True, kw_only=True, tag="late-commit"):
    """A door acted before its record was on disk, because the disk took ``waited_ms`` or failed."""

    door: Slug
    waited_ms: Annotated[int, Meta(ge=0)]


class SamplesDropped(Struct, frozen=True, kw_only=True, tag="samples-dropped"):
    batches: Annotated[int, Meta(ge=1)]


class MessageRefused(Struct, frozen=True, kw_only=True, tag="message-refused"):
    """A message from the network was refused ``count`` times for one reason since the last such record."""

    channel: Text
    reason: Text
    count: Annotated[int, Meta(ge=1)]


Event = (
    AgentStarted
    | DoorModeChanged
    | DoorPhysicalChanged
    | LockPhysicalChanged
    | DoorAlarmChanged
    | AccessGranted
    | AccessNotUsed
    | AccessRefused
    | CommandExecuted
    | DoorFireChanged
    | FireInputChanged
    | TamperChanged
    | FreeOpeningChanged
    | PanelChanged
    | PanelRefused
    | SignalChanged
    | JournalReplaced
    | DeviceHealth
    | LateCommit
    | SamplesDropped
    | MessageRefused
)


class EventRecord(Struct, frozen=True, kw_only=True):
    """One event as it was committed: wall time, whether that time was trusted, monotonic time and boot."""

    seq: Seq
    at: UnixMs
    trusted: bool
    monotonic: MonotonicMs
    boot: HexId
    event: Event


class EventsBatch(Struct, frozen=True, kw_only=True):
    """Consecutive records, oldest first. ``first`` is the oldest still held: what lies before is gone."""

    journal: HexId
    first: Seq
    records: Annotated[list[EventRecord], Meta(min_length=1, max_length=256)]


class Column(Struct, frozen=True, kw_only=True, gc=False):
    """One series of a batch: ``dt`` ms after its ``base``, as many of ``value`` in the series' unit."""

    dt: Annotated[list[Annotated[int, Meta(ge=0, le=2**40)]], Meta(min_length=1, max_length=4096)]
    value: Annotated[list[float], Meta(min_length=1, max_length=4096)]


class SamplesBatch(Struct, frozen=True, kw_only=True):
    """Measurements of one flush. ``seq`` counts batches; ``first`` is the oldest batch still held."""

    journal: HexId
    first: Seq
    seq: Seq
    boot: HexId
    base: UnixMs
    trusted: bool
    series: Annotated[dict[Slug, Column], Meta(min_length=1, max_length=256)]

    def __post_init__(self) -> None:
        for column in self.series.values():  # one call for all of them: batches are many
            if len(column.dt) != len(column.value):
                found = f"{len(column.dt)} times for {len(column.value)} values"
                raise ValueError(f"{found} - at `$.series[...]`")


# --- response ----------------------------------------------------------------------------------------


class CommandRefusal(StrEnum):
    RETAINED = "retained"
    EXPIRED = "expired"
    REPEATED = "repeated"
    FOREIGN_BOOT = "foreign-boot"
    OLD_EPOCH = "old-epoch"
    UNKNOWN_DOOR = "unknown-door"
    DOOR_MODE = "door-mode"
    INTERLOCK = "interlock"
    FIRE = "fire"
    DOORS_OPEN = "doors-open"
    NOT_READY = "not-ready"


class CommandResult(Struct, frozen=True, kw_only=True, tag="command"):
    """``refusal`` is absent when the command was carried out."""

    id: HexId
    refusal: CommandRefusal | None = None


class ManifestResult(Struct, frozen=True, kw_only=True, tag="manifest"):
    """Whether the set (epoch, revision) is in force, with how many grants; ``detail`` says why not."""

    epoch: Epoch
    revision: Revision
    applied: bool
    grants: Annotated[int, Meta(ge=0)]
    detail: Text = ""


class ConfigResult(Struct, frozen=True, kw_only=True, tag="config"):
    epoch: Epoch
    revision: Revision
    applied: bool
    detail: Text = ""


class TimeRequest(Struct, frozen=True, kw_only=True, tag="time-request"):
    """Asks for a receipt that carries the gateway's time for ``nonce``."""

    nonce: Nonce


Response = CommandResult | ManifestResult | ConfigResult | TimeRequest
