"""What OSDP readers are told to show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_edge.access.feedback import Light, Step, pattern, repeats
from pleintemps_edge.drivers.base import Feedback
from pleintemps_edge.drivers.osdp_feedback import END, Buzzer, Cue, Led, Show, cues

LIGHTS: list[Light] = ["off", "red", "green", "amber"]
steps = st.lists(
    st.builds(Step, st.integers(1, 3_000), st.sampled_from(LIGHTS), st.booleans()), min_size=1, max_size=12
)


@pytest.mark.parametrize(
    ("feedback", "wanted"),
    [
        (Feedback.KEY, (Cue(0, Led("amber", 1, 0, 1)), Cue(0, Buzzer(1, 0, 1)))),
        (Feedback.ACCEPTED, (Cue(0, Led("green", 30, 0, 1)), Cue(0, Buzzer(10, 20, 1)))),
        (Feedback.REFUSED, (Cue(0, Led("red", 2, 2, 3)), Cue(0, Buzzer(2, 2, 3)))),
        (
            Feedback.WAIT,
            (Cue(0, Led("amber", 6, 6, 1)), Cue(0, Buzzer(6, 6, 2)), Cue(1_200, Led("red", 6, 6, 1))),
        ),
        (
            Feedback.NO_TRUSTED_TIME,
            (
                Cue(0, Led("amber", 6, 3, 1)),
                Cue(0, Buzzer(6, 3, 1)),
                Cue(900, Led("amber", 2, 3, 2)),
                Cue(900, Buzzer(2, 3, 2)),
            ),
        ),
        (Feedback.PRE_ALARM, (Cue(0, Led("red", 3, 8, 1)), Cue(0, Buzzer(3, 8, 1)))),
        (Feedback.QUIET, END),
    ],
)
def test_each_answer_in_osdps_words(feedback: Feedback, wanted: tuple[Cue, ...]) -> None:
    assert cues(pattern(feedback)) == wanted


def played(found: tuple[Cue, ...], kind: type[Led] | type[Buzzer], tenths: int) -> list[str]:
    """What a reader shows in each tenth: a newer command ends the one before it."""
    shown = ["off"] * tenths
    for cue in found:
        command = cue.command
        if not isinstance(command, kind):
            continue
        at = cue.after_ms // 100
        shown[at:] = ["off"] * (tenths - at)
        for _ in range(command.count):
            colour = command.light if isinstance(command, Led) else "sound"
            shown[at : at + command.on] = [colour] * command.on
            at += command.on + command.off
    return shown


@given(steps)
def test_a_reader_shows_the_steps_rounded_to_tenths(wanted: list[Step]) -> None:
    rounded = [(step, max(1, (step.ms + 50) // 100)) for step in wanted]
    total = sum(tenths for _, tenths in rounded)
    found = cues(wanted)
    lights = [str(step.light) for step, tenths in rounded for _ in range(tenths)]
    sounds = ["sound" if step.sound else "off" for step, tenths in rounded for _ in range(tenths)]
    assert played(found, Led, total) == lights
    assert played(found, Buzzer, total) == sounds


@pytest.mark.parametrize("feedback", Feedback)
def test_counts_fit_into_their_bytes(feedback: Feedback) -> None:
    for cue in cues(pattern(feedback)):
        numbers = [cue.command.on, cue.command.off, cue.command.count]
        numbers += [cue.command.tenths] if isinstance(cue.command, Led) else []
        assert all(0 <= number <= 255 for number in numbers)


def test_a_newer_answer_ends_the_one_before_and_only_the_pre_alarm_comes_again() -> None:
    show = Show()
    show.begin(Feedback.WAIT, 1_000)
    assert len(show.due(1_000)) == 2
    show.begin(Feedback.ACCEPTED, 1_500)
    assert show.due(1_500) == [Led("green", 30, 0, 1), Buzzer(10, 20, 1)]
    assert show.due(100_000) == [], "the red light of the wait is forgotten"
    show.begin(Feedback.PRE_ALARM, 200_000)
    for second in range(5):
        assert len(show.due(200_000 + 1_000 * second)) == 2
        assert show.due(200_999 + 1_000 * second) == []
    show.begin(Feedback.QUIET, 205_500)
    assert show.due(205_500) == [cue.command for cue in END]
    assert show.due(300_000) == []
    assert [each for each in Feedback if repeats(each)] == [Feedback.PRE_ALARM]
