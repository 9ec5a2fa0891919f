"""The calendar file, read by another program."""

from datetime import UTC, datetime
from pathlib import Path

import icalendar
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.scenario.calendar import Calendar, Event, render

START = 1_763_870_400_000

titles = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=120)


@given(titles)
def test_another_program_reads_what_was_written(title: str) -> None:
    text = render([Event("one@demo", title, "hall", START, START + 60_000)], START)
    (event,) = icalendar.Calendar.from_ical(text).walk("VEVENT")
    assert str(event["SUMMARY"]) == title
    assert event.decoded("DTSTART") == datetime.fromtimestamp(START / 1000, UTC)
    assert event.decoded("DTEND").timestamp() * 1000 == START + 60_000
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))


def test_events_are_added_and_none_is_lost(tmp_path: Path) -> None:
    calendar = Calendar(tmp_path / "bookings.ics")
    calendar.publish(START)
    calendar.publish(START, Event("one@demo", "A", "hall", START, START + 1_000))
    calendar.publish(START, Event("two@demo", "B", "yard", START, START + 1_000))
    events = icalendar.Calendar.from_ical(calendar.path.read_bytes()).walk("VEVENT")
    assert [str(event["UID"]) for event in events] == ["one@demo", "two@demo"]
    assert list(tmp_path.iterdir()) == [calendar.path]
