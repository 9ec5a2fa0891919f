"""Columns are taken as their samples one by one would be."""

from collections import Counter
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import Column, SamplesBatch
from pleintemps_contract.units import Quantity
from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.ingest.gathering import Gathering
from pleintemps_gateway.ingest.rollup import SeriesRoll, sound, sound_stretch
from pleintemps_gateway.noise.monitor import NoiseMonitor
from pleintemps_gateway.noise.records import NoiseFigures
from pleintemps_gateway.noise.settings import NoiseConfig
from pleintemps_gateway.noise.watch import NoiseWatch
from pleintemps_gateway.occupancy.space import SpaceRuntime
from pleintemps_gateway.stretch import Joiner, Stretch, cut, joined
from tests.support.laws import examples

BEGIN = 1_790_000_000_000
GAPS = st.one_of(st.just(1000), st.just(1000), st.integers(1, 20_000), st.integers(1, 300_000))
LEVELS = st.one_of(st.sampled_from([35.0, 40.1, 94.0]), st.floats(0, 130), st.sampled_from([-5.0, 250.0]))
STATES = st.sampled_from([0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 0.5])


@st.composite
def stretches(draw: st.DrawFn, values: st.SearchStrategy[float]) -> list[list[tuple[int, float]]]:
    """Rising columns of one series; one may begin before the last has ended."""
    at, found = BEGIN, []
    for _ in range(draw(st.integers(1, 5))):
        gaps = draw(st.lists(GAPS, min_size=1, max_size=12))
        ats = list(accumulate(gaps, initial=at))[1:]
        found.append([(each, draw(values)) for each in ats])
        at = ats[-1] - draw(st.sampled_from([0, 0, 0, 7_000]))
    return found


def column(samples: list[tuple[int, float]]) -> Stretch:
    found = Stretch.of(samples)
    assert found is not None
    return found


@given(st.sampled_from(["level", "state"]), st.data())
def test_minutes_are_the_same(kind: str, data: st.DataObject) -> None:
    quantity, values = ("level", LEVELS) if kind == "level" else ("radar", STATES)
    one, all_ = (SeriesRoll(kind, 30, None, None) for _ in range(2))
    for samples in data.draw(stretches(values)):
        latest = samples[-1][0] - data.draw(st.sampled_from([0, 0, 2_000]))
        usable = sound(quantity, samples, latest)
        found = sound_stretch(quantity, column(samples), latest)
        assert usable == ([] if found is None else list(found.pairs()))
        one.take(usable)
        if found is not None:
            all_.take_stretch(found)
    assert one.minutes == all_.minutes
    assert (one.last_at, one.last_value) == (all_.last_at, all_.last_value)


@given(stretches(LEVELS), st.sampled_from(["a", "c"]), st.booleans(), st.data())
def test_windows_and_background_are_the_same(
    columns: list[list[tuple[int, float]]], key: str, learning: bool, data: st.DataObject
) -> None:
    lengths = (600_000, 900_000)
    monitors = [NoiseMonitor(lengths, 0.5) for _ in range(2)]
    for monitor in monitors:
        monitor.watch(90.0, 100.0)
        monitor.series("a", "meter", Quantity.LAEQ, 30)
        monitor.series("c", "meter", Quantity.LCEQ, 30)
        monitor.learning = learning
    now = BEGIN
    for samples in columns:
        late = sum(not monitors[0].sample(key, at, level) for at, level in samples)
        assert monitors[1].levels(key, column(samples)) == late
        now = max(now, samples[-1][0] + data.draw(st.sampled_from([0, 1_000, 500_000, 2_000_000])))
        found: list[Any] = []
        for monitor in monitors:
            heard = [monitor.heard(now - length, now, length) for length in lengths]
            found.append((*heard, monitor.heard_c(now - 900_000, now), monitor.hot(now - 900_000)))
        assert found[0] == found[1]
        assert monitors[0].last_at == monitors[1].last_at
        assert monitors[0].background_db == monitors[1].background_db


@pytest.mark.law
@examples(60, 2_000)
@given(st.data())
def test_a_space_believes_the_same(data: st.DataObject) -> None:
    quantities = {
        "level": (Quantity.LEVEL, LEVELS),
        "motion": (Quantity.MOTION, STATES),
        "radar": (Quantity.RADAR, STATES),
        "range": (Quantity.RANGE, STATES),
    }
    spaces = []
    for _ in range(2):
        noise = NoiseWatch("hall", NoiseConfig(), AlertBook(lambda: "0" * 32))
        space = SpaceRuntime("hall", noise, BEGIN, 0)
        for name, (quantity, _) in quantities.items():
            space.series(name, name, quantity, 30, "device")
        spaces.append(space)
    now = BEGIN
    for _ in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from(sorted(quantities)))
        for samples in data.draw(stretches(quantities[name][1])):
            faults = [fault for at, value in samples if (fault := spaces[0].sample(name, at, value))]
            assert spaces[1].samples(name, column(samples)) == Counter(faults)
        now += data.draw(st.sampled_from([1_000, 60_000, 1_200_000]))
        assert spaces[0].due == spaces[1].due
        looks = [space.look(now, NoiseFigures()) for space in spaces]
        assert looks[0] == looks[1]
        assert spaces[0].room.memory.late == spaces[1].room.memory.late
        assert spaces[0].room.memory.kept() == spaces[1].room.memory.kept()


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1)), min_size=1, max_size=8))
def test_columns_are_put_in_order(samples: list[tuple[int, float]]) -> None:
    dt, values = ([each[place] for each in samples] for place in (0, 1))
    found = cut(BEGIN, [int(each) for each in dt], values)
    assert list(found.pairs()) == sorted((BEGIN + int(each), value) for each, value in samples)
    assert found.rising == (len({each for each, _ in samples}) == len(samples))


TIMES = st.lists(
    st.tuples(st.integers(0, 9), st.lists(st.integers(0, 6), min_size=1, max_size=4)), min_size=1
)
RISING = st.lists(st.integers(1, 3), min_size=1, max_size=4).map(
    lambda counts: [(10 * place, list(range(count))) for place, count in enumerate(counts)]
)


@given(st.one_of(TIMES, RISING), st.integers(-1, 50), st.data())
def test_what_is_joined_at_once_is_what_is_cut_and_joined(
    times: list[tuple[int, list[int]]], early: int, data: st.DataObject
) -> None:
    joiner = Joiner(early)
    for _ in range(2):  # the second series has the times of the first, then a third has others
        values = [data.draw(st.lists(LEVELS, min_size=len(dt), max_size=len(dt))) for _, dt in times]
        for count in (len(times), 1):
            found, late = joiner.join(times[:count], values[:count])
            pieces = [cut(base, dt, some) for (base, dt), some in zip(times[:count], values, strict=False)]
            assert list(found) == list(joined(pieces))
            old = [piece for piece in pieces if piece.ats[0] < early]
            assert late == (
                (min(each.ats[0] for each in old), max(each.ats[-1] for each in old)) if old else None
            )


@given(stretches(LEVELS), st.booleans())
def test_stretches_in_the_order_of_time_are_joined(
    columns: list[list[tuple[int, float]]], backwards: bool
) -> None:
    parts = [column(samples) for samples in columns]
    if backwards:
        parts.reverse()
    ats = [at for part in parts for at in part.ats]
    found = joined(parts)
    assert [pair for each in found for pair in each.pairs()] == [
        pair for each in parts for pair in each.pairs()
    ]
    assert (len(found) == 1) == (len(parts) == 1 or ats == sorted(set(ats)))
    for each in found:
        assert (each.low, each.high) == (min(each.values), max(each.values))
        assert each.rising


@given(stretches(st.sampled_from([0.0, 1.0])), st.integers(0, 4))
def test_what_was_gathered_is_taken_once_and_in_order(
    columns: list[list[tuple[int, float]]], other: int
) -> None:
    gathering = Gathering()
    for place, samples in enumerate(columns):
        agent = "b" if place == other else "a"
        base = samples[0][0]
        dt, values = [at - base for at, _ in samples], [value for _, value in samples]
        series = {"motion": Column(dt=dt, value=values)}
        batch = SamplesBatch(
            journal="0" * 32, first=1, seq=place + 1, boot="0" * 32, base=base, trusted=True, series=series
        )
        assert gathering.add(agent, batch) == len(samples)
    told: dict[str, list[tuple[int, float]]] = {"a": [], "b": []}
    for asked in ("a", None, None):
        for who, batches in gathering.take(asked):
            assert asked in {None, who}
            for batch in batches:
                motion = batch.series["motion"]
                told[who] += zip([batch.base + dt for dt in motion.dt], motion.value, strict=True)
    for who, found in told.items():
        wanted = [samples for place, samples in enumerate(columns) if (place == other) == (who == "b")]
        assert found == [pair for samples in wanted for pair in samples]
