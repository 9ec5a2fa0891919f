"""Codes and cards: who is let in, who is not, and what is kept of it."""

import msgspec

from pleintemps_contract.agent_messages import AccessGranted, AccessRefused, RefusalReason
from pleintemps_firmware_sim.errors import UnmetError

from .bench import CARD, CODE, COMING, PAST, STRANGE_CARD, WRONG, Bench
from .requirement import Subject, doors, played, with_keypad
from .setup import Door, Setup

REFUSED_MS = 3_000
WRONG_CODES = ("95274016", "18364029", "72940518", "36108257", "51827493")
ONCE = "29481673"
WAIT_MS = 35_000
"""The first wait of 30 s, and a little more."""


@played("CODE-01", "a wrong code opens nothing and is recorded", "door-and-codes 4", doors(with_keypad))
async def wrong(bench: Bench, subject: Subject) -> None:
    await _refused(bench, subject.at, WRONG, RefusalReason.UNKNOWN)


@played(
    "CODE-02",
    "after five wrong codes the keypad waits, and lets the right one in afterwards",
    "door-and-codes 4; NIST SP 800-63B-4 3.2.2",
    doors(with_keypad),
)
async def throttled(bench: Bench, subject: Subject) -> None:
    await _guess(bench, subject.at)
    await _refused(bench, subject.at, CODE, RefusalReason.THROTTLED)
    await bench.sleep(WAIT_MS)
    await bench.enter(subject.at)


@played(
    "CODE-03",
    "the wait after wrong codes outlasts a power cut",
    "door-and-codes 4: persist the counter across reboots",
    doors(with_keypad),
)
async def throttle_kept(bench: Bench, subject: Subject) -> None:
    await _guess(bench, subject.at)
    await bench.cut()
    bench.power()
    await bench.up()
    await _refused(bench, subject.at, CODE, RefusalReason.THROTTLED)


@played(
    "CODE-04",
    "a code counts in its window only",
    "door-and-codes 3; reliability-security 4: check windows at the door",
    doors(with_keypad),
)
async def window(bench: Bench, subject: Subject) -> None:
    await _refused(bench, subject.at, PAST, RefusalReason.EXPIRED)
    await _refused(bench, subject.at, COMING, RefusalReason.NOT_YET)


@played(
    "CODE-05",
    "typed digits are neither sent nor kept",
    "design: typed digits are never stored, wrong ones neither",
    doors(with_keypad),
)
async def secret(bench: Bench, subject: Subject) -> None:
    await bench.enter(subject.at)
    await bench.shut(subject.at)
    await _refused(bench, subject.at, WRONG, RefusalReason.UNKNOWN)
    files = {path.name: path.read_bytes() for path in (bench.folder / "state").rglob("*") if path.is_file()}
    for code in (CODE.encode(), WRONG.encode()):
        if any(code in payload for payload in bench.office.published):
            raise UnmetError("a message to the gateway holds typed digits")
        for name, data in files.items():
            if code in data:
                raise UnmetError(f"its file {name} holds typed digits")


@played(
    "CODE-06",
    "a one-time code opens once",
    "RFC 6238 5.2; door-and-codes 3",
    doors(with_keypad),
)
async def once(bench: Bench, subject: Subject) -> None:
    door = subject.at
    bench.give(msgspec.structs.replace(bench.office.grant(ONCE, [door.door]), once=True))
    await bench.sleep(2_000)
    await bench.key_in(door, ONCE)
    await bench.need(lambda: bench.door(door).released, bench.opening_ms(door), "it did not open at all")
    bench.door(door).push()
    await bench.shut(door)
    await _refused(bench, door, ONCE, RefusalReason.USED)


@played(
    "READ-01",
    "pulses that are no keys open nothing, and codes count after them",
    "reliability-security 5: malformed input",
    doors(with_keypad),
)
async def babble(bench: Bench, subject: Subject) -> None:
    door, keypad = subject.at, bench.keypad(subject.at)
    bench.held(door)
    chance = bench.world
    for _ in range(40):
        bits = "".join(str(chance.random_below(2)) for _ in range(1 + chance.random_below(40)))
        await keypad.frame(bits)
        await bench.sleep(chance.random_below(400))
    await bench.never(lambda: bench.door(door).frees, 5_000, "a random pulse train opened it")
    await bench.sleep(40_000)
    await bench.enter(door)


def _with_cards(setup: Setup, door: Door) -> str:
    if (why := with_keypad(setup, door)) and not any(
        setup.driver(each) == "wiegand" for each in door.readers
    ):
        return why
    return "" if _reader(setup, door) else "no reader of it takes cards of 26 or 34 bits"


def _reader(setup: Setup, door: Door) -> tuple[str, int] | None:
    for name in door.readers:
        if setup.driver(name) == "wiegand":
            for bits in setup.devices[name].get("cards", []):
                if bits in (26, 34):
                    return name, bits
    return None


@played("CARD-01", "a card opens the door, a strange one does not", "design: credentials", doors(_with_cards))
async def card(bench: Bench, subject: Subject) -> None:
    bench.held(subject.at)
    await _show(bench, subject.at, STRANGE_CARD)
    await bench.never(lambda: bench.door(subject.at).frees, REFUSED_MS, "a strange card opened it")
    await _show(bench, subject.at, CARD)
    await bench.need(
        lambda: bench.door(subject.at).released, bench.opening_ms(subject.at), "its card did not open it"
    )


@played(
    "CARD-02",
    "cards count while the keypad waits after wrong codes",
    "door-and-codes 2: lockout must never affect cards",
    doors(with_keypad, _with_cards),
)
async def card_in_wait(bench: Bench, subject: Subject) -> None:
    await _guess(bench, subject.at)
    await _show(bench, subject.at, CARD)
    await bench.need(
        lambda: bench.door(subject.at).released, bench.opening_ms(subject.at), "its card waited too"
    )


async def _show(bench: Bench, door: Door, card: tuple[int, int]) -> None:
    found = _reader(bench.setup, door)
    assert found is not None
    await bench.house.keypads[found[0]].card(found[1], *card)


async def _guess(bench: Bench, door: Door) -> None:
    for code in WRONG_CODES:
        await bench.key_in(door, code)
        await bench.sleep(1_000)


async def _refused(bench: Bench, door: Door, code: str, reason: RefusalReason) -> None:
    since = bench.world.monotonic()
    before = len(bench.door(door).frees)
    await bench.key_in(door, code)
    await bench.never(
        lambda: len(bench.door(door).frees) > before, REFUSED_MS, f"it opened ({reason} expected)"
    )
    said = bench.events(AccessRefused, since, door=door.door)
    if not said or said[-1].reason is not reason:
        seen = f"{said[-1].reason}" if said else "nothing"
        raise UnmetError(f"{seen} was recorded in the place of {reason}")
    if bench.events(AccessGranted, since, door=door.door):
        raise UnmetError("an entry was recorded")
