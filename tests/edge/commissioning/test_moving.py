"""Locks during a self test, and steps that would move one."""

from collections.abc import Callable

from pleintemps_contract.commissioning import SKIP, Ask, Order, Prompt, Report, Verdict
from pleintemps_edge.commissioning.heard import Answered
from pleintemps_edge.commissioning.locks import Door, lock
from pleintemps_edge.commissioning.steps import Bench, Do, Effect, Run, Through, advance, begin
from pleintemps_firmware_sim.conform.setup import Setup
from pleintemps_firmware_sim.selftest.kit import Kit
from pleintemps_firmware_sim.selftest.running import Wish, run

from .test_bench import DOOR, KITS

STRIKE = Bench("strike", "strike", lambda known: lock(known, "strike", Door("front", fire="fire")))


def through(effects: tuple[Effect, ...]) -> tuple[Verdict, list[str]]:
    (found,) = [each for each in effects if isinstance(each, Through)]
    return found.verdict, [problem.code for problem in found.problems]


def test_who_skips_or_says_nothing_has_not_agreed() -> None:
    state, first = begin(Run((STRIKE,)), 0)
    assert state.due is not None
    for run_on in (advance(state, Answered(SKIP), 5), advance(state, None, state.due)):
        assert run_on[0].over
        assert not [each for each in (*first, *run_on[1]) if isinstance(each, Do) and each.act == "release"]
        assert through(run_on[1])[0] is Verdict.SKIPPED


def test_a_lock_whose_fire_loop_is_broken_is_not_moved() -> None:
    state, effects = begin(Run((STRIKE,), agreed=True, through={"fire": Verdict.FAIL}), 0)
    assert state.over
    assert through(effects) == (Verdict.SKIPPED, ["fire-broken"])
    assert not [each for each in effects if isinstance(each, Do)]


def acted(setup: Setup, told: Callable[[Kit, Prompt], None], only: tuple[str, ...]) -> tuple[Report, Kit]:
    kits: list[Kit] = []
    wish = Wish(order=Order(only=only), prompted=told, after=kits.append)
    return run(setup, wish), kits[0]


def test_a_real_fire_leaves_a_magnet_without_current_and_ends_the_tests_of_locks() -> None:
    def burn(kit: Kit, prompt: Prompt) -> None:
        if prompt.ask is Ask.AGREE:
            kit.contacts["office-fire"].act(True)

    report, kit = acted(KITS[DOOR], burn, ("office-contact", "office-fire", "office-magnet"))
    assert report.broken == ["office-magnet"]
    assert [finding.code for each in report.devices for finding in each.findings] == ["disobeys"]
    assert kit.doors["office"].released


def test_a_motor_lock_throws_no_bolt_past_the_frame_of_an_open_door() -> None:
    setup = KITS["everything"]
    thrown: list[bool] = []

    def wedge(kit: Kit, prompt: Prompt) -> None:
        rig = kit.doors["gym"]
        if prompt.ask is Ask.ENTRANCE:
            rig.hold(True)
        elif prompt.ask is Ask.PULL:
            thrown.append(rig.open and not rig.released)

    report, kit = acted(setup, wedge, ("gym-contact", "gym-lock"))
    assert thrown in ([], [False])
    assert kit.doors["gym"].open
    assert kit.doors["gym"].released
    assert "not-shut" in [finding.code for each in report.devices for finding in each.findings]
