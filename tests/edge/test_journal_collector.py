"""From samples to batches: flush times and heartbeats."""

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import Column
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_edge.drivers.base import Sampled, SeriesSpec
from pleintemps_edge.journal.collector import Collector

STATE = SeriesSpec("pir", "pir", "hall", Quantity.MOTION, SeriesKind.STATE, 90)
LEVEL = SeriesSpec("meter", "meter", "hall", Quantity.LEVEL, SeriesKind.LEVEL, 90)
T0 = 1_700_000_000_000


def collector() -> Collector:
    return Collector.of([STATE, LEVEL])


def test_a_state_leaves_within_a_second_and_takes_the_levels_along() -> None:
    mine = collector()
    mine.add(Sampled("meter", T0, 40.0), 0)
    assert mine.next_due() == 5_000
    assert not mine.is_due(4_999)
    mine.add(Sampled("pir", T0 + 100, 1.0), 100)
    assert mine.next_due() == 1_100
    assert not mine.is_due(1_099)
    assert mine.is_due(1_100)
    assert mine.take() == (T0, {"meter": Column(dt=[0], value=[40.0]), "pir": Column(dt=[100], value=[1.0])})
    assert not mine.is_due(10_000)
    assert mine.take() == (0, {})


def test_a_state_that_repeats_itself_waits_for_its_heartbeat() -> None:
    mine = collector()
    mine.add(Sampled("pir", T0, 1.0), 0)
    mine.add(Sampled("pir", T0 + 10, 1.0), 10)
    assert mine.take()[1]["pir"].value == [1.0]
    mine.beat(T0 + 29_999, 29_999)
    assert mine.take()[1] == {}
    assert mine.next_due() == 30_000
    mine.beat(T0 + 30_000, 30_000)
    assert mine.take() == (T0 + 30_000, {"pir": Column(dt=[0], value=[1.0])})
    assert mine.next_due() == 60_000


def test_an_ill_device_has_no_heartbeat_and_its_return_is_news() -> None:
    mine = collector()
    mine.add(Sampled("pir", T0, 1.0), 0)
    mine.take()
    mine.set_health("pir", False)
    mine.beat(T0 + 50_000, 50_000)
    assert mine.take()[1] == {}
    assert mine.next_due() is None
    mine.set_health("pir", True)
    mine.add(Sampled("pir", T0 + 60_000, 1.0), 60_000)
    assert mine.take()[1]["pir"].value == [1.0]


def test_levels_have_no_heartbeat() -> None:
    mine = collector()
    mine.add(Sampled("meter", T0, 40.0), 0)
    mine.take()
    mine.beat(T0 + 10**6, 10**6)
    assert mine.take()[1] == {}


def test_a_flood_is_flushed_early() -> None:
    mine = collector()
    for number in range(2_048):
        mine.add(Sampled("meter", T0 + number, float(number)), 0)
    assert mine.is_due(0)


@given(st.lists(st.tuples(st.sampled_from(["pir", "meter"]), st.integers(0, 10**9), st.integers(0, 3))))
def test_no_level_and_no_change_is_lost_whatever_the_wall_clock_does(
    samples: list[tuple[str, int, int]],
) -> None:
    mine = collector()
    wanted: dict[str, list[tuple[int, float]]] = {"pir": [], "meter": []}
    for now, (series, at, value) in enumerate(samples):
        mine.add(Sampled(series, at, float(value)), now)
        if series == "meter" or not wanted["pir"] or wanted["pir"][-1][1] != value:
            wanted[series].append((at, float(value)))
    base, columns = mine.take()
    found = {
        series: [(base + dt, value) for dt, value in zip(column.dt, column.value, strict=True)]
        for series, column in columns.items()
    }
    assert found == {series: points for series, points in wanted.items() if points}
