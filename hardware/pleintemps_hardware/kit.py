"""A kit's profile: its parts, the terminals they are wired to, the cables between, as typed records.

A profile is a TOML file; ``board = "door-unit"`` in an agent's configuration names one that comes along,
``board = "our-door.toml"`` one of the town's own. What a profile must keep is in :mod:`.rules`.
"""

import tomllib
from collections.abc import Sequence
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from pleintemps_contract.configfile import convert, load_toml
from pleintemps_contract.errors import ConfigError

from .board import Board

Level = Literal["high", "low"]
Pull = Literal["up", "down", "none"]
Side = Literal["secure", "room", "door", "corridor", "street"]
"""Where a part is: in the locked housing behind the protected door; in the room; in the door's leaf or
frame; in front of the door, inside the building; outdoors or where anybody may stand."""
Interface = Literal["direct", "level-shifter", "optocoupler", "relay", "transistor", "rs485"]
"""What stands between the wire and the board's pin."""
Rail = Literal["3v3", "5v", "gnd"]
Bus = Literal["jumper", "contact", "supply", "wiegand", "rs485", "uart", "i2c", "i2s", "usb"]
Kind = Literal[
    "clock", "relay", "transistor", "supply", "adapter", "strike", "magnet", "contact", "exit", "fire",
    "reader-osdp", "reader-wiegand", "radar", "pir", "microphone", "meter", "light",
]  # fmt: skip
ContactRole = Literal["fire", "exit", "switch", "signal"]
Role = Literal[
    "reed", "bolt", "exit", "fire", "tamper", "lockdown",
    "lock-relay", "light", "wiegand-d0", "wiegand-d1", "reader-led", "reader-buzzer", "pir",
    "i2c-data", "i2c-clock", "uart-tx", "uart-rx", "i2s-clock", "i2s-frame", "i2s-data", "i2s-out",
    "rs485-a", "rs485-b", "lock-loop", "light-loop", "feed", "ground",
    "power-in", "usb",
]  # fmt: skip
PortRole = Literal["radar", "osdp", "modbus", "token-reader"]

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,39}\Z")]
Amps = Annotated[float, Meta(ge=0, le=63)]
Volts = Annotated[float, Meta(ge=0, le=60)]
Metres = Annotated[float, Meta(gt=0, le=2_000)]
Section = Annotated[float, Meta(ge=0.05, le=6)]
Colours = Literal[
    "BK", "WH", "GY", "PK", "RD", "OG", "YE", "GN", "LB", "BU", "VT", "BN", "BG",
    "WHGN", "WHBN", "WHYE", "WHBU", "WHOG", "RDBU", "GYPK",
]  # fmt: skip
"""Codes of IEC 60757, two for a core of two colours."""

CONTACT_ROLES: Final = frozenset({"reed", "bolt", "exit", "fire", "tamper", "lockdown"})
"""Inputs that read a contact: their active level follows from the wiring."""
LEVEL_ROLES: Final = frozenset({"lock-relay", "light", "pir", "reader-led", "reader-buzzer"})
"""Pins that stand for something at a level that only their part's data sheet tells."""
OUTPUT_ROLES: Final = frozenset({"lock-relay", "light"})
"""Outputs that switch a load."""


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Terminal(_Table, frozen=True, kw_only=True):
    """One screw (``X2.1``) or pin of the header (``J8.13``).

    ``pin`` is a BCM number, ``rail`` what the header gives there, ``header`` its place where ``pin`` does
    not say it; a ground without one hangs on its neighbour by a comb. ``interface`` stands between wire and
    pin. ``pull`` is the resistor's direction, the pin's own or one of ``pull_ohm``. ``active`` is the level
    at which the part does, or tells, what it is for. ``fuse`` sits in this terminal.
    """

    terminal: Annotated[str, Meta(pattern=r"^(X[0-9]+|J8|USB)\.[0-9]+\Z")]
    title: str
    role: Role
    pin: int | None = None
    port: str = ""
    rail: Rail | None = None
    header: int | None = None
    interface: Interface = "direct"
    pull: Pull = "none"
    pull_ohm: Annotated[int, Meta(ge=100, le=1_000_000)] | None = None
    active: Level | None = None
    fuse: str = ""
    protection: tuple[str, ...] = ()
    only: str = ""

    def __post_init__(self) -> None:
        if self.active is not None and self.role not in LEVEL_ROLES:
            raise ValueError(f"{self.terminal}: `active` does not go with the role {self.role}")
        if self.active is None and self.role in LEVEL_ROLES:
            raise ValueError(f"{self.terminal}: {self.role} needs `active`, the level at which it acts")
        if self.pull_ohm is not None and self.pull == "none":
            raise ValueError(f"{self.terminal}: `pull_ohm` needs `pull`")

    @property
    def block(self) -> str:
        return self.terminal.partition(".")[0]

    @property
    def number(self) -> str:
        return self.terminal.partition(".")[2]


class Port(_Table, frozen=True, kw_only=True):
    """A serial port of the kit: the device files that lead to it, and what hangs there.

    ``header`` names the board's own port; without it the port is an adapter's.
    """

    port: Name
    title: str
    role: PortRole
    devices: Annotated[tuple[str, ...], Meta(min_length=1)]
    baud: int
    header: str = ""
    only: str = ""


class Contact(_Table, frozen=True, kw_only=True):
    """A contact between two terminals of a part: what opens or closes it, and how it rests.

    ``fire`` and ``exit`` cut by themselves, ``switch`` is moved by the board, ``signal`` only tells.
    """

    between: tuple[str, str]
    role: ContactRole
    rests: Literal["open", "closed"]


class Part(_Table, frozen=True, kw_only=True):
    """One part: ``supply`` feeds it with ``volts``, it draws ``amps`` and drives ``signal_volts``.

    A ``supply`` part gives ``volts`` and up to ``amps`` between ``+`` and ``-``; ``backup`` says what carries
    it through an outage. ``handle``: a strike's door opens from inside by a mechanical handle.
    """

    part: Name
    title: str
    kind: Kind
    side: Side
    terminals: Annotated[tuple[str, ...], Meta(min_length=1)]
    where: str = ""
    supply: str = ""
    volts: Volts = 0
    amps: Amps = 0
    signal_volts: Volts = 0
    backup: str = ""
    i2c: Annotated[int, Meta(ge=3, le=0x77)] | None = None
    coil: bool = False
    diode: str = ""
    handle: bool = False
    contacts: tuple[Contact, ...] = ()
    only: str = ""


class Core(_Table, frozen=True, kw_only=True):
    """One core, from a terminal of the kit to a terminal of the cable's part."""

    at: str
    to: str
    colour: Colours
    only: str = ""


class Cable(_Table, frozen=True, kw_only=True):
    """A cable to ``part``: ``length_m`` as planned, ``max_m`` where the part allows less than the bus."""

    cable: Name
    title: str
    bus: Bus
    part: str
    length_m: Metres
    mm2: Section
    cores: Annotated[tuple[Core, ...], Meta(min_length=1)]
    max_m: Metres | None = None
    screened: bool = False
    only: str = ""


class Fuse(_Table, frozen=True, kw_only=True):
    """``amps`` and characteristic: T slow, F quick, P a resettable polymer fuse."""

    fuse: Name
    amps: Annotated[float, Meta(gt=0, le=63)]
    kind: Literal["T", "F", "P"] = "T"


class Lock(_Table, frozen=True, kw_only=True):
    """A lock, the terminal of the relay that switches it, and what current does to it."""

    lock: Name
    part: str
    relay: str
    wiring: Literal["energise-to-unlock", "energise-to-lock"]


class Controller(_Table, frozen=True, kw_only=True):
    """The board itself: where it is, and which supply feeds it."""

    title: str
    side: Side
    supply: str
    amps: Amps


class Boot(_Table, frozen=True, kw_only=True):
    """Lines for the Pi's ``config.txt``, and words that its ``cmdline.txt`` has."""

    config: tuple[str, ...] = ()
    cmdline: tuple[str, ...] = ()


class Variant(_Table, frozen=True, kw_only=True):
    """A way to build the kit: what is marked with one of ``choose`` is there, else what is not marked."""

    variant: Name
    title: str
    choose: tuple[str, ...] = ()


class Exemption(_Table, frozen=True, kw_only=True):
    """A rule that this wiring does not keep, for a reason that somebody answers for."""

    rule: str
    part: str
    reason: Annotated[str, Meta(min_length=20, max_length=300)]


class Profile(_Table, frozen=True, kw_only=True):
    """A whole kit. A ``door`` kit decides who enters; a ``room`` kit only listens and warns."""

    name: Name
    title: str
    kind: Literal["door", "room"]
    board: str
    controller: Controller
    boot: Boot = Boot()
    parts: tuple[Part, ...]
    terminals: tuple[Terminal, ...]
    cables: tuple[Cable, ...]
    ports: tuple[Port, ...] = ()
    fuses: tuple[Fuse, ...] = ()
    locks: tuple[Lock, ...] = ()
    variants: Annotated[tuple[Variant, ...], Meta(min_length=1)]
    exemptions: tuple[Exemption, ...] = ()

    def part(self, name: str) -> Part | None:
        return next((part for part in self.parts if part.part == name), None)

    def terminal(self, name: str) -> Terminal | None:
        return next((each for each in self.terminals if each.terminal == name), None)

    def fuse(self, name: str) -> Fuse | None:
        return next((fuse for fuse in self.fuses if fuse.fuse == name), None)


def names() -> list[str]:
    """The kits that come along."""
    files = resources.files(f"{__package__}.kits").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def text(name: str) -> str:
    """The TOML of kit ``name``; raises ConfigError that names those there are."""
    if name not in names():
        raise ConfigError(f"there is no kit {name!r}; there are {', '.join(names())}")
    return resources.files(f"{__package__}.kits").joinpath(f"{name}.toml").read_text(encoding="utf-8")


def load(name: str, base: Path) -> Profile:
    """The profile ``name``: a kit that comes along, a file ``….toml`` relative to ``base``, or several with
    `` + `` between them.

    Raises ConfigError that names the file and the key.
    """
    profiles = [_load(each.strip(), base) for each in name.split(" + ")]
    return profiles[0] if len(profiles) == 1 else together(profiles)


def _load(name: str, base: Path) -> Profile:
    if name.endswith(".toml"):
        return load_toml(base / name, Profile)
    return convert(f"kit {name}", tomllib.loads(text(name)), Profile)


def together(profiles: Sequence[Profile]) -> Profile:
    """All ``profiles`` on one board, built in every way that they can. ConfigError for two boards.

    What is equal in two is the same thing; what only has the same name is there twice, which a rule refuses.
    """
    first = profiles[0]
    for each in profiles[1:]:
        if (each.board, each.controller) != (first.board, first.controller):
            raise ConfigError(f"{first.name} and {each.name} want different boards or supplies of them")

    def every(*tables: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple({entry: None for table in tables for entry in table})

    return Profile(
        name=" + ".join(each.name for each in profiles),
        title=" + ".join(each.title for each in profiles),
        kind="door" if any(each.kind == "door" for each in profiles) else "room",
        board=first.board,
        controller=first.controller,
        boot=Boot(
            config=every(*(each.boot.config for each in profiles)),
            cmdline=every(*(each.boot.cmdline for each in profiles)),
        ),
        parts=every(*(each.parts for each in profiles)),
        terminals=every(*(each.terminals for each in profiles)),
        cables=every(*(each.cables for each in profiles)),
        ports=every(*(each.ports for each in profiles)),
        fuses=every(*(each.fuses for each in profiles)),
        locks=every(*(each.locks for each in profiles)),
        variants=tuple(
            Variant(
                variant="-".join(each.variant for each in chosen),
                title=", ".join(each.title for each in chosen),
                choose=every(*(each.choose for each in chosen)),
            )
            for chosen in product(*(each.variants for each in profiles))
        ),
        exemptions=every(*(each.exemptions for each in profiles)),
    )


def built(profile: Profile, variant: Variant) -> Profile:
    """``profile`` with what ``variant`` has, and nothing that belongs to another."""
    chosen = {"", *variant.choose}
    parts = tuple(part for part in profile.parts if part.only in chosen)
    away = {part.part for part in profile.parts if part.only not in chosen}
    cables = []
    for cable in profile.cables:
        cores = tuple(core for core in cable.cores if core.only in chosen)
        if cable.only in chosen and cores:
            cables.append(replace(cable, cores=cores))
    return replace(
        profile,
        title=f"{profile.title}, {variant.title}",
        parts=parts,
        terminals=tuple(each for each in profile.terminals if each.only in chosen),
        cables=tuple(cables),
        ports=tuple(port for port in profile.ports if port.only in chosen),
        locks=tuple(lock for lock in profile.locks if lock.part not in away),
        exemptions=tuple(each for each in profile.exemptions if each.part not in away),
        variants=(variant,),
    )


def header_of(terminal: Terminal, board: Board) -> int | None:
    """Where on the header ``terminal`` is, None where it is not joined to it."""
    pin = None if terminal.pin is None else board.pin(terminal.pin)
    return terminal.header if pin is None else pin.header
