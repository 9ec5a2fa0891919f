"""Calendars that nobody wrote: the times of a series against dateutil on the wall clock, and torn bytes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_gateway.bookings.sources.base import Parsed
from pleintemps_gateway.bookings.sources.ical import MAX_ADDED, parse
from pleintemps_gateway.errors import CalendarError

from .test_bookings_calendars import calendar, event, ms

ZONES = ("Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "UTC")
FROM, TO = ms("2026-03-01"), ms("2026-12-01")


def wall(month: int, day: int, hour: int = 0) -> datetime:
    """A time on the wall clock, in whatever zone it hangs."""
    return datetime(2026, month, day, hour, tzinfo=UTC).replace(tzinfo=None)


def local(text: datetime) -> str:
    return text.strftime("%Y%m%dT%H%M%S")


@st.composite
def series(draw: st.DrawFn) -> dict[str, Any]:
    """A series on the wall clock: its rule, what is left out, added, moved and cancelled."""
    start = draw(st.datetimes(wall(1, 1), wall(11, 1))).replace(microsecond=0)
    frequency = draw(st.sampled_from(("DAILY", "WEEKLY", "MONTHLY")))
    rule = f"FREQ={frequency};INTERVAL={draw(st.integers(1, 5))};COUNT={draw(st.integers(1, 40))}"
    if frequency == "WEEKLY":
        days = draw(st.sets(st.sampled_from(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))))
        rule += f";BYDAY={','.join(sorted(days))}" if days else ""
    rule += draw(st.sampled_from(("", ";WKST=SU")))
    times = list(rrulestr(rule, dtstart=start))
    some = st.sets(st.sampled_from(times), max_size=4) if times else st.just(set())
    out, cancelled, moved = draw(some), draw(some), draw(some)
    added = draw(st.sets(st.integers(1, 200), max_size=3))
    return {
        "start": start,
        "rule": rule,
        "times": times,
        "out": out,
        "cancelled": cancelled - out,
        "moved": {at: draw(st.integers(-30, 30)) for at in moved - cancelled - out},
        "added": {start + timedelta(days=day, minutes=7) for day in added},
        "minutes": draw(st.integers(1, 600)),
        "zone": draw(st.sampled_from(ZONES)),
        "floating": draw(st.booleans()),
    }


def written(told: dict[str, Any]) -> bytes:
    at = "" if told["floating"] else f";TZID={told['zone']}"
    length = f"DURATION:PT{told['minutes']}M"
    lines = [f"DTSTART{at}:{local(told['start'])}", length, f"RRULE:{told['rule']}"]
    lines += [f"EXDATE{at}:{local(each)}" for each in sorted(told["out"])]
    lines += [f"RDATE{at}:{local(each)}" for each in sorted(told["added"])]
    parts = [event("s", *lines)]
    for each in sorted(told["cancelled"]):
        parts.append(
            event("s", f"RECURRENCE-ID{at}:{local(each)}", f"DTSTART{at}:{local(each)}", "STATUS:CANCELLED")
        )
    for each, hours in sorted(told["moved"].items()):
        to = local(each + timedelta(hours=hours))
        parts.append(event("s", f"RECURRENCE-ID{at}:{local(each)}", f"DTSTART{at}:{to}", length))
    return calendar(*parts)


def expected(told: dict[str, Any]) -> list[int]:
    """Starts, Unix ms."""
    zone = ZoneInfo(told["zone"])
    walls = (set(told["times"]) | {told["start"]} | told["added"]) - told["out"] - told["cancelled"]
    walls -= told["moved"].keys()
    found = [each.replace(tzinfo=zone) for each in walls]
    found += [(each + timedelta(hours=h)).replace(tzinfo=zone) for each, h in told["moved"].items()]
    length = told["minutes"] * 60_000
    starts = [round(each.timestamp() * 1000) for each in found]
    return sorted(at for at in starts if at < TO and at + length > FROM)


def near_a_change(told: dict[str, Any], at: int) -> bool:
    """Whether the zone's offset changes within two days: an hour there is none or two."""
    zone, when = ZoneInfo(told["zone"]), datetime.fromtimestamp(at / 1000, UTC)
    days = (timedelta(days=-2), timedelta(days=2))
    return len({(when + day).astimezone(zone).utcoffset() for day in days}) > 1


@settings(max_examples=120, deadline=None)
@given(series())
def test_a_series_is_what_the_wall_clock_says(told: dict[str, Any]) -> None:
    parsed = parse(written(told), told["zone"], FROM, TO)
    far = [at for at in expected(told) if not near_a_change(told, at)]
    assert [item.start for item in parsed.bookings if not near_a_change(told, item.start)] == far
    assert len({item.uid for item in parsed.bookings}) == len(parsed.bookings)
    assert all(item.end > item.start for item in parsed.bookings)


GOOD = written(
    {
        "start": wall(3, 2, 18),
        "rule": "FREQ=WEEKLY;COUNT=9",
        "times": [],
        "out": {wall(3, 9, 18)},
        "cancelled": {wall(3, 16, 18)},
        "moved": {wall(3, 23, 18): 3},
        "added": {wall(3, 24, 18)},
        "minutes": 60,
        "zone": "Europe/Paris",
        "floating": False,
    }
)
LINES = GOOD.split(b"\r\n")


def read(data: bytes) -> Parsed | None:
    """What ``parse`` finds; the only error that it may raise is that this is no calendar."""
    try:
        return parse(data, "Europe/Paris", FROM, TO)
    except CalendarError:
        return None


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(GOOD)), st.integers(0, 9), st.binary(max_size=9)), min_size=1, max_size=5
    )
)
def test_torn_bytes_are_no_calendar_or_harm_themselves(cuts: list[tuple[int, int, bytes]]) -> None:
    data = GOOD
    for at, length, text in cuts:
        data = data[:at] + text + data[at + length :]
    read(data)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=40))
def test_lines_in_any_order_are_no_calendar_or_harm_themselves(lines: list[bytes]) -> None:
    read(b"\r\n".join([LINES[0], *lines, LINES[-2], b""]))


PROPERTY = st.sampled_from(
    ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "UID", "STATUS", "SEQUENCE")
)
VALUE = st.sampled_from(
    (
        "20260301T180000",
        "20260301T180000Z",
        "20260301",
        "20260329T023000",
        "99991231T235959Z",
        "00010101T000000",
        "PT1H",
        "-PT1H",
        "P9999999W",
        "PT99999999999999H",
        "FREQ=DAILY",
        "FREQ=DAILY;COUNT=-1",
        "FREQ=DAILY;UNTIL=00010101",
        "FREQ=YEARLY;BYDAY=53MO",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=999999999",
        "FREQ=DAILY;COUNT=99999999999999999999",
        "FREQ=WEEKLY;UNTIL=99991231T235959Z",
        "20260301T180000Z/PT1H",
        "20260301/20260302",
        "CANCELLED",
        "9999999999999999999999",
    )
)
PARAMETER = st.sampled_from(
    (
        "",
        ";TZID=Europe/Paris",
        ";TZID=Nowhere",
        ";VALUE=DATE",
        ";VALUE=PERIOD",
        ";RANGE=THISANDFUTURE",
        ';X="',
    )
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.tuples(PROPERTY, PARAMETER, VALUE), max_size=6), max_size=3))
def test_whatever_an_event_says_it_harms_itself_only(events: list[list[tuple[str, str, str]]]) -> None:
    nasty = [event("bad", *("".join((name, more, ":", value)) for name, more, value in e)) for e in events]
    good = event("good", "DTSTART:20260302T180000Z", "DTEND:20260302T190000Z")
    parsed = read(calendar(*nasty, good))
    assert parsed is not None
    assert "good" in {item.uid for item in parsed.bookings}


@pytest.mark.parametrize(("start", "end"), [(-(10**14), 10**15), (ms("0001-01-01"), ms("9999-12-31"))])
def test_however_long_a_span_is_asked_for(start: int, end: int) -> None:
    good = event("good", "DTSTART:20260302T180000Z", "DTEND:20260302T190000Z")
    assert [item.uid for item in parse(calendar(good), "Asia/Tokyo", start, end).bookings] == ["good"]


def test_this_and_all_that_follow_keep_a_name_each() -> None:
    weekly = ("DTSTART;TZID=Europe/Paris:20260308T180000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=5")
    moved = event(
        "s",
        "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Paris:20260322T180000",
        "DTSTART;TZID=Europe/Paris:20260322T200000",
        "DURATION:PT2H",
    )
    before = parse(calendar(event("s", *weekly)), "UTC", FROM, TO).bookings
    after = parse(calendar(event("s", *weekly), moved), "UTC", FROM, TO).bookings
    assert [item.uid for item in after] == [item.uid for item in before]
    assert [(new.start - old.start) // 3_600_000 for old, new in zip(before, after, strict=True)] == [
        *(0, 0),
        *(2, 2, 2),
    ]


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_fold_within_a_letter_and_a_byte_order_mark(end: bytes) -> None:
    text = "SUMMARY:Répétition à l’école".encode()
    folded = (b"%b " % end).join(text[at : at + 7] for at in range(0, len(text), 7))
    lines = [b"BEGIN:VCALENDAR", b"BEGIN:VEVENT", b"UID:a", b"DTSTART:20260302T180000Z", b"DURATION:PT1H"]
    data = end.join([*lines, folded, b"END:VEVENT", b"END:VCALENDAR", b""])
    parsed = parse(b"\xef\xbb\xbf" + data, "UTC", FROM, TO)
    assert [item.title for item in parsed.bookings] == ["Répétition à l’école"]


def test_letters_of_old_windows_are_read() -> None:
    data = calendar(event("a", "DTSTART:20260302T180000Z", "DURATION:PT1H", "SUMMARY:Fête")).decode()
    assert [item.title for item in parse(data.encode("cp1252"), "UTC", FROM, TO).bookings] == ["Fête"]


def test_more_dates_than_anybody_books_are_refused() -> None:
    dates = ",".join(
        local(wall(3, 1) + timedelta(minutes=10 * number)) + "Z" for number in range(MAX_ADDED + 1)
    )
    bad = event("bad", "DTSTART:20260302T180000Z", "DURATION:PT5M", f"RDATE:{dates}")
    good = event("good", "DTSTART:20260302T180000Z", "DTEND:20260302T190000Z")
    parsed = parse(calendar(bad, good), "UTC", FROM, TO)
    assert [item.uid for item in parsed.bookings] == ["good"]
    assert parsed.rejected == [("bad", "it repeats too often")]
