"""The motion detector: nothing during the warm-up, changes afterwards."""

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_edge.sensing.pir import PirState, step


@given(st.integers(0, 100), st.lists(st.tuples(st.integers(0, 20), st.booleans())))
def test_news_are_changes_after_the_warm_up(warm_at: int, moves: list[tuple[int, bool]]) -> None:
    state, now, news = PirState(warm_at), 0, []
    seen: list[bool] = []
    for pause, motion in moves:
        now += pause
        state, said = step(state, motion, now)
        if now >= warm_at:
            seen.append(motion)
        if said is not None:
            news.append(said)
    assert news == [motion for n, motion in enumerate(seen) if n == 0 or motion != seen[n - 1]]
