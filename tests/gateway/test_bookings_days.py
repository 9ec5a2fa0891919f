"""The days of a site, school hours that always win, and windows of bookings: laws over pure functions."""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import given
from msgspec import ValidationError
from msgspec.structs import replace

from pleintemps_contract.errors import ConfigError
from pleintemps_contract.gateway_messages import Window
from pleintemps_gateway.bookings.calendar_config import (
    CalendarConfig,
    ClosedConfig,
    DayType,
    SchoolHoursConfig,
)
from pleintemps_gateway.bookings.calendars import calendar_of, read_calendar
from pleintemps_gateway.bookings.school_holidays import read_school_holidays
from pleintemps_gateway.bookings.site_calendar import Days, SiteCalendar
from pleintemps_gateway.bookings.windows import judge, windows_of
from pleintemps_gateway.config import RulesConfig, SiteConfig, SpaceConfig, load
from pleintemps_gateway.errors import CalendarError

from .house import TOML

PARIS = ZoneInfo("Europe/Paris")
MINUTE = 60_000
WEEK = ["mon", "tue", "thu", "fri"]
AUTUMN = Days(date(2026, 10, 17), date(2026, 11, 1))
SCHOOL = CalendarConfig(
    school_hours=[
        SchoolHoursConfig(days=WEEK, from_="08:20", to="11:45", spaces=["hall"]),  # type: ignore[arg-type]
        SchoolHoursConfig(days=[*WEEK, "sat"], from_="13:30", to="16:30"),  # type: ignore[list-item]
    ],
    closed=[
        ClosedConfig(first=date(2026, 9, 25)),
        ClosedConfig(first=date(2026, 12, 24), last=date(2027, 1, 1)),
    ],
)
SITE = SiteConfig(
    site="ecole",
    name="École",
    spaces=[SpaceConfig(space="hall", name="Salle"), SpaceConfig(space="class", name="Classe")],
    doors=[],
    calendar=SCHOOL,
)


class Row(NamedTuple):
    space: str
    start: int
    end: int


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp() * 1000)


def calendar(*holidays: Days, config: CalendarConfig = SCHOOL) -> SiteCalendar:
    return SiteCalendar(config, "Europe/Paris", holidays)


def clock(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, PARIS):%H:%M}"


def opened(start: str, end: str, space: str = "hall") -> list[tuple[str, str]]:
    found = windows_of(SITE, calendar(AUTUMN), Row(space, ms(start), ms(end)))
    return [(clock(window.start), clock(window.end)) for window in found]


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2026-09-14", DayType.SCHOOL_DAY),
        ("2026-09-19", DayType.WEEKEND),
        ("2026-10-19", DayType.SCHOOL_HOLIDAY),
        ("2026-10-18", DayType.WEEKEND),
        ("2026-11-11", DayType.PUBLIC_HOLIDAY),
        ("2026-11-01", DayType.PUBLIC_HOLIDAY),
        ("2026-09-25", DayType.CLOSED),
        ("2026-12-25", DayType.CLOSED),
        ("2026-04-06", DayType.PUBLIC_HOLIDAY),  # Easter Monday
        ("2026-04-03", DayType.SCHOOL_DAY),  # Good Friday
    ],
)
def test_types_of_days(day: str, kind: DayType) -> None:
    assert calendar(AUTUMN).day_type(date.fromisoformat(day)) is kind


def test_alsace_and_moselle_rest_on_good_friday() -> None:
    moselle = calendar(config=CalendarConfig(region="57"))
    assert moselle.day_type(date(2026, 4, 3)) is DayType.PUBLIC_HOLIDAY
    assert moselle.day_type(date(2026, 12, 26)) is DayType.PUBLIC_HOLIDAY
    with pytest.raises(ValueError, match="no region 'Bavaria'"):
        CalendarConfig(region="Bavaria")


@pytest.mark.parametrize(
    "make",
    [
        lambda: SchoolHoursConfig(days=["mon"], from_="12:00", to="12:00"),
        lambda: ClosedConfig(first=date(2026, 2, 2), last=date(2026, 2, 1)),
    ],
)
def test_times_that_end_before_they_begin_are_refused(make: object) -> None:
    with pytest.raises((ValueError, ValidationError), match="after they begin"):
        make()  # type: ignore[operator]


def test_lead_and_tail_and_what_school_takes_away() -> None:
    assert opened("2026-09-14T18:00", "2026-09-14T20:00") == [("17:45", "20:15")]
    # school ends within the booking, or begins; its lead or tail alone opens nothing
    assert opened("2026-09-14T16:00", "2026-09-14T18:00") == [("16:30", "18:15")]
    assert opened("2026-09-14T07:00", "2026-09-14T10:00") == [("06:45", "08:20")]
    assert opened("2026-09-14T08:20", "2026-09-14T17:00") == [("11:45", "13:30"), ("16:30", "17:15")]
    assert opened("2026-09-14T16:30", "2026-09-14T18:00") == [("16:30", "18:15")]
    # another space, a holiday of the school, of all, a Wednesday
    assert opened("2026-09-14T09:00", "2026-09-14T10:00", "class") == [("08:45", "10:15")]
    assert opened("2026-10-19T09:00", "2026-10-19T10:00") == [("08:45", "10:15")]
    assert opened("2026-11-11T14:00", "2026-11-11T15:00") == [("13:45", "15:15")]
    assert opened("2026-09-16T14:00", "2026-09-16T15:00") == [("13:45", "15:15")]
    # school on a Saturday, but not within the holidays
    assert opened("2026-09-19T14:00", "2026-09-19T15:00") == []
    assert opened("2026-10-24T14:00", "2026-10-24T15:00") == [("13:45", "15:15")]


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        ("2026-09-14T09:00", "2026-09-14T11:45", "school-hours"),
        ("2026-09-14T13:30", "2026-09-14T16:30", "school-hours"),
        ("2026-09-25T18:00", "2026-09-25T20:00", "closed"),
        ("2026-12-24T00:00", "2027-01-02T00:00", "closed"),
        ("2026-09-14T13:30", "2026-09-14T16:31", ""),
        ("2026-09-24T22:00", "2026-09-26T02:00", ""),
    ],
)
def test_a_booking_of_which_nothing_is_left_says_why(start: str, end: str, reason: str) -> None:
    found = judge(SITE, calendar(AUTUMN), Row("hall", ms(start), ms(end)))
    assert (found.reason, bool(found.windows)) == (reason, not reason)


def test_two_bookings_that_meet_both_open() -> None:
    """The people of the next one may come in while the one before is still there."""
    first = windows_of(SITE, calendar(), Row("hall", ms("2026-09-14T18:00"), ms("2026-09-14T19:00")))
    second = windows_of(SITE, calendar(), Row("hall", ms("2026-09-14T19:00"), ms("2026-09-14T20:00")))
    assert second[0].start == ms("2026-09-14T18:45") < first[0].end == ms("2026-09-14T19:15")


moments = st.integers(ms("2026-03-01T00:00"), ms("2027-02-01T00:00")).map(lambda at: at // MINUTE * MINUTE)
lengths = st.integers(1, 3 * 24 * 60).map(lambda minutes: minutes * MINUTE)
clocks = st.tuples(st.integers(0, 23), st.sampled_from([0, 15, 30, 45])).map(lambda t: f"{t[0]:02}:{t[1]:02}")
hours = st.tuples(
    st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1), clocks, clocks
).filter(lambda item: item[1] < item[2])


@given(moments, lengths, st.lists(hours, max_size=4), st.booleans())
def test_no_window_overlaps_school_hours_on_a_school_day(
    start: int, length: int, tables: list[tuple[list[str], str, str]], with_holidays: bool
) -> None:
    config = CalendarConfig(
        school_hours=[SchoolHoursConfig(days=days, from_=first, to=last) for days, first, last in tables]  # type: ignore[arg-type]
    )
    days = calendar(*([AUTUMN] if with_holidays else []), config=config)
    row = Row("hall", start, start + length)
    found = judge(replace(SITE, calendar=config), days, row)
    for window in found.windows:
        assert window.start < row.end and window.end > row.start
        for at in range(window.start, window.end, 5 * MINUTE):
            local = datetime.fromtimestamp(at / 1000, PARIS)
            names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            assert not days.is_school(local.date()) or not any(
                names[local.weekday()] in each and first <= f"{local:%H:%M}" < last
                for each, first, last in tables
            )
    assert all(one.end < two.start for one, two in zip(found.windows, found.windows[1:], strict=False))
    # nothing else is taken away
    lead, tail = start - 15 * MINUTE, row.end + 15 * MINUTE
    if not tables:
        assert found.windows == [Window(start=lead, end=tail)]
    assert bool(found.windows) is not bool(found.reason)
    assert (
        judge(
            replace(SITE, calendar=config), calendar(*([AUTUMN] if with_holidays else []), config=config), row
        )
        == found
    )


@given(moments, lengths, moments, lengths)
def test_windows_grow_with_lead_and_tail(start: int, length: int, lead: int, tail: int) -> None:
    rules = RulesConfig(lead_s=lead % 7_200, tail_s=tail // MINUTE % 7_200)
    row = Row("class", start, start + length)
    few = windows_of(replace(SITE, rules=RulesConfig(lead_s=0, tail_s=0)), calendar(AUTUMN), row)
    many = windows_of(replace(SITE, rules=rules), calendar(AUTUMN), row)
    assert len(few) == len(many)
    for small, large in zip(few, many, strict=True):
        assert large.start <= small.start and small.end <= large.end


# --- files --------------------------------------------------------------------------------------------------

HEAD = "Description;Population;Date de début;Date de fin;Académies;Zones;annee_scolaire"


def line(what: str, start: str, end: str, zone: str = "Zone A", who: str = "-") -> str:
    day = "T23:00:00+00:00"
    return f"{what};{who};{start}{'' if 'T' in start else day};{end}{day};Lyon;{zone};2026-2027"


CSV = "\n".join(
    [
        HEAD,
        line("Vacances de la Toussaint", "2026-10-16T22:00:00+00:00", "2026-11-01"),
        line("Vacances d'Hiver", "2027-02-12", "2027-02-28", who="Élèves"),
        line("Vacances d'Hiver", "2027-02-19", "2027-03-07", "Zone B"),
        line("Rentrée scolaire des enseignants", "2026-12-30", "2026-12-31", who="Enseignants"),
        line("Début des Vacances", "2027-01-02", "2027-01-02"),
        line("Vacances", "soonT", "2027-03-07"),
        line("Vacances", "2026-12-01", "2026-11-01"),
        line("Vacances", "2026-12-01", "2027-11-01"),
        line("Vacances de Noël", "2026-12-18", "2027-01-03", "Corse"),
        "",
    ]
).encode()
ICS = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:x\r
BEGIN:VEVENT\r
UID:1\r
DTSTART;VALUE=DATE:20261017\r
DTEND;VALUE=DATE:20261102\r
SUMMARY:Vacances de la Toussaint - Zones A, B et C\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:2\r
DTSTART;VALUE=DATE:20270213\r
DTEND;VALUE=DATE:20270301\r
SUMMARY:Vacances d'hiver - Zone A\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:3\r
DTSTART;VALUE=DATE:20260901\r
SUMMARY:Rentr\xc3\xa9e scolaire\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:4\r
SUMMARY:no date\r
END:VEVENT\r
END:VCALENDAR\r
"""
WINTER_A = Days(date(2027, 2, 13), date(2027, 2, 28))


def test_the_ministrys_table() -> None:
    found, rejected = read_school_holidays(CSV, "A", "Europe/Paris")
    assert found == [AUTUMN, WINTER_A, Days(date(2027, 1, 3), date(2027, 1, 3))]
    assert [item.uid for item in rejected] == ["line-7", "line-8", "line-9"]
    assert read_school_holidays(CSV, "B", "Europe/Paris")[0] == [Days(date(2027, 2, 20), date(2027, 3, 7))]
    assert read_school_holidays(CSV, "Corse", "Europe/Paris")[0] == [
        Days(date(2026, 12, 19), date(2027, 1, 3))
    ]
    assert read_school_holidays(CSV.decode().encode("cp1252"), "a", "Europe/Paris")[0] == found


def test_the_ministrys_calendar() -> None:
    found, rejected = read_school_holidays(ICS, "A", "Europe/Paris")
    assert (found, [item.uid for item in rejected]) == ([AUTUMN, WINTER_A], ["4"])
    assert read_school_holidays(ICS, "C", "Europe/Paris")[0] == [AUTUMN]


@given(st.binary(max_size=300), st.sampled_from([b"", HEAD.encode() + b"\n", b"BEGIN:VCALENDAR\r\n"]))
def test_no_file_brings_the_calendar_down(data: bytes, head: bytes) -> None:
    try:
        found, _ = read_school_holidays(head + data, "A", "Europe/Paris")
    except CalendarError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert all(first <= last for first, last in found)


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "zones.csv"
    site = replace(SITE, calendar=replace(SCHOOL, school_holidays=str(file)))
    winter = date(2027, 2, 15)
    assert read_calendar(site).rejected[0].reason == "the file cannot be read"
    assert calendar_of(site).day_type(winter) is DayType.SCHOOL_DAY  # what nobody knows opens no school
    file.write_bytes(CSV)
    first = read_calendar(site)
    assert first.calendar.day_type(winter) is DayType.SCHOOL_HOLIDAY
    assert len(first.rejected) == 3
    assert read_calendar(site) is first
    file.write_bytes(CSV + CSV.splitlines(keepends=True)[2])
    assert read_calendar(site) is not first
    file.write_bytes(b"nothing of ours")
    assert calendar_of(site).day_type(winter) is DayType.SCHOOL_DAY


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_days_begin_at_local_midnight(day: date) -> None:
    days = calendar()
    midnight = round(datetime.combine(day, time(), PARIS).timestamp() * 1000)
    assert days.day_of(midnight) == day
    assert days.day_of(midnight - 1) == day - timedelta(days=1)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ('[sites.calendar]\nregion = "Bavaria"\n', "no region 'Bavaria'"),
        ('[sites.calendar]\nschool_hours = [{ days = [], from = "08:00", to = "12:00" }]\n', "days"),
        (
            '[sites.calendar]\nschool_hours = [{ days = ["mon"], from = "12:00", to = "08:00" }]\n',
            "end after",
        ),
        (
            '[[sites.calendar.school_hours]]\ndays = ["mon"]\nfrom = "08:00"\nto = "12:00"\nspaces = ["x"]\n',
            "no space is called 'x'",
        ),
        ("[sites.calendar]\nclosed = [{ first = 2026-02-02, last = 2026-02-01 }]\n", "end after"),
        ("[sites.calendar]\nholidays = 1\n", "holidays"),
        ('[sites.rules]\nquiet.sunday = { from = "20:00", to = "08:00" }\n', "sunday"),
        ('[sites.rules]\nquiet.weekend = { from = "20:00" }\n', "to"),
        ('[sites.rules]\ngroups = "maybe"\n', "groups"),
    ],
)
def test_mistakes_in_the_configuration_are_named(tmp_path: Path, extra: str, said: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(TOML.format(url="", port=1, extra=extra), encoding="utf-8")
    with pytest.raises(ConfigError, match=said) as raised:
        load(file)
    assert "\n" not in str(raised.value)


def test_the_file_of_school_holidays_stands_beside_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    extra = '[sites.calendar]\nschool_holidays = "zones.csv"\n[sites.rules]\n'
    extra += 'quiet.weekend = { from = "23:00", to = "09:00" }\n'
    file.write_text(TOML.format(url="", port=1, extra=extra), encoding="utf-8")
    (tmp_path / "zones.csv").write_bytes(CSV)
    site = load(file).sites[0]
    assert calendar_of(site).day_type(date(2027, 2, 15)) is DayType.SCHOOL_HOLIDAY
    assert site.rules.quiet[DayType.WEEKEND].to == "09:00"
