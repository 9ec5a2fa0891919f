"""What breaks in virtual time breaks agents and gateway as it does in life, and is mended."""

from collections.abc import Awaitable, Callable
from functools import cache

import pytest

from pleintemps_firmware_sim.devices.zigbee2mqtt import RADIO_MS, TRAVEL_MS
from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.scenario.calendar import Event
from pleintemps_firmware_sim.scenario.facts import Books, Fact, FactKind
from pleintemps_firmware_sim.scenario.faults import FAULTS, Fault, FaultKind
from pleintemps_firmware_sim.scenario.plan import ANNEX, SAINT_AUBIN, Plan, Rules
from pleintemps_firmware_sim.scenario.stage import Stage, Wanted
from pleintemps_firmware_sim.virtual.loop import run
from pleintemps_firmware_sim.virtual.play import play
from pleintemps_firmware_sim.virtual.stage import VirtualStage

from .rehearsal import MINUTE, passes

UID = "class@test"
DOORS = ("gate", "classroom")


async def types(stage: Stage, code: str, door: str) -> bool:
    await stage.press(door, f"{code}#")
    if not await stage.released(door, 2_000):
        return False
    await stage.push(door)
    return await stage.shut(door, MINUTE)


async def booked(stage: Stage, space: str) -> str:
    """The code of a booking that is on now."""
    begin = stage.world.now() // 1_000 * 1_000
    await stage.book(Event(UID, "Class", space, begin, begin + 60 * MINUTE))
    code = await stage.code_of(UID, MINUTE)
    assert code is not None
    return code


def facts_of(plan: Plan, act: Callable[[Stage], Awaitable[None]], seed: int = 5) -> list[Fact]:
    async def whole(stage: Stage) -> list[Fact]:
        await act(stage)
        assert await stage.settle(5 * MINUTE)
        await stage.observe()
        return stage.timeline.facts()

    return run(play(Wanted(plan, Rules(), seed), whole))


def books(facts: list[Fact], agent: str) -> dict[str, object]:
    return {fact.name: fact.value for fact in facts if fact.kind is FactKind.BOOKS and fact.where == agent}


def values(facts: list[Fact], kind: FactKind, where: str) -> list[object]:
    return [fact.value for fact in facts if fact.kind is kind and fact.where == where]


@cache
def a_bad_evening() -> list[Fact]:
    """Every loss of connection and of power, one after the other, with somebody at the door in each."""

    async def act(stage: Stage) -> None:
        assert isinstance(stage, VirtualStage)
        code = await booked(stage, "classroom")
        for kind, target in (
            (FaultKind.BROKER_LOSS, "building"),
            (FaultKind.NETWORK_LOSS, "entrance"),
            (FaultKind.HALF_OPEN, "entrance"),
            (FaultKind.LATE, "entrance"),
            (FaultKind.DUPLICATE, "entrance"),
            (FaultKind.REORDER, "entrance"),
        ):
            fault = Fault(kind, target)
            await stage.begin_fault(fault)
            await passes(stage, 20_000)
            assert await types(stage, code, "gate"), kind
            await stage.end_fault(fault)
            await passes(stage, MINUTE)
        await stage.press("gate", "99999999#")
        await stage.begin_fault(Fault(FaultKind.POWER_CUT, "entrance"))
        assert not await types(stage, code, "gate")
        await passes(stage, MINUTE)
        await stage.end_fault(Fault(FaultKind.POWER_CUT, "entrance"))
        await passes(stage, 5_000)
        assert await types(stage, code, "gate")
        await stage.restart_gateway()
        assert await types(stage, code, "gate")
        await stage.begin_fault(Fault(FaultKind.REPLAY, "entrance"))
        await passes(stage, MINUTE)

    return facts_of(SAINT_AUBIN, act)


def test_the_door_works_alone_and_every_record_arrives_once() -> None:
    facts = a_bad_evening()
    found = books(facts, "entrance")
    assert found[Books.MADE] == found[Books.STORED]
    assert (found[Books.HELD], found[Books.LOST], found[Books.DIFFERING]) == (0, 0, 0)
    assert values(facts, FactKind.CODE, "gate").count("accepted") == 8


def test_the_broker_tells_who_was_away() -> None:
    presence = values(a_bad_evening(), FactKind.AGENT, "entrance")
    assert "offline" in presence
    assert presence[-1] == "online"


def test_an_agent_without_power_starts_again_on_its_journal() -> None:
    started = [fact for fact in a_bad_evening() if fact.name == "agent-started" and fact.where == "entrance"]
    assert len(started) == 1  # the first start was before the play


def test_what_is_sent_once_more_opens_nothing() -> None:
    facts = a_bad_evening()
    assert [fact for fact in facts if fact.name == "message-refused" and fact.where == "entrance"]
    replayed = max(fact.at for fact in facts if fact.kind is FactKind.LOCK and fact.where == "gate")
    accepted = max(fact.at for fact in facts if fact.kind is FactKind.CODE and fact.where == "gate")
    assert replayed - accepted < 10_000


def test_a_jammed_lock_and_a_deaf_keypad() -> None:
    async def act(stage: Stage) -> None:
        code = await booked(stage, "classroom")
        jam = Fault(FaultKind.JAM, "gate")
        await stage.begin_fault(jam)
        assert not await types(stage, code, "gate")
        await stage.end_fault(jam)
        await passes(stage, 10_000)
        deaf = Fault(FaultKind.DROPOUT, "gate-keypad")
        await stage.begin_fault(deaf)
        assert not await types(stage, code, "gate")
        await stage.end_fault(deaf)
        assert await types(stage, code, "gate")

    assert values(facts_of(SAINT_AUBIN, act), FactKind.CODE, "gate") == ["accepted", "accepted"]


def test_lines_and_sensors_that_fail_are_told_as_ill_and_as_well_again() -> None:
    async def act(stage: Stage) -> None:
        for kind, target in (
            (FaultKind.DROPOUT, "hall-meter"),
            (FaultKind.GARBAGE, "hall-radar"),
            (FaultKind.BOUNCE, "gate-reed"),
        ):
            fault = Fault(kind, target, {"share": 0.9} if kind is FaultKind.GARBAGE else {})
            await stage.begin_fault(fault)
            await passes(stage, 20_000)
            await stage.end_fault(fault)
            await passes(stage, MINUTE)
        for kind, target in ((FaultKind.SPLIT, "hall-radar"), (FaultKind.MID_FRAME, "classroom-meter")):
            await stage.begin_fault(Fault(kind, target))
            await passes(stage, 20_000)
            await stage.end_fault(Fault(kind, target))

    ill: dict[object, list[object]] = {}
    for fact in facts_of(SAINT_AUBIN, act):
        if fact.name == "device-health":
            ill.setdefault(fact.detail["device"], []).append(fact.value)
    for device in ("hall-meter", "hall-radar", "gate-reed"):
        assert len(set(ill[device])) == 2, device
        assert ill[device][-1] == "ok", device


def test_a_full_disk_holds_no_door_and_what_it_refused_is_stored_once_there_is_room() -> None:
    """Also when the agent starts on it, on a journal in memory."""
    cut, full = Fault(FaultKind.POWER_CUT, "entrance"), Fault(FaultKind.DISK_FULL, "entrance")

    async def act(stage: Stage) -> None:
        code = await booked(stage, "classroom")
        await stage.begin_fault(full)
        assert await types(stage, code, "gate")
        await stage.end_fault(full)
        await passes(stage, MINUTE)
        await stage.begin_fault(full)
        await stage.begin_fault(cut)
        await passes(stage, 5_000)
        await stage.end_fault(cut)
        await passes(stage, 5_000)
        assert await types(stage, code, "gate")
        await passes(stage, MINUTE)
        await stage.end_fault(full)
        await passes(stage, 2 * MINUTE)
        assert await types(stage, code, "gate")

    facts = facts_of(SAINT_AUBIN, act)
    assert values(facts, FactKind.CODE, "gate").count("accepted") == 3
    alerts = [fact.value for fact in facts if fact.kind is FactKind.ALERT and fact.name == "storage-fault"]
    assert alerts == ["opened", "resolved", "opened", "resolved"]
    assert [fact for fact in facts if fact.name == "late-commit"]
    found = books(facts, "entrance")
    assert (found[Books.HELD], found[Books.LOST], found[Books.DIFFERING]) == (0, 0, 0)
    assert found[Books.MADE] == found[Books.STORED]


def test_a_lock_behind_radio_takes_its_time() -> None:
    async def act(stage: Stage) -> None:
        code = await booked(stage, "studio")
        assert await types(stage, code, "annex")
        await stage.begin_fault(Fault(FaultKind.LOW_BATTERY, "annex"))

    facts = facts_of(ANNEX, act)
    accepted = next(fact.at for fact in facts if fact.kind is FactKind.CODE)
    moves = [(fact.value, fact.at - accepted) for fact in facts if fact.kind is FactKind.LOCK]
    assert [value for value, _ in moves[:2]] == ["released", "holds"]
    assert moves[0][1] >= RADIO_MS + TRAVEL_MS


def test_the_catalogue_is_offered_or_refused_in_words() -> None:
    async def act(stage: Stage) -> frozenset[FaultKind]:
        with pytest.raises(ControlError):
            await stage.begin_fault(Fault(FaultKind.TAILGATE, "annex"))
        with pytest.raises(ControlError):
            await stage.begin_fault(Fault(FaultKind.GARBAGE, "annex-reed"))
        return stage.faults

    offered = run(play(Wanted(ANNEX, Rules(), 1), act))
    assert offered == {kind for kind, row in FAULTS.items() if not row.people}
