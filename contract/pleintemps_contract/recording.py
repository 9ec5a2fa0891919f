"""Recordings of a real agent: what a file of ``pleintemps-edge record`` holds.

gzip of JSON lines, each at most :data:`MAX_LINE` bytes. The first is the :class:`Header`, each other one of
:data:`Entry`; ``k`` names its kind, ``t`` is milliseconds of the agent's monotonic clock since ``begin``.
Lines are only ever appended, about once a second, and each time brought to where a reader can get at them: a
file that was cut is good up to there. Lines of one moment may stand some seconds out of order.

No secret is in it. Typed digits, cards and tokens are replaced by others, one for one (:class:`Right` says
what they are worth); of the gateway's messages only what an agent does with them is kept; identifiers are
replaced too.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from .agent_messages import ClockSource, EventRecord, SamplesBatch, SeriesInfo, Stream
from .errors import RecordingError
from .gateway_messages import CredentialKind, DoorTimings, Window
from .identifiers import HexId, Slug
from .onvif import DoorAction
from .units import Epoch, Revision, Text, UnixMs

FORMAT: Final = 1
MAX_LINE: Final = 1_048_576
MAX_LINES: Final = 4_000_000
MAX_BYTES: Final = 2**30
"""Of all lines together: more is no recording."""

At = Annotated[int, Meta(ge=0, le=2**40)]
Name = Annotated[str, Meta(max_length=300)]
Typed = Annotated[str, Meta(max_length=120)]
Pin = Annotated[int, Meta(ge=0, le=53)]


class _Line(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="k"):
    pass


class Header(_Line, frozen=True, kw_only=True, tag="recording"):
    """``begin`` is the wall time at ``t`` 0, ``config`` the agent's configuration without secrets."""

    format: int
    version: Text
    site: Slug
    agent: Slug
    boot: HexId
    begin: UnixMs
    config: dict[str, Any]


class Clock(_Line, frozen=True, kw_only=True, tag="clock"):
    """The wall clock and whether it is trusted: at the beginning, and when it has leapt or trust changed."""

    t: At
    wall: UnixMs
    trusted: bool
    source: ClockSource


class Port(_Line, frozen=True, kw_only=True, tag="port"):
    """A serial port was opened, could not be, was lost, or was closed by the agent."""

    t: At
    port: Name
    state: Literal["open", "refused", "lost", "closed"]


class Bytes(_Line, frozen=True, kw_only=True, tag="bytes"):
    """Bytes on a serial line: ``to`` the agent or from it; ``data`` is base64."""

    t: At
    port: Name
    to: bool
    data: bytes


class Edge(_Line, frozen=True, kw_only=True, tag="pin"):
    """A level of a pin: an input at the start (``us`` absent) or an edge that arrived at ``t`` and happened
    at ``us``, microseconds since ``begin``; ``out`` is what the agent drives.
    """

    t: At
    pin: Pin
    level: Literal[0, 1]
    us: Annotated[int, Meta(ge=-(2**50), le=2**50)] | None = None
    out: bool = False


class Token(_Line, frozen=True, kw_only=True, tag="token"):
    """A reader of texts has read a token; without ``right`` one that nobody has signed, or no token."""

    t: At
    port: Name
    right: "Worth | None" = None


class Key(_Line, frozen=True, kw_only=True, tag="key"):
    """A key at a reader whose line is encrypted."""

    t: At
    device: Slug
    key: Annotated[str, Meta(pattern=r"^[0-9*#]\Z")]


class Card(_Line, frozen=True, kw_only=True, tag="card"):
    """A card at a reader whose line is encrypted, in canonical text."""

    t: At
    device: Slug
    card: Typed


class Reader(_Line, frozen=True, kw_only=True, tag="reader"):
    """A reader whose line is encrypted answers, or does so no more."""

    t: At
    device: Slug
    well: bool


class Worth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A grant as the agent held it, without what it is looked up by."""

    id: HexId
    kind: CredentialKind
    doors: Annotated[list[Slug], Meta(max_length=64)]
    windows: Annotated[list[Window], Meta(max_length=8_192)]
    once: bool = False
    duress: bool = False
    extended: bool = False


class Right(_Line, frozen=True, kw_only=True, tag="right"):
    """``credential``, a replaced code or card, was shown and is worth this; nothing if nobody knows it."""

    t: At
    credential: Typed
    worth: Annotated[list[Worth], Meta(max_length=64)]


class Line(_Line, frozen=True, kw_only=True, tag="line"):
    """The line to the site's broker, or to the building's own."""

    t: At
    broker: Literal["site", "building"]
    up: bool


class Receipted(_Line, frozen=True, kw_only=True, tag="receipt"):
    """The gateway has receipted; ``now`` is its time where it was asked for."""

    t: At
    stream: Stream
    now: UnixMs | None = None


class Ordered(_Line, frozen=True, kw_only=True, tag="command"):
    """A command. ``own``: it names this boot of the agent."""

    t: At
    id: HexId
    door: Slug
    action: DoorAction
    issued: UnixMs
    expires: UnixMs
    counter: Annotated[int, Meta(ge=1, le=2**53)]
    epoch: Epoch
    own: bool = True
    retained: bool = False


class Timings(_Line, frozen=True, kw_only=True, tag="config"):
    """The remote part of the configuration."""

    t: At
    epoch: Epoch
    revision: Revision
    doors: Annotated[dict[Slug, DoorTimings], Meta(max_length=64)]


class Openings(_Line, frozen=True, kw_only=True, tag="openings"):
    """Free openings in force from now on, and how many grants there are."""

    t: At
    grants: Annotated[int, Meta(ge=0)]
    doors: Annotated[dict[Slug, tuple[list[Window], bool]], Meta(max_length=64)]


class Strange(_Line, frozen=True, kw_only=True, tag="strange"):
    """A message that the agent could not believe, and why; nothing of it is kept."""

    t: At
    channel: Text
    why: Text


class Building(_Line, frozen=True, kw_only=True, tag="building"):
    """A message over the building's own broker, ``to`` the agent or from it."""

    t: At
    to: bool
    topic: Name
    payload: Annotated[str, Meta(max_length=65_536)]
    retained: bool = False


class Series(_Line, frozen=True, kw_only=True, tag="series"):
    """The series that the agent sends."""

    t: At
    series: Annotated[list[SeriesInfo], Meta(max_length=256)]


class Events(_Line, frozen=True, kw_only=True, tag="events"):
    """Records of the agent's journal; identifiers are replaced."""

    t: At
    records: Annotated[list[EventRecord], Meta(max_length=256)]


class Samples(_Line, frozen=True, kw_only=True, tag="samples"):
    """A batch of the agent's measurements."""

    t: At
    batch: SamplesBatch


class Gap(_Line, frozen=True, kw_only=True, tag="gap"):
    """So many lines were not written because the disk did not follow."""

    t: At
    lines: Annotated[int, Meta(ge=1)]


class End(_Line, frozen=True, kw_only=True, tag="end"):
    """The recording ended in order."""

    t: At


Entry = (
    Clock
    | Port
    | Bytes
    | Edge
    | Token
    | Key
    | Card
    | Reader
    | Right
    | Line
    | Receipted
    | Ordered
    | Timings
    | Openings
    | Strange
    | Building
    | Series
    | Events
    | Samples
    | Gap
    | End
)

_encoder: Final = msgspec.json.Encoder()
_header: Final = msgspec.json.Decoder(Header)
_entry: Final = msgspec.json.Decoder(Entry)
_BAD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def encode(line: Header | Entry) -> bytes:
    """One line with its end."""
    return _encoder.encode(line) + b"\n"


def decode_header(text: bytes) -> Header:
    """The first line; raises RecordingError."""
    try:
        header = _header.decode(text)
    except _BAD as error:
        raise RecordingError(f"line 1: no recording of an agent begins so: {error}") from error
    if header.format != FORMAT:
        raise RecordingError(f"line 1: format {header.format}, this reads format {FORMAT}")
    return header


def decode_entry(text: bytes, number: int) -> Entry:
    """Line ``number``; raises RecordingError that names it."""
    try:
        entry: Entry = _entry.decode(text)
    except _BAD as error:
        raise RecordingError(f"line {number}: {error}") from error
    return entry
