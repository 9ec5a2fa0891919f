"""Bookings with sound through loudspeakers: what calendars, tables and programs say of it."""

import pytest

from pleintemps_gateway.bookings.places import to_occurrences
from pleintemps_gateway.bookings.sources.csv_table import parse_table
from pleintemps_gateway.config import SpaceConfig

from .test_bookings_calendars import calendar, event, year

SPACES = [SpaceConfig(space="hall", name="Hall")]
TIMES = ("DTSTART:20260301T180000Z", "DTEND:20260301T190000Z")


@pytest.mark.parametrize(
    ("line", "amplified"),
    [
        ("X-PLEINTEMPS-AMPLIFIED:TRUE", True),
        ("X-PLEINTEMPS-AMPLIFIED:no", False),
        ("CATEGORIES:Culture,Son amplifié", True),
        ("CATEGORIES:Culture", False),
        ("SUMMARY:Grand KARAOKE du soir", True),
        ("SUMMARY:Karaokes", False),
    ],
)
def test_a_calendar_says_it_by_property_category_or_title(line: str, amplified: bool) -> None:
    found, _ = to_occurrences(year(calendar(event("a", *TIMES, line))), SPACES, "hall", ["karaoke"])
    assert [item.amplified for item in found] == [amplified]


def test_two_lists_of_categories_are_both_read() -> None:
    data = calendar(event("a", *TIMES, "CATEGORIES:Culture", "CATEGORIES:amplified"))
    assert [item.amplified for item in to_occurrences(year(data), SPACES, "hall")[0]] == [True]


def test_a_table_says_it_in_a_column() -> None:
    rows = ["uid;debut;fin;sono", "a;01/03/2026 19:00;01/03/2026 20:00;Oui"]
    rows.append("b;02/03/2026 19:00;02/03/2026 20:00;non")
    parsed = parse_table("\n".join(rows).encode(), "Europe/Paris")
    assert [item.amplified for item in parsed.bookings] == [True, False]
