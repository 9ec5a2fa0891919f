"""The line to the broker, what comes over it, and what is kept while it is not there."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract.agent_messages import AccessGranted, CommandResult, MessageRefused
from pleintemps_contract.envelope import Signer
from pleintemps_contract.gateway_messages import Command
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import encode
from pleintemps_firmware_sim.errors import UnmetError

from .bench import HOUR_MS, Bench
from .requirement import Subject, agent, any_door, any_keypad, chosen, doors, played, with_keypad
from .setup import SOFT

_BACK_MS = 60_000


@played(
    "LINE-01",
    "without the broker every valid code opens, and neither its loss nor its return opens anything",
    "EN 60839-11-1; design: the door works alone",
    doors(with_keypad),
)
async def alone(bench: Bench, subject: Subject) -> None:
    rig = bench.door(subject.at)
    bench.broker.stop()
    await bench.never(lambda: rig.frees, 10_000, "the loss of the broker opened it")
    await bench.enter(subject.at)
    await bench.shut(subject.at)
    before = len(rig.frees)
    bench.broker.start()
    await bench.never(lambda: len(rig.frees) > before, 30_000, "the return of the broker opened it")


@played(
    "LINE-02",
    "on a line that is dead and stands every valid code opens",
    "reliability-security 5: half-open",
    doors(with_keypad),
)
async def half_open(bench: Bench, subject: Subject) -> None:
    for line in list(bench.way.lines):
        line.dies()
    await bench.enter(subject.at)


@played(
    "LINE-03",
    "what happens without the broker is told when it is back, each record once and none missing",
    "EN 60839-11-1: offline events; reliability-security 2: outbox",
    agent(any_keypad),
)
async def catches_up(bench: Bench, _subject: Subject) -> None:
    door = chosen(bench)
    bench.broker.stop()
    for _ in range(2):
        await bench.enter(door)
        bench.door(door).push()
        await bench.shut(door)
    bench.broker.start()
    await bench.need(
        lambda: len(bench.events(AccessGranted, door=door.door)) == 2, _BACK_MS, "two entries were not told"
    )
    await bench.sleep(2_000)
    complete(bench)


@played(
    "LINE-04",
    "the birth names every device and every door, and no message is unreadable",
    "design: the wire",
    agent(),
)
async def birth(bench: Bench, _subject: Subject) -> None:
    await bench.sleep(10_000)
    born = bench.office.births[-1]
    devices = {name for name in bench.setup.devices if bench.setup.driver(name) not in SOFT}
    if missing := devices - {each.device for each in born.devices}:
        raise UnmetError(f"it does not name {', '.join(sorted(missing))}")
    if missing := {door.door for door in bench.setup.doors} - {each.door for each in born.doors}:
        raise UnmetError(f"it does not name {', '.join(sorted(missing))}")
    if bench.office.unreadable:
        raise UnmetError(bench.office.unreadable[0])


@played(
    "LINE-05",
    "a record is sent again until the gateway has said that it is stored, and then no more",
    "design: what was acknowledged is kept",
    agent(any_door),
)
async def receipts(bench: Bench, _subject: Subject) -> None:
    office = bench.office
    office.receipts = False
    bench.office.order(DoorAction.LOCK_OPEN, bench.setup.doors[0].door)
    await bench.sleep(2_000)
    seen = len(office.sent)
    last = max(office.sent)
    await bench.need(
        lambda: last in office.sent[seen:], 30_000, "a record without a receipt was not sent again"
    )
    office.receipts = True
    await bench.sleep(60_000)
    seen = len(office.sent)
    await bench.never(lambda: last in office.sent[seen:], 60_000, "a record was sent again after its receipt")


@played("CMD-01", "AccessDoor opens the door", "door-and-codes 1: operations", doors())
async def access(bench: Bench, subject: Subject) -> None:
    bench.held(subject.at)
    bench.office.order(DoorAction.ACCESS, subject.name)
    limit = 1_000 + bench.opening_ms(subject.at)
    await bench.need(lambda: bench.door(subject.at).released, limit, "AccessDoor did not open it")


@played(
    "CMD-02",
    "a command that is repeated, retained, expired, forged or for somebody else opens nothing",
    "reliability-security 5: broker turned attacker",
    doors(),
)
async def attacker(bench: Bench, subject: Subject) -> None:
    office, rig, name = bench.office, bench.door(subject.at), subject.name
    topic = office.topic(Channel.COMMAND)
    bench.held(subject.at)
    heard = office.order(DoorAction.ACCESS, name)
    limit = 1_000 + bench.opening_ms(subject.at)
    await bench.need(lambda: rig.released, limit, "AccessDoor did not open it")
    await bench.shut(subject.at)
    before = len(rig.frees)
    now = bench.world.now()
    stranger = Signer(Ed25519PrivateKey.from_private_bytes(bench.world.random_bytes(32)))
    command: Command = office.command(DoorAction.ACCESS, name)
    elsewhere = Topic.of_agent(bench.setup.file.site, "somebody-else", Channel.COMMAND)

    def retained() -> None:
        """Kept by the broker for the next connection, never heard before."""
        bench.way.break_all("connection reset")
        office.repeat(topic, office.signer.seal(str(topic), encode(command)), True)

    attacks: dict[str, Callable[[], object]] = {
        "repeated": lambda: office.repeat(topic, heard, False),
        "retained": retained,
        "expired": lambda: office.order(DoorAction.ACCESS, name, issued=now - HOUR_MS, expires=now - 1),
        "of another start": lambda: office.order(DoorAction.ACCESS, name, boot="0" * 32),
        "with an old number": lambda: office.order(DoorAction.ACCESS, name, counter=1),
        "forged": lambda: office.say(topic, office.command(DoorAction.ACCESS, name), stranger),
        "for another agent": lambda: office.repeat(
            topic, office.signer.seal(str(elsewhere), encode(office.command(DoorAction.ACCESS, name))), False
        ),
        "unsigned": lambda: office.repeat(topic, encode(office.command(DoorAction.ACCESS, name)), False),
    }
    for what, attack in attacks.items():
        attack()
        wait = 30_000 if attack is retained else 3_000
        await bench.never(lambda: len(rig.frees) > before, wait, f"a command {what} opened it")
        office.repeat(topic, b"", True)
    refused = [each for each in office.responses if isinstance(each, CommandResult) and each.refusal]
    if not refused and not bench.events(MessageRefused):
        raise UnmetError("nothing says that commands were refused")
    office.order(DoorAction.ACCESS, name)
    await bench.need(lambda: rig.released, limit, "after it a true command was refused")


def complete(bench: Bench) -> None:
    """UnmetError unless every record since the first came, of one journal, each with one content."""
    journals = {journal for journal, _ in bench.office.records}
    numbers = sorted(seq for _, seq in bench.office.records)
    if len(journals) != 1:
        raise UnmetError(f"{len(journals)} journals in the place of one")
    if missing := set(range(numbers[0], numbers[-1] + 1)) - set(numbers):
        raise UnmetError(f"{len(missing)} records are missing")
    if bench.office.differing:
        raise UnmetError("a record came twice with two contents")
