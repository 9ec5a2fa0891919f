"""Power cuts and clocks."""

from pleintemps_contract.agent_messages import AccessGranted, AccessRefused, AgentStarted, RefusalReason
from pleintemps_contract.onvif import DoorAction
from pleintemps_firmware_sim.errors import UnmetError

from .bench import CODE, COMING, HOUR_MS, PAST, Bench
from .cases_line import complete
from .requirement import Subject, agent, any_keypad, chosen, doors, played, with_keypad

_BACK_MS = 60_000
_YEARS_MS = 10 * 365 * 24 * HOUR_MS


@played(
    "POWER-01",
    "a power cut loses no record of an entry, and the journal goes on",
    "reliability-security 5: power cut",
    agent(any_keypad),
)
async def keeps(bench: Bench, _subject: Subject) -> None:
    door = chosen(bench)
    bench.broker.stop()  # the entry is told to nobody before the cut
    await bench.enter(door)
    await bench.cut()
    bench.power()
    bench.broker.start()
    await bench.need(
        lambda: len(bench.events(AgentStarted)) > 1, _BACK_MS, "the start after the cut was not told"
    )
    await bench.sleep(2_000)
    if not bench.events(AccessGranted, door=door.door):
        raise UnmetError("the entry before the cut was lost")
    complete(bench)


@played(
    "POWER-02",
    "after a power cut every valid code opens without the network",
    "design: the door works alone",
    doors(with_keypad),
)
async def starts_alone(bench: Bench, subject: Subject) -> None:
    bench.broker.stop()
    await bench.cut()
    bench.power()
    await bench.sleep(5_000)
    await bench.enter(subject.at)


@played(
    "TIME-01",
    "a clock that leaps opens nothing outside its window, and codes count when it is back",
    "reliability-security 5: clock +-10 years, +-1 h",
    doors(with_keypad),
)
async def leaps(bench: Bench, subject: Subject) -> None:
    rig = bench.door(subject.at)
    world = bench.agent_world
    assert world is not None
    for leap, code in (
        (3 * HOUR_MS // 2, COMING),
        (-3 * HOUR_MS // 2, PAST),
        (_YEARS_MS, COMING),
        (-_YEARS_MS, PAST),
    ):
        world.step(leap)
        await bench.sleep(2_000)
        await bench.key_in(subject.at, code)
        await bench.never(
            lambda: rig.frees, 3_000, f"a code opened it when the clock leapt {leap // 60_000} min"
        )
        world.step(-leap)
        await bench.sleep(2_000)
    await bench.sleep(60_000)
    await bench.enter(subject.at)


@played(
    "TIME-02",
    "without trusted time codes are refused, and the caretaker's order still opens",
    "reliability-security 2: time; design: time",
    doors(with_keypad),
)
async def untrusted(bench: Bench, subject: Subject) -> None:
    door, rig = subject.at, bench.door(subject.at)
    await bench.cut()
    bench.disciplined = False
    bench.power()
    await bench.up()
    since = bench.world.monotonic()
    before = len(rig.frees)
    await bench.key_in(door, CODE)
    await bench.never(lambda: len(rig.frees) > before, 3_000, "a code opened it")
    if not bench.events(AccessRefused, since, door=door.door, reason=RefusalReason.NO_TRUSTED_TIME):
        raise UnmetError("the refusal was not recorded as no-trusted-time")
    bench.office.order(DoorAction.ACCESS, door.door)
    limit = 1_000 + bench.opening_ms(door)
    await bench.need(lambda: len(rig.frees) > before, limit, "AccessDoor did not open it")
