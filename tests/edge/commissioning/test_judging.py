"""Steps, limits and what is made of edges, bytes and keys."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.commissioning import NO, SKIP, YES, Ask, Measurement, Verdict
from pleintemps_contract.onvif import LockPhysicalState
from pleintemps_edge.commissioning import contacts, locks, radars, readers
from pleintemps_edge.commissioning.heard import Answered, Bytes, Event, Observed, Pulse
from pleintemps_edge.commissioning.limits import LIMITS, measured
from pleintemps_edge.commissioning.locks import Door
from pleintemps_edge.commissioning.radars import line_2410
from pleintemps_edge.commissioning.steps import (
    Bench,
    Do,
    Effect,
    Known,
    Run,
    Say,
    Step,
    Through,
    advance,
    begin,
    verdict_of,
)
from pleintemps_edge.drivers.base import ContactChanged, HealthChanged, LockReported

DOOR = Door("front", contact="reed", confirms=True)


def lock_steps(known: Known) -> tuple[Step, ...]:
    return locks.lock(known, "strike", DOOR)


REED = Bench("reed", "reed", lambda known: contacts.contact(known, "front"))
STRIKE = Bench("strike", "strike", lock_steps, door="front")


def played(run: Run, events: Iterable[tuple[int, Event | None]]) -> tuple[Run, list[Effect]]:
    run, first = begin(run, 0)
    effects = list(first)
    for at, event in events:
        run, more = advance(run, event, at)
        effects += more
    return run, effects


def results(effects: list[Effect]) -> dict[str, tuple[Verdict, list[str]]]:
    return {
        each.bench.device: (each.verdict, [problem.code for problem in each.problems])
        for each in effects
        if isinstance(each, Through)
    }


def opened(device: str, is_open: bool) -> Observed:
    return Observed(device, ContactChanged(device, is_open, 0, 0))


def bolt(state: LockPhysicalState) -> Observed:
    return Observed("strike", LockReported("strike", state, 0))


def test_a_contact_that_moves_there_and_back_passes_with_its_bounce() -> None:
    edges = [Pulse("reed", "pin", level, us) for level, us in ((1, 0), (0, 150), (1, 400))]
    run, effects = played(
        Run((REED,)),
        [
            *((1_000, edge) for edge in edges),
            (1_030, opened("reed", True)),
            (3_000, opened("reed", False)),
            (3_300, None),
        ],
    )
    assert run.over
    assert results(effects) == {"reed": (Verdict.PASS, [])}
    (through,) = [each for each in effects if isinstance(each, Through)]
    assert [(each.name, each.value) for each in through.measurements] == [("bounce", 0.4), ("edges", 3)]


def test_a_contact_of_which_nothing_comes_is_silent_or_rests_active_or_is_another() -> None:
    silent = played(Run((REED,)), [(contacts.HAND_MS, None), (2 * contacts.HAND_MS, None)])[1]
    assert results(silent) == {"reed": (Verdict.FAIL, ["silent"])}
    active = played(
        Run((REED,)), [(5, opened("reed", True)), (contacts.HAND_MS, None), (2 * contacts.HAND_MS, None)]
    )[1]
    assert results(active) == {"reed": (Verdict.FAIL, ["rests-active"])}
    other = played(
        Run((REED,), drivers={"reed": "reed", "side": "reed", "pad": "osdp"}),
        [
            (5, opened("pad", True)),
            (9, opened("side", True)),
            (contacts.HAND_MS, None),
            (70_000, opened("side", False)),
            (2 * contacts.HAND_MS, None),
        ],
    )[1]
    assert results(other) == {"reed": (Verdict.FAIL, ["swapped"])}
    assert [dict(each.problems[0].values) for each in other if isinstance(each, Through)] == [
        {"others": "side"}
    ]


def test_a_lock_is_moved_only_after_somebody_agreed_and_is_secured_again() -> None:
    run, effects = begin(Run((STRIKE,)), 0)
    assert [each for each in effects if isinstance(each, Do)] == []
    assert [each.step.ask for each in effects if isinstance(each, Say)] == [Ask.AGREE]
    refused = results(list(advance(run, Answered(NO), 10)[1]))
    assert refused == {"strike": (Verdict.SKIPPED, ["not-agreed"])}
    run, agreed = advance(run, Answered(YES), 10)
    assert [each.act for each in agreed if isinstance(each, Do)] == ["release"]
    run, _ = advance(run, bolt(LockPhysicalState.UNLOCKED), 40)
    run, after = advance(run, None, 5_000)
    assert [each.act for each in after if isinstance(each, Do)][:1] == ["secure"]


def test_a_jammed_lock_fails_and_nothing_more_is_asked() -> None:
    run, effects = played(Run((STRIKE,), agreed=True), [(4_000, None)])
    assert run.over
    assert results(effects) == {"strike": (Verdict.FAIL, ["does-not-release"])}
    assert [each.act for each in effects if isinstance(each, Do)] == ["release", "secure"]


def test_alone_moves_no_lock_and_leaves_out_what_needs_hands() -> None:
    _, effects = played(Run((REED, STRIKE), alone=True), [])
    assert results(effects) == {
        "reed": (Verdict.SKIPPED, ["alone"]),
        "strike": (Verdict.SKIPPED, ["alone"]),
    }
    assert not [each for each in effects if isinstance(each, Do)]


def test_a_step_can_be_skipped_and_a_device_that_is_ill_at_its_end_fails() -> None:
    assert results(played(Run((REED,)), [(5, Answered(SKIP))])[1]) == {"reed": (Verdict.SKIPPED, ["skipped"])}
    ill = Observed("reed", HealthChanged("reed", Health.ERROR, "contact flapping"))
    assert results(played(Run((REED,)), [(5, ill), (6, Answered(SKIP))])[1]) == {
        "reed": (Verdict.FAIL, ["skipped", "ill"])
    }


@given(st.lists(st.sampled_from([*Verdict]), max_size=6))
def test_the_whole_is_as_bad_as_its_worst_part(found: list[Verdict]) -> None:
    whole = verdict_of(found)
    assert (whole is Verdict.FAIL) is (Verdict.FAIL in found)
    assert (whole is Verdict.PASS) is (set(found) <= {Verdict.PASS})


@given(st.sampled_from(sorted(LIMITS)), st.floats(-1e6, 1e6))
def test_a_limit_is_monotonic_and_names_its_source(name: str, value: float) -> None:
    limit = LIMITS[name]
    found: Measurement = measured(name, value)
    order = [Verdict.PASS, Verdict.WARN, Verdict.FAIL]
    worse = value - 1 if limit.least else value + 1
    assert order.index(measured(name, worse).verdict) >= order.index(found.verdict)
    assert found.source
    assert found.limit


@given(st.text("0123456789*#", min_size=1, max_size=8), st.text("0123456789*#", max_size=10))
def test_wrong_keys_are_counted_once_each(wanted: str, typed: str) -> None:
    assert readers.errors(wanted, wanted) == 0
    assert 0 <= readers.errors(wanted, typed) <= len(wanted)
    assert readers.errors(wanted, wanted[1:]) == 1


def test_a_clean_radar_line_has_no_errors_and_garbage_is_counted() -> None:
    good = bytes.fromhex("F4F3F2F10D0002AA0251000000003B00005500F8F7F6F5")
    clean = line_2410([(100 * place, good) for place in range(50)])
    assert (len(clean.reports), clean.errors, clean.gap) == (50, 0, 100)
    begun_within = line_2410([(0, good[9:]), (100, good), (200, good[:7])])
    assert begun_within.errors == 0
    spoilt = line_2410([(100 * place, good if place % 2 else b"\x55" + good[1:]) for place in range(50)])
    assert len(spoilt.reports) == 25
    assert 45 < spoilt.errors < 55


def test_the_noise_of_the_gates_is_that_of_the_empty_room_under_its_sensitivities() -> None:
    ack = bytes.fromhex("FDFCFBFA1C0061010000AA0808083232281E140F0F0F0F000028281E1E141414050004030201")
    loud, calm = (
        b"\xf4\xf3\xf2\xf1\x23\x00\x01\xaa\x00"
        + bytes(8)
        + b"\x08\x08"
        + bytes([energy] * 9)
        + bytes(9)
        + b"\x00\x00\x55\x00\xf8\xf7\xf6\xf5"
        for energy in (90, 12)
    )
    found = radars.noise(ack + loud + calm, calm)
    assert found.moving == (12,) * 9
    assert found.moving_limits == (50, 50, 40, 30, 20, 15, 15, 15, 15)
    assert min(margin for _, margin in found.margins) == 3
    assert [gate for gate, _ in found.margins if gate.startswith("still")] == [
        f"still {n}" for n in range(2, 9)
    ]


def test_bytes_and_pulses_of_a_step_are_its_device_s_alone() -> None:
    run, _ = begin(Run((REED,)), 0)
    run, _ = advance(run, Bytes("radar", False, b"x"), 1)
    run, _ = advance(run, Pulse("reed", "pin", 1, 5), 2)
    assert [type(each.what) for each in run.heard.events] == [Pulse]
