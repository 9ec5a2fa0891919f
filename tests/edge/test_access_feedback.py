"""What a reader shows can be told apart by ear alone and by eye alone."""

from itertools import combinations, groupby

import pytest

from pleintemps_edge.access.feedback import Light, Step, pattern, repeats
from pleintemps_edge.drivers.base import Feedback

ANSWERS = [Feedback.ACCEPTED, Feedback.REFUSED, Feedback.WAIT, Feedback.NO_TRUSTED_TIME, Feedback.PRE_ALARM]


def once_more(feedback: Feedback) -> tuple[Step, ...]:
    """What is perceived: a pattern that repeats is heard more than once."""
    return pattern(feedback) * (4 if repeats(feedback) else 1)


def rhythm(signs: list[tuple[bool, int]]) -> list[str]:
    """What a person keeps of a rhythm: tones, each short (under 300 ms), slow, or long (from 900 ms)."""
    tones = []
    for on, group in groupby(signs, key=lambda sign: sign[0]):
        length = sum(ms for _, ms in group)
        if on:
            tones.append("short" if length < 300 else "slow" if length < 900 else "long")
    return tones


def heard(feedback: Feedback) -> list[str]:
    return rhythm([(step.sound, step.ms) for step in once_more(feedback)])


def seen_without_colour(feedback: Feedback) -> list[str]:
    return rhythm([(step.light != "off", step.ms) for step in once_more(feedback)])


@pytest.mark.parametrize(("one", "other"), list(combinations(ANSWERS, 2)))
def test_answers_differ_by_ear_alone_and_by_eye_alone(one: Feedback, other: Feedback) -> None:
    assert heard(one) != heard(other)
    assert seen_without_colour(one) != seen_without_colour(other)


@pytest.mark.parametrize("feedback", Feedback)
def test_no_pattern_flashes_more_than_three_times_a_second(feedback: Feedback) -> None:
    starts, at, before = list[int](), 0, "off"
    for step in once_more(feedback):
        assert step.ms > 0
        if step.light not in ("off", before):
            starts.append(at)
        before, at = step.light, at + step.ms
    assert all(later - start >= 1_000 for start, later in zip(starts, starts[3:], strict=False))


@pytest.mark.parametrize("feedback", ANSWERS)
def test_every_answer_is_seen_and_heard(feedback: Feedback) -> None:
    lights: set[Light] = {step.light for step in pattern(feedback)}
    assert lights - {"off"}
    assert any(step.sound for step in pattern(feedback))
    assert ("green" in lights) is (feedback is Feedback.ACCEPTED)


def test_a_key_is_a_tick_and_quiet_is_nothing() -> None:
    assert sum(step.ms for step in pattern(Feedback.KEY)) < 100
    assert pattern(Feedback.QUIET) == ()
    assert [feedback for feedback in Feedback if repeats(feedback)] == [Feedback.PRE_ALARM]
