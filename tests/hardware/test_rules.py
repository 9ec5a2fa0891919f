"""Each rule of a kit's profile: the good kits keep it, and one change makes exactly that rule refuse them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.errors import ConfigError
from pleintemps_hardware import board, kit, rules
from pleintemps_hardware.checks.power import FUSE_LIMITS, largest_fuse

from .altering import core_moved, entry, good, part_taken_out, read, table

Change = Callable[[dict[str, Any]], object]


def put(where: str, name: str, **keys: object) -> Change:
    """The entry has these keys; a key of None goes."""

    def change(found: dict[str, Any]) -> None:
        one = entry(found, where, name)
        one |= {key: value for key, value in keys.items() if value is not None}
        for key in [key for key, value in keys.items() if value is None]:
            del one[key]

    return change


def moved(cable: str, to: str, at: str, only: str = "") -> Change:
    return lambda found: core_moved(found, cable, to, at, only)


def renamed(cable: str, to: str, new: str, only: str = "") -> Change:
    """The core that ended at ``to`` of its part ends at ``new``."""

    def change(found: dict[str, Any]) -> None:
        cores = entry(found, "cables", cable)["cores"]
        (one,) = (core for core in cores if core["to"] == to and core.get("only", "") == only)
        one["to"] = new

    return change


def rests(part: str, rests: str) -> Change:
    def change(found: dict[str, Any]) -> None:
        entry(found, "parts", part)["contacts"][-1]["rests"] = rests

    return change


def without_line(line: str) -> Change:
    return lambda found: found["boot"]["config"].remove(line)


def exempt(rule: str, part: str) -> Change:
    reason = "the mayor has decided so, 3 May 2026"
    return lambda found: found.update(exemptions=[{"rule": rule, "part": part, "reason": reason}])


def linked(a: str, b: str, only: str = "magnet") -> Change:
    """A piece of wire between two terminals: a part of one contact that never opens."""

    def change(found: dict[str, Any]) -> None:
        link = {"between": ["1", "2"], "role": "signal", "rests": "closed"}
        found["parts"].append(
            {
                "part": "link",
                "title": "a wire",
                "kind": "contact",
                "side": "secure",
                "terminals": ["1", "2"],
                "contacts": [link],
            }
        )
        cores = [{"at": a, "to": "1", "colour": "BK"}, {"at": b, "to": "2", "colour": "BK"}]
        found["cables"].append(
            {
                "cable": "W99",
                "title": "a wire",
                "bus": "jumper",
                "part": "link",
                "length_m": 0.1,
                "mm2": 0.75,
                "cores": cores,
                "only": only,
            }
        )

    return change


SPARE = {"terminal": "X4.1", "title": "spare", "role": "feed"}

BROKEN: list[tuple[str, str, Change]] = [
    ("name-twice", "door-unit", lambda found: found["fuses"].append(dict(found["fuses"][0]))),
    ("unknown-name", "door-unit", put("terminals", "X1.1", fuse="F9")),
    ("unknown-name", "door-unit", put("locks", "strike", relay="X1.1")),
    ("unknown-name", "door-unit", exempt("wiegand-at-street", "keypod")),
    ("unwired", "door-unit", lambda found: found["terminals"].append(SPARE)),
    ("pin-unknown", "door-unit", put("terminals", "X2.9", pin=28)),
    ("pin-reserved", "door-unit", put("terminals", "X2.9", pin=0)),
    ("pin-twice", "door-unit", put("terminals", "X2.9", pin=22)),
    ("pin-function", "room-unit", put("terminals", "X5.3", pin=22)),
    ("header-place", "door-unit", put("terminals", "J8.9", header=6)),
    ("header-place", "door-unit", put("terminals", "X3.2", header=1)),
    ("header-place", "room-unit", put("terminals", "X5.1", header=None)),
    ("over-voltage", "door-unit", put("terminals", "X3.3", interface="direct")),
    ("over-voltage", "room-unit", put("parts", "pir", signal_volts=5.0)),
    ("over-voltage", "door-unit", moved("W12", "2", "J8.2")),
    ("pull", "door-unit", put("terminals", "X2.1", pull="down")),
    ("pull", "door-unit", put("terminals", "X3.4", pull="down")),
    ("pull", "door-unit", moved("W11", "2", "X2.9")),
    ("cut-wire", "door-unit", rests("reed", "open")),
    ("cut-wire", "door-unit", rests("fire-panel", "open")),
    ("cut-wire", "door-unit", rests("exit-button", "closed")),
    ("output-rest", "door-unit", put("terminals", "J8.13", pull_ohm=None)),
    ("output-rest", "room-unit", put("terminals", "J8.32", pull="up")),
    ("output-direct", "door-unit", put("terminals", "J8.13", interface="level-shifter")),
    ("i2c-twice", "door-unit", put("parts", "K1", i2c=0x68)),
    ("serial-twice", "room-unit", put("ports", "meter", header="UART0")),
    ("serial-console", "room-unit", lambda found: found["boot"]["cmdline"].append("console=serial0,115200")),
    ("serial-bluetooth", "room-unit", without_line("dtoverlay=disable-bt")),
    ("serial-slow", "room-unit", put("ports", "radar", devices=["/dev/ttyAMA0", "/dev/ttyS0"])),
    ("boot-lines", "room-unit", without_line("dtparam=i2s=on")),
    ("boot-lines", "door-unit", without_line("dtoverlay=i2c-rtc,ds3231")),
    ("cable-too-long", "room-unit", put("cables", "W22", length_m=2.0)),
    ("cable-too-long", "room-unit", put("cables", "W23", length_m=11.0)),
    ("magnet-uncut", "door-unit", moved("W9", "11", "X1.1")),  # around the fire contact
    ("magnet-uncut", "door-unit", moved("W4", "COM", "X1.2", "magnet")),  # around the exit device
    ("magnet-uncut", "door-unit", moved("W4", "COM", "X1.1", "magnet")),  # around both
    ("magnet-uncut", "door-unit", linked("X1.1", "X1.2")),
    ("magnet-uncut", "door-unit", linked("X1.2", "X1.3")),
    ("contact-kind", "door-unit", put("parts", "exit-button", kind="contact")),
    ("contact-kind", "door-unit", put("parts", "fire-panel", kind="contact")),
    ("lock-unfed", "door-unit", moved("W6", "+", "X1.5")),
    ("lock-rest", "door-unit", renamed("W4", "NO", "NC", "strike")),
    ("lock-rest", "door-unit", renamed("W4", "NC", "NO", "magnet")),
    ("lock-kind", "door-unit", put("parts", "strike", kind="magnet")),
    ("strike-handle", "door-unit", put("parts", "strike", handle=False)),
    ("rtc-missing", "door-unit", lambda found: part_taken_out(found, "RTC")),
    ("secure-side", "room-unit", put("parts", "Q1", side="room")),
    ("secure-side", "door-unit", put("parts", "PS2", side="room")),
    ("secure-side", "door-unit", lambda found: found["controller"].update(side="street")),
    ("reader-wires", "door-unit", moved("W13", "B", "X1.5")),
    ("wiegand-at-street", "door-unit", put("parts", "keypad", side="street")),
    ("exemption", "door-unit", exempt("magnet-uncut", "magnet")),
    ("lock-supply", "door-unit", lambda found: found["controller"].update(supply="PS2")),
    ("coil-diode", "door-unit", put("parts", "strike", diode="")),
    ("short-circuit", "door-unit", linked("X1.4", "X1.5")),
    ("short-circuit", "room-unit", linked("X6.4", "X5.1", "meter")),
    ("fuse-missing", "door-unit", put("terminals", "X3.1", fuse="")),
    ("fuse-missing", "room-unit", put("terminals", "X5.1", fuse="")),
    ("fuse-too-big", "door-unit", put("fuses", "F1", amps=6.3)),
    ("overload", "door-unit", put("parts", "PS2", amps=0.5)),
    ("overload", "door-unit", put("fuses", "F2", amps=0.1)),
    ("backup-missing", "door-unit", put("parts", "PS1", backup="")),
    ("backup-missing", "door-unit", put("parts", "PS2", backup="")),
    ("volts-differ", "door-unit", put("parts", "PS2", volts=24.0)),
    ("voltage-drop", "door-unit", put("cables", "W6", length_m=40.0, mm2=0.34)),
]


@pytest.mark.parametrize("name", kit.names())
def test_the_good_kits_pass(name: str) -> None:
    assert kit.names() == ["door-unit", "room-unit"]
    assert rules.check(good(name)) == []


@pytest.mark.parametrize(("rule", "name", "change"), BROKEN, ids=[each[0] for each in BROKEN])
def test_one_change_is_refused_by_the_name_of_its_rule(rule: str, name: str, change: Change) -> None:
    found = table(name)
    change(found)
    problems = rules.check(read(found))
    assert {problem.rule for problem in problems} == {rule}
    todo = next(each.todo for each in rules.RULES if each.name == rule)
    assert all(str(problem).startswith(f"{rule}: ") and str(problem).endswith(todo) for problem in problems)


def test_a_lock_on_the_headers_5_v_has_neither_a_supply_of_its_own_nor_a_fuse() -> None:
    found = table("door-unit")
    core_moved(found, "W4", "COM", "J8.2", "strike")
    assert {problem.rule for problem in rules.check(read(found))} == {"lock-supply", "fuse-missing"}


def test_every_rule_has_a_kit_that_breaks_it() -> None:
    names = [rule.name for rule in rules.RULES]
    assert len(set(names)) == len(names)
    assert set(names) == {rule for rule, _, _ in BROKEN}


def test_what_somebody_answers_for_is_let_pass() -> None:
    found = table("door-unit")
    entry(found, "parts", "keypad")["side"] = "street"
    exempt("wiegand-at-street", "keypad")(found)
    assert rules.check(read(found)) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("terminals", "X2.1", colour="red"), "colour"),
        (put("parts", "K1", kind="realy"), "realy"),
        (lambda found: found.update(colour="red"), "colour"),
        (put("terminals", "X2.1", active="low"), "does not go with the role reed"),
        (put("terminals", "J8.13", active=None), "needs `active`"),
        (put("terminals", "X2.9", pull="none", pull_ohm=4700), "`pull_ohm` needs `pull`"),
    ],
)
def test_an_unknown_key_or_word_is_refused_with_its_place(change: Change, says: str) -> None:
    found = table("door-unit")
    change(found)
    with pytest.raises(ConfigError, match=says):
        read(found)


PINNED = [each["terminal"] for each in table("door-unit")["terminals"] if "pin" in each]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(PINNED), min_size=2, max_size=4, unique=True),
    st.sampled_from(sorted({pin.bcm for pin in board.load("raspberry-pi-40").pins if not pin.reserved})),
)
def test_two_terminals_of_one_variant_never_share_a_pin(terminals: list[str], pin: int) -> None:
    found = table("door-unit")
    for name in terminals:
        entry(found, "terminals", name)["pin"] = pin
    together = {entry(found, "terminals", name).get("only", "") for name in terminals} <= {"", "wiegand"}
    assert together
    assert "pin-twice" in {problem.rule for problem in rules.check(read(found))}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["X1.1", "X1.2", "X1.3", "X1.4"]),
            st.sampled_from(["X1.1", "X1.2", "X1.3", "X1.4"]),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_any_link_past_a_contact_of_the_magnet_is_refused(links: list[tuple[str, str]]) -> None:
    """X1.1 to X1.4 follow one another through fire, exit and relay: a link from before a contact to after it
    keeps the magnet fed, or (past the relay) takes it out of the relay's hand.
    """
    found = table("door-unit")
    for number, (a, b) in enumerate(links):
        linked(a, b)(found)
        found["parts"][-1]["part"] = found["cables"][-1]["part"] = f"link{number}"
        found["cables"][-1]["cable"] = f"W{90 + number}"
    past = any(min(a, b) <= before < max(a, b) for a, b in links for before in ("X1.1", "X1.2"))
    names = {problem.rule for problem in rules.check(read(found))}
    assert ("magnet-uncut" in names) == past


@settings(deadline=None)
@given(st.floats(0.05, 6), st.floats(0.05, 6))
def test_a_thicker_wire_never_bears_less(a: float, b: float) -> None:
    assert largest_fuse(max(a, b)) >= largest_fuse(min(a, b))
    assert largest_fuse(FUSE_LIMITS[0][0] - 0.01) == 0
