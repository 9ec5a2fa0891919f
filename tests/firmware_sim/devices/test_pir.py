"""Hold, block and warm-up of the motion sensor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.devices.pins_core import NS
from pleintemps_firmware_sim.devices.pir import MODELS, Pir, PirOnPin


def warm(**settings: int | bool) -> Pir:
    return Pir(0, warm_up_ms=0, hold_ms=3_000, block_ms=2_500, **settings)  # type: ignore[arg-type]


def test_high_for_the_hold_time() -> None:
    pir = warm()
    pir.motion(0)
    assert [pir.output(now) for now in (0, 2_999, 3_000)] == [1, 1, 0]


def test_blind_for_the_block_time() -> None:
    pir = warm()
    pir.motion(0)
    pir.motion(5_000)
    assert pir.output(5_001) == 0
    pir.motion(5_500)
    assert pir.output(5_501) == 1


def test_motion_prolongs_the_hold_only_with_jumper_h() -> None:
    again, single = warm(), warm(retriggerable=False)
    for pir in (again, single):
        pir.motion(0)
        pir.motion(2_000)
    assert (again.output(4_000), single.output(4_000)) == (1, 0)


def test_the_warm_up_has_a_mind_of_its_own() -> None:
    pir = Pir(0, warm_up_ms=60_000, false_pulses=2)
    pir.motion(10_000)
    highs = [now for now in range(0, 60_000, 500) if pir.output(now)]
    assert highs == [20_000, 20_500, 40_000, 40_500]
    pir.motion(60_000)
    assert pir.output(60_000) == 1
    with pytest.raises(ValueError, match="0 to 3"):
        Pir(0, false_pulses=4)


@given(st.lists(st.integers(0, 60_000), max_size=20))
def test_due_names_every_change(moves: list[int]) -> None:
    pir = warm()
    for move in sorted(moves):
        pir.motion(move)
        due = pir.due(move)
        assert due is not None or not pir.output(move)
        if due is not None:
            assert pir.output(due - 1) != pir.output(due)


def levels(sensor: PirOnPin, until: int) -> list[tuple[int, int]]:
    """Milliseconds and level of each edge up to ``until``, looked for at the moments that it asks for."""
    found, now = [], 0
    while now <= until:
        found += [(edge.at_ns // NS, edge.level) for edge in sensor.edges(now)]
        due = sensor.due()
        if due is None:
            break
        now = due
    return found


def test_somebody_who_moves_on_prolongs_the_hold_to_the_last_movement() -> None:
    sensor = PirOnPin(Pir(0, hold_ms=2_000, block_ms=2_000, warm_up_ms=0), 0)
    sensor.move(0, 1_500)
    assert levels(sensor, 10_000) == [(0, 1), (3_400, 0)], "noticed each 200 ms, at 1.4 s last"


def test_a_stuck_output_is_what_it_is_until_it_is_mended() -> None:
    sensor = PirOnPin(Pir(0, hold_ms=2_000, warm_up_ms=0), 0)
    sensor.stick(1)
    assert [edge.level for edge in sensor.edges(5)] == [1]
    sensor.stick(None)
    assert [edge.level for edge in sensor.edges(6)] == [0]


def test_a_sensor_that_was_without_supply_warms_up_again() -> None:
    sensor = PirOnPin(Pir(0, warm_up_ms=0), 0)
    sensor.power(Pir(0, warm_up_ms=3_000, false_pulses=1), 0)
    sensor.move(0)
    assert levels(sensor, 10_000) == [(1_500, 1), (2_500, 0)]


def test_the_models_hold_and_block_as_their_sheets_say() -> None:
    found = {name: (model.hold_ms, model.block_ms) for name, model in MODELS.items()}
    assert found == {"hc-sr501": (15_000, 2_500), "am312": (2_000, 2_000), "sleepy": (300_000, 0)}


def test_a_node_that_sleeps_misses_who_is_quick() -> None:
    pir = Pir(0, warm_up_ms=0, hold_ms=300_000, block_ms=0, period_ms=30_000, awake_ms=9_000)
    for now in (0, 10_000, 20_999):
        pir.motion(now)
    assert pir.output(20_999) == 0
    pir.motion(21_000)
    assert [pir.output(now) for now in (21_000, 320_999, 321_000)] == [1, 1, 0]
