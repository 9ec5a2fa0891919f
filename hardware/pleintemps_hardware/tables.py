"""A kit's connector table and the rest of what a technician reads beside the drawing: Markdown and CSV."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from .board import Board
from .checks.pins import LIMITS
from .kit import Cable, Core, Fuse, Part, Port, Profile, Terminal, header_of

HEADINGS = (
    "terminal", "what", "part", "at", "cable", "colour", "mm2", "planned m", "at most m", "pin (header)",
    "level", "between", "side", "with",
)  # fmt: skip

_PART_HEADINGS = (
    "part",
    "what",
    "side",
    "where",
    "supply",
    "volts",
    "amps",
    "contacts at rest",
    "diode",
    "with",
)
_PORT_HEADINGS = ("port", "what", "device files", "baud", "on the header", "with")
_FUSES = {"T": "slow", "F": "quick", "P": "polymer, resets"}
_HEAD = """Made by `make hardware` from the kit's profile; change that. Colours are those of IEC 60757:
BK black, BN brown, RD red, OG orange, YE yellow, GN green, BU blue, VT violet, GY grey, WH white. Pins are
BCM numbers of {board}, in parentheses the place there. Loops beside a block are combs.
`at most m` is the limit
of the bus or the part."""


def rows(profile: Profile, board: Board) -> Iterator[tuple[str, ...]]:
    """A row for each core of each cable, by terminal."""
    found = []
    for cable in profile.cables:
        part = profile.part(cable.part)
        for core in cable.cores:
            terminal = profile.terminal(core.at)
            if terminal is not None and part is not None:
                found.append((_order(terminal), _row(profile, board, cable, core, terminal, part)))
    return (row for _, row in sorted(found))


def _order(terminal: Terminal) -> tuple[str, int]:
    return terminal.block, int(terminal.number)


def _row(
    profile: Profile, board: Board, cable: Cable, core: Core, terminal: Terminal, part: Part
) -> tuple[str, ...]:
    limit = min(LIMITS[cable.bus], cable.max_m or LIMITS[cable.bus])
    return (
        terminal.terminal,
        terminal.title,
        part.part,
        core.to,
        cable.cable,
        core.colour,
        f"{cable.mm2:g}",
        f"{cable.length_m:g}",
        f"{limit:g}",
        _place(terminal, board),
        _level(terminal),
        "; ".join(_between(profile, terminal)),
        part.side,
        core.only or cable.only or terminal.only or part.only,
    )


def _place(terminal: Terminal, board: Board) -> str:
    header = header_of(terminal, board)
    if terminal.pin is not None:
        return f"GPIO{terminal.pin} ({header})"
    names = {"3v3": "3.3 V", "5v": "5 V", "gnd": "GND"}
    if terminal.rail is None:
        return ""
    return names[terminal.rail] + (f" ({header})" if header is not None else ", by comb")


def _level(terminal: Terminal) -> str:
    said = [f"acts {terminal.active}"] if terminal.active else []
    if terminal.pull != "none":
        own = f" {terminal.pull_ohm / 1000:g} kOhm" if terminal.pull_ohm else ""
        said.append(f"pull-{terminal.pull}{own}")
    return ", ".join(said)


def _between(profile: Profile, terminal: Terminal) -> Iterator[str]:
    fuse = profile.fuse(terminal.fuse)
    if fuse is not None:
        yield f"fuse {fuse.fuse} {fuse.amps:g} A {fuse.kind}"
    if terminal.interface != "direct":
        yield terminal.interface
    yield from terminal.protection


def csv_table(profile: Profile, board: Board) -> str:
    """The connector table as CSV (RFC 4180 but for its line ends)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADINGS)
    writer.writerows(rows(profile, board))
    return out.getvalue()


def markdown(headings: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table."""
    yield "| " + " | ".join(headings) + " |"
    yield "|" + "---|" * len(headings)
    for row in body:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def page(profile: Profile, board: Board) -> str:
    """The kit's page: drawings of each way to build it, connectors, parts, fuses, ports, lines for the Pi."""
    return "\n".join(_page(profile, board)) + "\n"


def _page(profile: Profile, board: Board) -> Iterator[str]:
    yield f"# {profile.title}"
    yield ""
    yield _HEAD.format(board=board.title)
    yield ""
    for variant in profile.variants:
        name = f"{profile.name}-{variant.variant}"
        yield f"## {variant.title[0].upper()}{variant.title[1:]}"
        yield ""
        yield f"![Wiring of {name}]({name}.svg)"
        yield ""
        if profile.locks:
            yield f"![Supply of the lock of {name}]({name}-lock.svg)"
            yield ""
    yield "## Connectors"
    yield ""
    yield "`with` names what a row belongs to; one without is always there."
    yield ""
    yield from markdown(HEADINGS, rows(profile, board))
    yield ""
    yield from _section("Parts", _PART_HEADINGS, (_part(part) for part in profile.parts))
    controller = profile.controller
    yield f"The board: {controller.title}, side {controller.side}, fed by {controller.supply}."
    yield ""
    yield from _section(
        "Fuses", ("fuse", "amps", "kind", "in"), (_fuse(profile, each) for each in profile.fuses)
    )
    if profile.ports:
        yield from _section("Serial ports", _PORT_HEADINGS, (_port(port) for port in profile.ports))
    yield "## Lines for the Pi"
    yield ""
    yield f"In `/boot/firmware/config.txt`; `python -m pleintemps_hardware boot {profile.name}` prints them,"
    yield "with `--at /boot/firmware` it checks a Pi."
    yield ""
    yield "```"
    yield from profile.boot.config
    yield "```"


def _section(title: str, headings: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield from markdown(headings, body)
    yield ""


def _fuse(profile: Profile, fuse: Fuse) -> tuple[str, ...]:
    places = ", ".join(each.terminal for each in profile.terminals if each.fuse == fuse.fuse)
    return fuse.fuse, f"{fuse.amps:g}", _FUSES[fuse.kind], places


def _port(port: Port) -> tuple[str, ...]:
    files = " ".join(f"`{each}`" for each in port.devices)
    return port.port, port.title, files, str(port.baud), port.header, port.only


def _part(part: Part) -> tuple[str, ...]:
    contacts = ", ".join(
        f"{'-'.join(contact.between)} {contact.rests}"
        + (f" ({contact.role})" if contact.role != "signal" else "")
        for contact in part.contacts
    )
    return (
        part.part,
        part.title,
        part.side,
        part.where,
        part.supply,
        f"{part.volts:g}" if part.volts else "",
        f"{part.amps:g}" if part.amps else "",
        contacts,
        part.diode,
        part.only,
    )
