"""What else hangs on an agent: the building's alarm, warning signals, readers of tokens."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract.agent_messages import CommandRefusal, CommandResult, SignalChanged
from pleintemps_contract.envelope import Signer
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.tokens import Token, sign_token
from pleintemps_firmware_sim.errors import UnmetError

from .bench import Bench
from .office import FOR_EVER
from .requirement import Subject, Subjects, doors, played
from .setup import Door, Panel, Setup, Signal

_TELL_MS = 3_000


def _panels(setup: Setup) -> list[Subject]:
    found = [Subject(panel.panel) for panel in setup.file.panels]
    return found or [Subject("agent", reason="it has no intrusion panel")]


def _signals(setup: Setup) -> list[Subject]:
    found = [Subject(signal.signal) for signal in setup.file.signals]
    return found or [Subject("agent", reason="it has no warning signal")]


def _panel(bench: Bench, subject: Subject) -> Panel:
    return next(each for each in bench.setup.file.panels if each.panel == subject.name)


def _typed_panels() -> Subjects:
    def subjects(setup: Setup) -> list[Subject]:
        found = []
        for panel in setup.file.panels:
            typed = any(setup.keypad(door) for door in setup.doors if door.door in panel.doors)
            found.append(Subject(panel.panel, reason="" if typed else "none of its doors has a keypad"))
        return found or _panels(setup)

    return subjects


@played(
    "PANEL-01",
    "the first entry unsets the building's alarm",
    "design: alarm panel",
    _typed_panels(),
)
async def unset(bench: Bench, subject: Subject) -> None:
    panel = _panel(bench, subject)
    rig = bench.house.panels[panel.device]
    rig.put(True)
    await bench.sleep(_TELL_MS)
    door = next(each for each in bench.setup.doors if each.door in panel.doors and bench.setup.keypad(each))
    await bench.enter(door)
    await bench.need(lambda: not rig.is_set, 10_000, "it stayed set")


@played(
    "PANEL-02",
    "the building's alarm is set by command, and never while one of its doors is open",
    "design: alarm panel",
    _panels,
)
async def sets(bench: Bench, subject: Subject) -> None:
    panel = _panel(bench, subject)
    rig, door = bench.house.panels[panel.device], bench.house.doors[panel.doors[0]]
    door.force()
    door.hold(True)
    await bench.sleep(_TELL_MS)
    bench.office.order(DoorAction.SET_PANEL, panel.panel)
    await bench.never(lambda: rig.is_set, 12_000, f"it was set while {panel.doors[0]} stood open")
    refusals = [each.refusal for each in bench.office.responses if isinstance(each, CommandResult)]
    if CommandRefusal.DOORS_OPEN not in refusals:
        raise UnmetError("the refusal was not told")
    door.hold(False)
    await bench.need(lambda: not door.open, 10_000, "the leaf did not close")
    await bench.sleep(_TELL_MS)
    bench.office.order(DoorAction.SET_PANEL, panel.panel)
    await bench.need(lambda: rig.is_set, 12_000, "it was not set")


@played(
    "SIG-01",
    "a warning signal goes on by command, and dark by itself when nobody says it again",
    "design: warning signals",
    _signals,
)
async def signal(bench: Bench, subject: Subject) -> None:
    wanted = next(each for each in bench.setup.file.signals if each.signal == subject.name)
    bench.office.order(DoorAction.SIGNAL_ON, wanted.signal)
    await bench.need(lambda: _lit(bench, wanted), _TELL_MS, "it stayed dark")
    await bench.need(
        lambda: bench.events(SignalChanged, signal=wanted.signal, on=True), _TELL_MS, "it was not recorded"
    )
    limit = round(1_000 * wanted.max_on_s)
    await bench.never(lambda: not _lit(bench, wanted), limit - 5_000, f"dark before {wanted.max_on_s:g} s")
    await bench.need(lambda: not _lit(bench, wanted), 10_000, "it stayed lit")


def _lit(bench: Bench, wanted: Signal) -> bool:
    table = bench.setup.devices[wanted.device]
    on = int(table.get("energise", "high") == "high")
    return bench.house.levels.get(int(table["pin"])) == on


def _with_tokens(setup: Setup, door: Door) -> str:
    return "" if _token_reader(setup, door) else "it has no reader of tokens"


def _token_reader(setup: Setup, door: Door) -> str:
    return next((each for each in door.readers if setup.driver(each) == "token_reader"), "")


@played(
    "TOKEN-01",
    "a token that the gateway has signed opens the door, a forged one does not",
    "door-and-codes 3: public-key token",
    doors(_with_tokens),
)
async def token(bench: Bench, subject: Subject) -> None:
    door, rig = subject.at, bench.door(subject.at)
    line = bench.house.tokens[_token_reader(bench.setup, door)]
    device = bench.house.serial[_token_reader(bench.setup, door)]
    right = Token(id="ab" * 16, site=bench.setup.file.site, doors=[door.door], windows=[FOR_EVER])
    forger = Signer(Ed25519PrivateKey.from_private_bytes(bench.world.random_bytes(32)))
    bench.held(door)
    line.present(sign_token(right, forger), bench.world.monotonic())
    device.poke()
    await bench.never(lambda: rig.frees, _TELL_MS, "a forged token opened it")
    line.present(sign_token(right, bench.office.signer), bench.world.monotonic())
    device.poke()
    await bench.need(lambda: rig.released, bench.opening_ms(door), "its token did not open it")
