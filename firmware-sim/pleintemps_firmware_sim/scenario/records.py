"""A scenario as its file says it. The published JSON Schema is made of these records."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from pleintemps_contract.identifiers import Slug
from pleintemps_contract.onvif import DoorAction
from pleintemps_firmware_sim.devices.door import LockKind

from .faults import FaultKind
from .times import Moment, Span

Text = Annotated[str, Meta(max_length=200)]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,39}$", description="a name of one's own choice")]
Share = Annotated[float, Meta(ge=0, le=1)]
Decibels = Annotated[float, Meta(ge=0, le=140)]
Metres = Annotated[float, Meta(ge=0.3, le=100)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Days = Annotated[tuple[Weekday, ...], Meta(min_length=1, max_length=7)]
Spread = Annotated[tuple[Span, Span], Meta(description="from, to")]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
AlertWord = Annotated[
    str, Meta(pattern=r"^[a-z][a-z-]{0,39}$", description="kind of an alert: docs/rules.md")
]


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every part of a scenario is."""


class RoomRecord(Record, frozen=True, kw_only=True):
    """A space with its sensors. ``volume_m3`` and ``reverberation_s`` say how loud a sound becomes at the
    meter, ``quiet_db`` is the level when nobody makes one.
    """

    space: Slug
    agent: Slug
    name: Text = ""
    capacity: Annotated[int, Meta(ge=0, le=100_000)] = 0
    bookable: bool = True
    radar: bool = False
    meter: bool = False
    light: bool = False
    quiet_db: Decibels = 36.0
    volume_m3: Annotated[float, Meta(ge=5, le=100_000)] = 300.0
    reverberation_s: Annotated[float, Meta(ge=0.1, le=20)] = 0.8


class DoorRecord(Record, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Keypad, lock, contact, inside handle; ``radio``: the lock is a motor behind Zigbee2MQTT."""

    door: Slug
    agent: Slug
    from_: Slug
    to: Slug
    name: Text = ""
    bits: Literal[4, 8] = 4
    lock: LockKind = "strike"
    radio: bool = False
    release_s: Annotated[int, Meta(ge=1, le=60)] = 5
    open_s: Annotated[int, Meta(ge=1, le=3_600)] = 20


class BuildingRecord(Record, frozen=True, kw_only=True):
    """A site of its own; ``street`` is where ways begin. Pins are given out in the order of the file."""

    site: Slug
    zone: Text = "Europe/Paris"
    name: Text = ""
    rooms: Annotated[tuple[RoomRecord, ...], Meta(min_length=1, max_length=200)]
    doors: Annotated[tuple[DoorRecord, ...], Meta(max_length=200)] = ()


class RulesRecord(Record, frozen=True, kw_only=True):
    """The gateway's rules for the site, in seconds and decibels; docs/rules.md."""

    lead_s: Count | None = None
    tail_s: Count | None = None
    no_show_after_s: Count | None = None
    overstay_after_s: Count | None = None
    unexpected_after_s: Count | None = None
    left_after_s: Count | None = None
    agent_silent_after_s: Count | None = None
    noise_window_s: Count | None = None
    noise_limit_db: Count | None = None
    noise_quiet_limit_db: Count | None = None
    noise_warn_first_s: Count | None = None
    poll_s: Annotated[int, Meta(ge=1, le=86_400)] | None = None


class EventRecord(Record, frozen=True, kw_only=True):
    """A booking with ISO times; without an offset they are the site's own."""

    space: Slug
    title: Text = ""
    start: Text
    end: Text


class BookingRecord(Record, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A booking, or with ``every`` one on each such day, or ``events``, or those of ``ics`` (a file beside
    the scenario's; the space is the event's LOCATION). ``booked``: when it gets into the calendar.
    """

    booking: Name
    space: Slug | None = None
    from_: Moment | None = None
    to: Moment | None = None
    every: Days | None = None
    title: Text = ""
    booked: Moment = "+0s"
    ics: Text | None = None
    events: tuple[EventRecord, ...] = ()
    once: bool = False
    raises: tuple[AlertWord, ...] = ()


class PeopleRecord(Record, frozen=True, kw_only=True):
    """People who come together: with the code of ``booking`` through every door from the street, out by the
    inside handles. Without a booking they try doors that stand open to everybody.

    ``comes`` and ``leaves`` are moved by up to ``spread`` either way. They move and pause for times within
    ``moves`` and ``pauses``; ``db`` is how loud they are at 1 m together, ``distance_m`` how far from radar
    and meter.
    """

    who: Name
    booking: Name | None = None
    space: Slug | None = None
    comes: Moment | None = None
    leaves: Moment | None = None
    every: Days | None = None
    spread: Span = "0s"
    chance: Share = 1.0
    size: Annotated[int, Meta(ge=1, le=5_000)] = 1
    db: Decibels | None = None
    distance_m: Metres = 3.0
    moves: Spread = ("5s", "40s")
    pauses: Spread = ("5s", "60s")
    tries: Annotated[int, Meta(ge=1, le=20)] = 2
    stays: bool = False
    once: bool = False
    raises: tuple[AlertWord, ...] = ()


class SoundRecord(Record, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A source of ``db`` at 1 m in the open, ``distance_m`` from the meter; made ``by`` people, it sounds
    only while they are there. Sources add by energy.
    """

    sound: Name
    space: Slug
    db: Decibels
    from_: Moment
    to: Moment
    distance_m: Metres = 3.0
    spread: Span = "0s"
    by: Name | None = None
    begins: Text = ""
    ends: Text = ""
    once: bool = False
    raises: tuple[AlertWord, ...] = ()


class FaultRecord(Record, frozen=True, kw_only=True, rename={"for_": "for", "with_": "with"}):
    """One fault of the catalogue at ``at``, mended after ``for`` or at the end. ``caught_by`` names the
    expectation that only holds because of it.
    """

    fault: FaultKind
    at: Moment
    target: Slug | None = None
    for_: Span | None = None
    name: Name | None = None
    with_: dict[str, float] = {}
    caught_by: Name | None = None


class WeatherRecord(Record, frozen=True, kw_only=True, rename={"with_": "with"}):
    """Faults that come by chance: so many a day on average, each for a time within ``lasts``."""

    fault: FaultKind
    per_day: Annotated[float, Meta(gt=0, le=1_000)]
    lasts: Spread = ("10s", "5min")
    target: Slug | None = None
    name: Name | None = None
    with_: dict[str, float] = {}


# --- acts ---------------------------------------------------------------------------------------------


class Act(Record, frozen=True, kw_only=True, tag_field="do"):
    """Something that somebody does at a time; ``name`` makes a mark of it, ``raises`` an alert that it has to
    cause.
    """

    at: Moment
    spread: Span = "0s"
    who: Name = "tester"
    name: Name | None = None
    says: Text = ""
    raises: tuple[AlertWord, ...] = ()


class Press(Act, frozen=True, kw_only=True, tag="press"):
    door: Slug
    keys: Annotated[str, Meta(pattern=r"^[0-9*#]{1,100}$")]


class TypeCode(Act, frozen=True, kw_only=True, tag="type"):
    """The code of a booking, then ``#``; who is let in goes in, unless ``enters`` is false."""

    door: Slug
    booking: Name
    enters: bool = True


class Guess(Act, frozen=True, kw_only=True, tag="guess"):
    """Codes of chance that are nobody's."""

    door: Slug
    tries: Annotated[int, Meta(ge=1, le=10_000)] = 3
    digits: Annotated[int, Meta(ge=4, le=12)] = 8
    pause: Spread = ("400ms", "700ms")


class Card(Act, frozen=True, kw_only=True, tag="card"):
    door: Slug
    number: Annotated[str, Meta(pattern=r"^[0-9]{1,20}$")]


class Push(Act, frozen=True, kw_only=True, tag="push"):
    door: Slug


class Leave(Act, frozen=True, kw_only=True, tag="leave"):
    door: Slug


class Force(Act, frozen=True, kw_only=True, tag="force"):
    door: Slug


class Prop(Act, frozen=True, kw_only=True, tag="prop"):
    door: Slug


class Unprop(Act, frozen=True, kw_only=True, tag="unprop"):
    door: Slug


class Order(Act, frozen=True, kw_only=True, tag="order"):
    """What a caretaker asks of a door on the gateway's page."""

    door: Slug
    action: DoorAction


class Fire(Act, frozen=True, kw_only=True, tag="fire"):
    """The fire panel's contact opens; ``over`` closes it."""

    agent: Slug
    over: bool = False


class Enter(Act, frozen=True, kw_only=True, tag="enter"):
    """Somebody is in a space from now on, however they came there."""

    space: Slug
    size: Annotated[int, Meta(ge=1, le=5_000)] = 1
    db: Decibels | None = None
    distance_m: Metres = 3.0
    moves: Spread = ("5s", "40s")
    pauses: Spread = ("5s", "60s")


class Exit(Act, frozen=True, kw_only=True, tag="exit"):
    """Whoever did ``enter`` is gone."""


class Move(Act, frozen=True, kw_only=True, tag="move", rename={"from_": "from"}):
    """Another time, in the calendar."""

    booking: Name
    from_: Moment
    to: Moment


class Cancel(Act, frozen=True, kw_only=True, tag="cancel"):
    booking: Name


AnyAct = (
    Press
    | TypeCode
    | Guess
    | Card
    | Push
    | Leave
    | Force
    | Prop
    | Unprop
    | Order
    | Fire
    | Enter
    | Exit
    | Move
    | Cancel
)
