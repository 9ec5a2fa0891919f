"""Scenario files: what is right becomes records, what is wrong one line that says where."""

import json
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import RefusalReason
from pleintemps_firmware_sim.errors import ScenarioError
from pleintemps_firmware_sim.scenario import nodes
from pleintemps_firmware_sim.scenario.expectations import CodeWord
from pleintemps_firmware_sim.scenario.faults import FAULTS, FaultKind
from pleintemps_firmware_sim.scenario.file import schema_text
from pleintemps_firmware_sim.scenario.loading import names, parse, read

GOOD = b"""\
scenario: choir-practice
title: A choir
begins: 2026-11-23T18:00
lasts: 3h
bookings:
  - {booking: choir, space: hall, from: "19:00", to: "20:30"}
people:
  - {who: singers, booking: choir, comes: choir.start-5min, leaves: choir.end-3min, db: 60}
faults:
  - {fault: power-cut, at: choir.start, target: hall, for: 60s, name: cut, caught_by: back}
expect:
  - {name: back, that: agent, agent: hall, is: online, after: cut.mended, within: 30s}
"""
HOUSE = b"""\
scenario: house
title: One room
lasts: 1h
building:
  site: house
  rooms: [{space: room, agent: a}]
  doors: [{door: door, agent: a, from: street, to: room}]
"""


def load(data: bytes) -> object:
    return parse("f.yaml", data, Path("/nowhere"))


def complaint(data: bytes) -> str:
    with pytest.raises(ScenarioError) as caught:
        load(data)
    return str(caught.value)


def test_a_good_file_becomes_records() -> None:
    scenario = parse("f.yaml", GOOD, Path("/nowhere"))
    (people,) = scenario.file.people
    assert (people.who, people.db, people.spread) == ("singers", 60.0, "0s")
    assert scenario.plan.site == "saint-aubin"
    assert scenario.lines == {"back": 12}
    assert scenario.texts == {"back": "agent: agent: hall, is: online, after: cut.mended, within: 30s"}


def test_a_building_of_ones_own_gets_its_pins() -> None:
    plan = parse("f.yaml", HOUSE, Path("/nowhere")).plan
    (room,), (door,) = plan.rooms, plan.doors
    pins = [room.pir_pin, door.d0, door.d1, door.lock_pin, door.reed_pin, door.exit_pin]
    assert len(set(pins)) == 6


@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("lasts: 3h", "lasts: 3", "3\nbook", "Expected `str`, got `int`"),
        ("lasts: 3h", "lasts: soon", "soon", "expected a duration, such as 90s, 1h30min or 250ms"),
        ("lasts: 3h", "lasts: 3h\nlast: 3h", "last:", "unknown key 'last'"),
        ("lasts: 3h", "lasts: 9000d", "9000d", "from 1 s to 400 days"),
        ("2026-11-23T18:00", "2026-02-30T18:00", "2026", "2026-02-30T18:00 is in no calendar"),
        ("space: hall", "space: holl", "holl", "no space 'holl'; there are classroom, hall, office, yard"),
        ("db: 60", "db: 600", "600", "Expected `float` <= 140.0"),
        ("db: 60", "dB: 60", "dB", "unknown key 'dB'"),
        ("db: 60", "who: y", "who: y", "who is there twice"),
        ("people:\n", "people:\n  - {}\n", "{}", "Object missing required field `who`"),
        ("target: hall, ", "", "{fault", "power-cut wants a target: agent"),
        ("fault: power-cut", "fault: power", "power,", "Invalid enum value 'power'"),
        ("target: hall", "target: gate", "gate", "no agent for power-cut 'gate'; there are entrance, hall"),
        ("name: cut", "name: cut, with: {x: 1}", "x: 1", "no parameter 'x'; there are none"),
        ("caught_by: back", "caught_by: b", "b}", "no expectation 'b'; there are back"),
        ("that: agent", "that: agents", "agents", "Invalid value 'agents'"),
        ("after: cut.mended", "after: cut.over", "cut.over", "no moment 'cut.over'"),
        ("choir.start-5min", "singers.leaves", "{who", "the time of 'singers' hangs on itself"),
        ("choir.start-5min", "singers.in", "singers.in", "singers.in is known only when it comes"),
        ("who: singers", "who: choir", "{who", "'choir' is a name in bookings already"),
        ("people:", "people: &all", "&all", "anchors are not allowed"),
        ("title: A choir", "title: !!str A", "!!str", "tags are not allowed"),
        ("title: A choir", 'title: "\\uD800"', '"', "half a character"),
        ("A choir", "A\x07choir", "\x07", "character U+0007"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, at: str, says: str) -> None:
    assert_complaint(GOOD.decode(), old, new, at, says)


@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("space: room,", "space: street,", "street,", "street is there already"),
        ("to: room", "to: cellar", "cellar", "no space 'cellar'"),
        ("from: street", "from: cellar", "cellar", "no way leads there yet"),
        ("site: house", "site: house\n  zone: Mars/Base", "Mars", "no time zone 'Mars/Base'"),
    ],
)
def test_a_building_that_cannot_stand(old: str, new: str, at: str, says: str) -> None:
    assert_complaint(HOUSE.decode(), old, new, at, says)


def assert_complaint(text: str, old: str, new: str, at: str, says: str) -> None:
    """``text`` with ``new`` for ``old`` is wrong where ``at`` stands first."""
    assert old in text
    text = text.replace(old, new, 1)
    before = text[: text.index(at)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert complaint(text.encode()).startswith(f"f.yaml:{line}:{column}: {says}")


def test_what_is_not_utf_8_is_said_with_its_place() -> None:
    assert complaint(GOOD.replace(b"A choir", b"A \xff", 1)) == "f.yaml:2:10: not UTF-8"


def test_a_board_has_only_so_many_pins() -> None:
    rooms = b", ".join(b"{space: r%d, agent: a}" % number for number in range(18))
    assert "the board of a has no pins left" in complaint(HOUSE.replace(b"{space: room, agent: a}", rooms, 1))


def test_bombs_and_monsters_are_refused_at_once() -> None:
    assert "bytes are too many" in complaint(b"#" * (nodes.MAX_BYTES + 1))
    assert "levels" in complaint(b"[" * 100_000)
    assert complaint(b"{" * 5_000)
    assert "values" in complaint(b"a: [" + b"1," * (nodes.MAX_VALUES + 1) + b"]")
    bomb = b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"
    assert complaint(bomb) == "f.yaml:1:4: anchors are not allowed"


def test_the_file_itself(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r":1:1: cannot be read: No such file"):
        read(tmp_path / "none.yaml")
    with pytest.raises(ScenarioError, match=r":1:1: cannot be read: Is a directory"):
        read(tmp_path)


def test_bookings_of_a_calendar(tmp_path: Path) -> None:
    (tmp_path / "c.ics").write_text(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20261123T190000Z\r\nDTEND;TZID=X:20261123T2100\r\n 00"
        "\r\nLOCATION:hall\r\nSUMMARY:Danse\\, salsa\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    text = GOOD.replace(b'space: hall, from: "19:00", to: "20:30"', b"ics: c.ics", 1)
    (event,) = parse("f.yaml", text, tmp_path).file.bookings[0].events
    assert (event.space, event.title, event.start) == ("hall", "Danse, salsa", "2026-11-23T19:00:00+00:00")
    assert event.end == "2026-11-23T21:00:00"
    for broken, says in (
        ("BEGIN:VEVENT\n", "c.ics: ends within an event"),
        ("", "c.ics: holds no event"),
        ("BEGIN:VEVENT\nRRULE:FREQ=DAILY\n", "RRULE is not read here"),
        ("BEGIN:VEVENT\nEND:VEVENT\n", "DTSTART is no date with time"),
    ):
        (tmp_path / "c.ics").write_text(broken)
        with pytest.raises(ScenarioError, match=says):
            parse("f.yaml", text, tmp_path)
    with pytest.raises(ScenarioError, match="has to lie beside the scenario"):
        parse("f.yaml", text.replace(b"c.ics", b"../c.ics"), tmp_path)


def test_the_published_schema_is_that_of_the_records() -> None:
    published = Path(nodes.__file__).parents[1] / "scenarios" / "scenario.schema.json"
    assert published.read_text() == schema_text()


def test_words_of_the_contract_are_those_of_the_language() -> None:
    assert set(get_args(CodeWord)) == {"accepted", "refused", *RefusalReason}
    assert set(FAULTS) == set(FaultKind)
    for row in FAULTS.values():
        for parameter in row.takes.values():
            assert parameter.low <= parameter.default <= parameter.high


@pytest.mark.parametrize("name", names())
def test_shipped_files_cut_short_anywhere_are_one_line(name: str) -> None:
    data = (Path(nodes.__file__).parents[1] / "scenarios" / f"{name}.yaml").read_bytes()
    for end in range(0, len(data), max(1, len(data) // 12)):
        only_a_complaint(data[:end])


def only_a_complaint(data: bytes) -> None:
    try:
        load(data)
    except ScenarioError as error:
        assert "\n" not in str(error)
        assert error.line >= 1
        assert error.column >= 1


FRAGMENTS = st.sampled_from(
    [b"[", b"]",
     b"{", b"}", b"? ", b": ", b"- ", b"&a", b"*a", b"!!x ", b"|\n", b">\n", b"'", b'"', b"\\U0011",
     b"\xff", b"\xc3", b"\0",
     b"%YAML 1.2\n", b"---\n", b"...\n", b"<<: ", b"1e999", b"0x1f", b"+999999d",
     b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\t", b"#", b"null", b"\n  "]
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(st.lists(st.one_of(FRAGMENTS, st.binary(max_size=8)), max_size=20))
def test_bytes_of_any_kind_are_records_or_one_line(parts: list[bytes]) -> None:
    only_a_complaint(b"".join(parts))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_good_file_with_anything_in_it_is_records_or_one_line(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD)))
    gone = data.draw(st.integers(0, 20))
    put = data.draw(
        st.one_of(
            FRAGMENTS,
            st.binary(max_size=6),
            st.text(max_size=6).map(lambda t: t.encode("utf-8", "surrogatepass")),
        )
    )
    only_a_complaint(GOOD[:at] + put + GOOD[at + gone :])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


SECTIONS = ("building", "rules", "bookings", "people", "sounds", "acts", "faults", "weather", "expect")


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SECTIONS), VALUES)
def test_values_of_any_shape_in_any_section_are_records_or_one_line(section: str, value: object) -> None:
    text = json.dumps({"scenario": "x", "title": "x", "lasts": "1h", section: value})
    only_a_complaint(text.encode())
