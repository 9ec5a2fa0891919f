"""The contact: bounce, flapping, and that its news is bounded whatever it does."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_edge.sensing.debounce import (
    CHANGES,
    CHANGES_WITHIN_MS,
    STABLE_MS,
    STEADY_MS,
    UNSETTLED_MS,
    Changed,
    ContactState,
    Effect,
    Flap,
    Timing,
    step,
)


class Line:
    """Plays edges and lets due moments pass in between."""

    def __init__(self, timing: Timing = Timing()) -> None:  # noqa: B008 - it is frozen
        self.state = ContactState(timing)
        self.said: list[tuple[int, Effect]] = []

    def at(self, now: int, level: bool | None) -> None:
        while self.state.due is not None and self.state.due <= now:
            self._step(None, self.state.due)
        self._step(level, now)

    def _step(self, level: bool | None, now: int) -> None:
        self.state, effects = step(self.state, level, now)
        self.said += [(now, effect) for effect in effects]


def test_a_bouncing_contact_changes_once_and_30_ms_after_its_last_edge() -> None:
    line = Line()
    line.at(0, False)
    line.at(100, None)
    for now, level in [(1000, True), (1001, False), (1002, True), (1003, False), (1004, True)]:
        line.at(now, level)
    line.at(2000, None)
    assert line.said == [(STABLE_MS, Changed(False)), (1004 + STABLE_MS, Changed(True))]
    assert line.state.due is None


def test_each_direction_has_its_own_time() -> None:
    line = Line(Timing(low_ms=250, high_ms=10, unsettled_ms=400))
    line.at(0, False)
    line.at(1000, True)
    line.at(2000, False)
    line.at(3000, None)
    assert line.said == [(250, Changed(False)), (1010, Changed(True)), (2250, Changed(False))]
    for n in range(100):
        line.at(4000 + 5 * n, n % 2 == 0)
    assert line.said[3:] == [(4400, Flap.FLAPPING)]


def test_a_pulse_that_does_not_last_is_no_news() -> None:
    line = Line()
    line.at(0, True)
    line.at(1000, False)
    line.at(1000 + STABLE_MS - 1, True)
    line.at(5000, None)
    assert line.said == [(STABLE_MS, Changed(True))]


def test_a_change_that_settled_before_the_next_edge_was_seen_is_not_lost() -> None:
    state, _ = step(ContactState(), True, 0)
    state, effects = step(state, False, 500)
    assert effects == (Changed(True),)
    assert state.due == 500 + STABLE_MS


def test_flapping_at_100_hz_is_said_once_and_over_once() -> None:
    line = Line()
    line.at(0, False)
    for n in range(1000):
        line.at(1000 + 5 * n, n % 2 == 0)
    last = 1000 + 5 * 999
    line.at(last + 60_000, None)
    assert line.said == [
        (STABLE_MS, Changed(False)),
        (1000 + UNSETTLED_MS, Flap.FLAPPING),
        (last + STEADY_MS, Flap.STEADY),
    ]


def test_changes_that_settle_but_never_end_are_flapping_too() -> None:
    line = Line()
    for n in range(1000):
        line.at(100 * n, n % 2 == 0)
    changes = [effect for _, effect in line.said if isinstance(effect, Changed)]
    assert len(changes) == CHANGES
    assert line.said[-1][1] is Flap.FLAPPING


@given(st.lists(st.tuples(st.integers(0, 2_000), st.booleans()), max_size=200))
def test_news_alternate_and_are_bounded(moves: list[tuple[int, bool]]) -> None:
    line = Line()
    now = 0
    for pause, level in moves:
        now += pause
        line.at(now, level)
    line.at(now + STEADY_MS, None)
    changes = [(at, effect.level) for at, effect in line.said if isinstance(effect, Changed)]
    flaps = [effect for _, effect in line.said if isinstance(effect, Flap)]
    assert all(one[1] != other[1] for one, other in pairwise(changes))
    assert all(one is not other for one, other in pairwise(flaps))
    assert flaps[:1] in ([], [Flap.FLAPPING])
    for at, _ in changes:
        assert sum(at <= other < at + CHANGES_WITHIN_MS for other, _ in changes) <= CHANGES + 10
    if moves:
        assert line.state.believed == moves[-1][1]
        assert line.state.due is None
