"""Scripts of what the agent switches beside locks, and of the machine itself. Pure."""

from typing import Final

from pleintemps_contract.agent_messages import Health, PanelState
from pleintemps_contract.commissioning import NO, YES, Ask, Verdict
from pleintemps_edge.drivers.base import PanelReported

from .contacts import HAND_MS
from .heard import Heard, Looked
from .limits import figure, measured
from .steps import Do, Judged, Known, Problem, Step

_STATE_MS: Final = 5_000
_ARM_MS: Final = 15_000
_LOOK_MS: Final = 10_000


def light(_known: Known, device: str, space: str) -> tuple[Step, ...]:
    """Lit, and dark again."""

    def judge(heard: Heard) -> Judged:
        if heard.answer == YES:
            return Judged()
        if heard.answer == NO:
            return Judged(problems=(Problem("dark"),))
        return Judged(problems=(Problem("unanswered", Verdict.SKIPPED),))

    return (
        Step(
            "lit",
            Ask.LIT,
            HAND_MS,
            judge,
            orders=(Do(device, "on"),),
            closing=(Do(device, "off"),),
            answers=(YES, NO),
            values={"space": space},
        ),
    )


def panel(_known: Known, device: str) -> tuple[Step, ...]:
    """Its state, then set and unset if somebody agrees."""

    def told(heard: Heard) -> Judged:
        said = heard.last(PanelReported)
        if said is None or said.state is PanelState.UNKNOWN:
            return Judged(problems=(Problem("silent"),))
        if said.state is PanelState.ALARM:
            return Judged(problems=(Problem("in-alarm"),))
        return Judged(problems=() if said.ready else (Problem("not-ready", Verdict.WARN),))

    def agreed(heard: Heard) -> Judged:
        return Judged(problems=() if heard.answer == YES else (Problem("not-agreed", Verdict.SKIPPED),))

    def reaches(name: str, act: str, wanted: PanelState) -> Step:
        def there(heard: Heard) -> bool:
            said = heard.last(PanelReported)
            return said is not None and said.state is wanted

        def judge(heard: Heard) -> Judged:
            if not there(heard):
                return Judged(problems=(Problem(f"does-not-{act}"),))
            took = next((at for at, said in heard.of(PanelReported) if said.state is wanted), heard.began)
            return Judged((figure(f"{act}-time", (took - heard.began) / 1000, "s"),))

        return Step(name, Ask.WAIT, _ARM_MS, judge, there, orders=(Do(device, act),))

    return (
        Step("state", Ask.WAIT, _STATE_MS, told, lambda heard: heard.last(PanelReported) is not None),
        Step("arm", Ask.ARM, 10 * HAND_MS, agreed, answers=(YES, NO)),
        reaches("armed", "arm", PanelState.SET),
        reaches("disarmed", "disarm", PanelState.UNSET),
    )


def look(_known: Known, device: str) -> tuple[Step, ...]:
    """The clock chip, the system's clock or the disk: one look."""

    def judge(heard: Heard) -> Judged:
        found = next((each for _, each in heard.events_of(Looked)), None)
        if found is None:
            return Judged(problems=(Problem("silent"),))
        kind = device.partition(".")[2]
        if found.value is None:
            verdict = Verdict.WARN if kind == "clock" or found.fault == "no-reference" else Verdict.FAIL
            return Judged(problems=(Problem(found.fault or "silent", verdict),))
        name = {"rtc": "chip-off", "disk": "free-space"}.get(kind)
        if name is None:
            return Judged()
        measurement = measured(name, abs(found.value))
        problems = () if measurement.verdict is Verdict.PASS else (Problem(name, measurement.verdict),)
        return Judged((measurement,), problems)

    def complete(heard: Heard) -> bool:
        return any(True for _ in heard.events_of(Looked))

    return (Step("look", Ask.WAIT, _LOOK_MS, judge, complete, orders=(Do(device, "look"),)),)


def unknown(_known: Known) -> tuple[Step, ...]:
    """A driver without a script of its own: it says that it is well, and that is all."""

    def well(heard: Heard) -> bool:
        return heard.health is not None and heard.health[0] is Health.OK

    def judge(heard: Heard) -> Judged:
        if not well(heard):
            return Judged(problems=(Problem("silent"),))
        return Judged(problems=(Problem("no-script", Verdict.SKIPPED),))

    return (Step("look", Ask.WAIT, _LOOK_MS, judge, well),)
