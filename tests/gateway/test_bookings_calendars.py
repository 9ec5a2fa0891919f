"""Calendars as they come: every trap harms one event at most."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest
from sqlalchemy import select

from pleintemps_gateway.bookings.following import follow_feed
from pleintemps_gateway.bookings.places import to_occurrences
from pleintemps_gateway.bookings.service import Occurrence
from pleintemps_gateway.bookings.sources import web as fetching
from pleintemps_gateway.bookings.sources.base import Parsed
from pleintemps_gateway.bookings.sources.fetch import fetch
from pleintemps_gateway.bookings.sources.ical import parse
from pleintemps_gateway.cli import main
from pleintemps_gateway.config import SpaceConfig
from pleintemps_gateway.errors import CalendarError, FeedError
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, credentials

from .house import HOUR, NOW, build


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def event(uid: str, *lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT"])


def calendar(*parts: str) -> bytes:
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test"]
    return "\r\n".join([*head, *parts, "END:VCALENDAR", ""]).encode()


def year(data: bytes, zone: str = "Europe/Paris") -> Parsed:
    return parse(data, zone, ms("2026-01-01"), ms("2027-01-01"))


def times(parsed: Parsed) -> list[tuple[int, int]]:
    return [(item.start, item.end) for item in parsed.bookings]


GOOD = event("good", "DTSTART:20260301T180000Z", "DTEND:20260301T190000Z")


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;COUNT=9",
        "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=0,7,14,21,28",
        "FREQ=NEVER",
    ],
)
def test_a_rule_that_never_ends_is_refused_before_it_is_followed(rule: str) -> None:
    bomb = event("bomb", "DTSTART:20200101T180000Z", "DURATION:PT1S", f"RRULE:{rule}")
    parsed = year(calendar(bomb, GOOD))
    assert [item.event for item in parsed.bookings] == ["good"]
    assert {item.uid for item in parsed.rejected} == {"bomb"}


def test_many_long_rules_are_no_calendar() -> None:
    long = [event(f"e{n}", "DTSTART:20100101T180000Z", "RRULE:FREQ=HOURLY") for n in range(30)]
    with pytest.raises(CalendarError, match="too often"):
        year(calendar(*long))


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=MINUTELY;INTERVAL=60;BYHOUR=3;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=7;BYDAY=SU",
        "FREQ=WEEKLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
    ],
)
def test_a_rule_whose_days_never_come_is_left(rule: str) -> None:
    bad = event("bad", "DTSTART:20260302T180000Z", "DTEND:20260302T190000Z", f"RRULE:{rule}")
    parsed = year(calendar(bad, GOOD))
    assert [item.uid for item in parsed.bookings] == ["good"]
    assert parsed.rejected == [("bad", "its rule finds no further day")]


def test_many_rules_whose_days_never_come_are_no_calendar() -> None:
    bad = [
        event(f"bad-{number}", "DTSTART:20260302T180000Z", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")
        for number in range(11)
    ]
    with pytest.raises(CalendarError, match="too often"):
        year(calendar(*bad, GOOD))


def test_a_rare_day_comes() -> None:
    leap = event("a", "DTSTART;VALUE=DATE:20240229", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29")
    parsed = parse(calendar(leap), "UTC", ms("2028-01-01"), ms("2029-01-01"))
    assert times(parsed) == [(ms("2028-02-29"), ms("2028-03-01"))]


def test_an_ordinary_rule_may_be_old() -> None:
    old = event("old", "DTSTART:19700101T180000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;BYHOUR=9,18")
    assert len(year(calendar(old)).bookings) == 2 * 365


def test_a_title_with_a_nul_reaches_the_store(tmp_path: Path, store_url: str) -> None:
    house = build(tmp_path, store_url)
    odd = event("o\0dd", "DTSTART:20260301T180000Z", "DURATION:PT1H", "SUMMARY:Chor\0ale")
    found, _ = to_occurrences(year(calendar(odd)), house.site.spaces, "hall")
    with write_transaction(house.engine, ["ecole"]) as conn:
        follow_feed(conn, house.site, house.desk, "f", found, ms("2026-02-01"))
        assert conn.scalars(select(bookings.c.title)).all() == ["Chorale"]
    house.engine.dispose()


def test_what_cannot_be_read_keeps_its_bookings_whatever_its_uid(tmp_path: Path, store_url: str) -> None:
    house = build(tmp_path, store_url)
    start = NOW + HOUR
    known = [Occurrence(uid, "hall", "t", start, start + HOUR) for uid in ("a#b", "s#1", "s#2", "gone")]
    with write_transaction(house.engine, ["ecole"]) as conn:
        follow_feed(conn, house.site, house.desk, "f", known, NOW)
        follow_feed(conn, house.site, house.desk, "f", [], NOW, frozenset({"a#b", "s#1", "s"}))
        left = select(bookings.c.uid).where(bookings.c.status == "confirmed").order_by(bookings.c.uid)
        assert conn.scalars(left).all() == ["a#b", "s#1", "s#2"]
    house.engine.dispose()


@pytest.mark.parametrize(
    "bad",
    [
        event("bad", "SUMMARY:no start"),
        event("bad", "DTSTART:20260301T100000Z", "DTSTART:20260302T100000Z", "DTEND:20260301T110000Z"),
        event("bad", "DTSTART:20260301T100000Z", "DTEND:20260301T090000Z"),
        event("bad", "DTSTART:20260301T100000Z", "DTEND:20260301T100000Z"),
        event("bad", "DTSTART:yesterday", "DTEND:20260301T100000Z"),
        event("bad", "DTSTART:20260301T100000Z", "DTEND:20260301T110000Z", "RRULE:FREQ=NEVER"),
        event("bad", "DTSTART:20260301T100000Z", "DTEND:20260301T110000Z", "a line that is none"),
        # a folder of zones
        event("bad", "DTSTART;TZID=Europe:20260301T100000", "DTEND;TZID=Europe:20260301T110000"),
        # an hour that the clock skips
        event("bad", "DTSTART;TZID=Europe/Paris:20260329T020000", "DTEND;TZID=Europe/Paris:20260329T030000"),
    ],
)
def test_one_bad_event_never_drops_a_feed(bad: str) -> None:
    for parts in ((bad, GOOD), (GOOD, bad)):
        parsed = year(calendar(*parts))
        assert [item.uid for item in parsed.bookings] == ["good"]
        assert [item.uid for item in parsed.rejected] == ["bad"]
        assert all(item.reason for item in parsed.rejected)


def test_floating_times_and_days_are_the_sites() -> None:
    data = calendar(
        event("a", "DTSTART:20260701T180000", "DTEND:20260701T190000"),
        event("b", "DTSTART;VALUE=DATE:20260702"),
        event("c", "DTSTART;TZID=Romance Standard Time:20260703T180000", "DURATION:PT1H"),
    )
    assert times(year(data)) == [
        (ms("2026-07-01T16:00"), ms("2026-07-01T17:00")),
        (ms("2026-07-01T22:00"), ms("2026-07-02T22:00")),
        (ms("2026-07-03T16:00"), ms("2026-07-03T17:00")),
    ]
    assert times(year(data, "America/New_York"))[0][0] == ms("2026-07-01T22:00")


def test_an_hour_in_the_longer_night_is_two() -> None:
    data = calendar(event("a", "DTSTART:20261025T023000", "DTEND:20261025T033000"))
    assert times(year(data)) == [(ms("2026-10-25T00:30"), ms("2026-10-25T02:30"))]


def test_a_series_across_the_change_keeps_local_time() -> None:
    data = calendar(
        event(
            "a",
            "DTSTART;TZID=Europe/Paris:20260326T180000",
            "DTEND;TZID=Europe/Paris:20260326T190000",
            "RRULE:FREQ=WEEKLY;COUNT=2",
        )
    )
    assert [start for start, _ in times(year(data))] == [ms("2026-03-26T17:00"), ms("2026-04-02T16:00")]


def test_moved_and_cancelled_instances_follow() -> None:
    series = event("a", "DTSTART:20260301T180000Z", "DTEND:20260301T190000Z", "RRULE:FREQ=DAILY;COUNT=4")
    moved = event("a", "RECURRENCE-ID:20260302T180000Z", "DTSTART:20260302T200000Z", "DTEND:20260302T210000Z")
    gone = event(
        "a",
        "RECURRENCE-ID:20260303T180000Z",
        "DTSTART:20260303T180000Z",
        "DTEND:20260303T190000Z",
        "STATUS:CANCELLED",
    )
    plain, changed = year(calendar(series)), year(calendar(series, moved, gone))
    assert [start for start, _ in times(changed)] == [
        ms("2026-03-01T18:00"),
        ms("2026-03-02T20:00"),
        ms("2026-03-04T18:00"),
    ]
    assert len({item.uid for item in plain.bookings}) == 4
    # the instance keeps its name, so its code keeps its digits
    assert plain.bookings[1].uid == changed.bookings[1].uid


def test_a_custom_zone_does_not_leak_into_the_next_feed() -> None:
    zone = "\r\n".join(
        [
            "BEGIN:VTIMEZONE",
            "TZID:Mairie",
            "BEGIN:STANDARD",
            "DTSTART:19700101T000000",
            "TZOFFSETFROM:+0900",
            "TZOFFSETTO:+0900",
            "END:STANDARD",
            "END:VTIMEZONE",
        ]
    )
    one = event("a", "DTSTART;TZID=Mairie:20260301T180000", "DTEND;TZID=Mairie:20260301T190000")
    assert times(year(calendar(zone, one)))[0][0] == ms("2026-03-01T09:00")
    assert times(year(calendar(one)))[0][0] == ms("2026-03-01T17:00")


@pytest.mark.parametrize("data", [b"", b"<html>", b"\xff\xfe\x00", calendar(GOOD)[:-15]])
def test_what_is_no_calendar_is_said(data: bytes) -> None:
    with pytest.raises(CalendarError):
        year(data)


def test_people_and_places_are_read() -> None:
    lines = ("DTSTART:20260301T180000Z", "DTEND:20260301T190000Z")
    data = calendar(
        event("a", *lines, "LOCATION:Grande  Salle", "X-PLEINTEMPS-PEOPLE:30"),
        event("b", *lines, "LOCATION:class", "DESCRIPTION:Environ 12 personnes"),
        event("c", *lines, "LOCATION:grenier"),
    )
    spaces = [SpaceConfig(space="hall", name="Grande salle"), SpaceConfig(space="class", name="Classe")]
    found, rejected = to_occurrences(year(data), spaces, None)
    assert [(item.space, item.people) for item in found] == [("hall", 30), ("class", 12)]
    assert [item.uid for item in rejected] == ["c"]
    found, rejected = to_occurrences(year(data), spaces, "hall")
    assert ([item.space for item in found], rejected) == (["hall"] * 3, [])


def test_every_public_file_is_read_or_refused(data_dir: Path) -> None:
    for file in sorted((data_dir / "ics").rglob("*.ics")):
        try:
            parsed = parse(file.read_bytes(), "Europe/Paris", ms("2000-01-01"), ms("2030-01-01"))
        except CalendarError:
            # only for what is not whole, or holds nothing that could be read alone
            data = file.read_bytes()
            assert b"END:VEVENT" not in data or b"END:VCALENDAR" not in data, file
        else:
            assert all(item.end > item.start for item in parsed.bookings), file


def test_both_sides_of_a_zone_extension_are_equal(data_dir: Path) -> None:
    pairs = sorted((data_dir / "ics" / "x-wr-timezone").glob("*.in.ics"))
    assert len(pairs) == 8
    for given in pairs:
        expected = given.with_name(given.name.replace(".in.", ".out."))
        span = (ms("1990-01-01"), ms("2035-01-01"))
        assert parse(given.read_bytes(), "UTC", *span) == parse(expected.read_bytes(), "UTC", *span), given


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_says_bookings_and_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    file = tmp_path / "x.ics"
    file.write_bytes(calendar(GOOD, event("bad")))
    span = ["--from", "2026-01-01", "--to", "2027-01-01"]
    assert main(["calendar", "check", str(file), *span, *(["--json"] if as_json else [])]) == 0
    said = capsys.readouterr().out
    if as_json:
        answer = json.loads(said)
        assert answer["bookings"] == [
            {"uid": "good", "start": "2026-03-01T18:00:00Z", "end": "2026-03-01T19:00:00Z"}
        ]
        assert [item["uid"] for item in answer["rejected"]] == ["bad"]
    else:
        assert "1 bookings, 1 rejected" in said
    file.write_bytes(b"no")
    assert main(["calendar", "check", str(file), *span]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["calendar", "check", str(tmp_path / "none.ics"), *span]) == 2
    assert main(["calendar", "check", str(file), *span, "--zone", "Nowhere/Land"]) == 2


def test_bookings_follow_their_feed(tmp_path: Path, store_url: str) -> None:
    house = build(tmp_path, store_url)
    a = Occurrence("a", "hall", "Yoga", NOW + HOUR, NOW + 2 * HOUR)
    b = Occurrence("b", "hall", "Chess", NOW + 3 * HOUR, NOW + 4 * HOUR)

    def follow(now: int, *found: Occurrence) -> tuple[int, int, int]:
        with write_transaction(house.engine, ["ecole"]) as conn:
            return follow_feed(conn, house.site, house.desk, "town", found, now)

    def states() -> dict[str, str]:
        with house.engine.connect() as conn:
            return {row.uid: row.status for row in conn.execute(select(bookings))}

    assert follow(NOW, a, b, a) == (2, 0, 0)
    assert follow(NOW, a, b) == (0, 0, 0)
    assert follow(NOW, a._replace(end=NOW + 2 * HOUR + 60_000), b) == (0, 1, 0)
    with write_transaction(house.engine, ["ecole"]) as conn:
        # its event is still there, but nobody can read it today
        assert follow_feed(conn, house.site, house.desk, "town", [b], NOW, frozenset("a")) == (0, 0, 0)
    assert follow(NOW, b) == (0, 0, 1)
    assert states() == {"a": "cancelled", "b": "confirmed"}
    assert follow(NOW, a, b) == (0, 1, 0)  # it is back
    # what is over stays as it was, although the feed forgets it
    assert follow(NOW + 5 * HOUR) == (0, 0, 0)
    assert states() == {"a": "confirmed", "b": "confirmed"}
    with house.engine.connect() as conn:
        assert conn.execute(select(credentials)).all() == []
    house.engine.dispose()


@pytest.fixture
def server() -> Iterator[Callable[[int, bytes], str]]:
    """Serves one answer with an ETag; says 304 to who knows it."""
    answer: list[tuple[int, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer[-1]
            if self.headers.get("If-None-Match") == '"one"':
                status, body = 304, b""
            self.send_response(status)
            self.send_header("ETag", '"one"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        Thread(target=http.serve_forever, daemon=True).start()

        def serve(status: int, body: bytes) -> str:
            answer.append((status, body))
            return f"http://127.0.0.1:{http.server_port}/secret"

        yield serve
        http.shutdown()


def test_an_address_is_asked_only_for_what_is_new(server: Callable[[int, bytes], str]) -> None:
    url = server(200, b"data")
    first = fetch(url, None)
    assert (first.data, first.etag) == (b"data", '"one"')
    assert fetch(url, first.etag).data is None
    server(500, b"")
    with pytest.raises(FeedError, match="500") as raised:
        fetch(url, None)
    assert "secret" not in str(raised.value)
    with pytest.raises(FeedError):
        fetch("http://127.0.0.1:1/secret", None)


def test_a_file_is_read_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "x.ics"
    with pytest.raises(FeedError):
        fetch(str(file), None)
    file.write_bytes(b"one")
    first = fetch(str(file), None)
    assert first.data == b"one"
    assert fetch(str(file), first.etag).data is None
    file.write_bytes(b"two!")
    assert fetch(str(file), first.etag).data == b"two!"


def test_a_server_that_drips_for_ever_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "ALL_S", 0.3)
    gone = Event()

    class Drip(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while not gone.wait(0.02):
                    self.wfile.write(b"x")
            except OSError:
                gone.set()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Drip) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        with pytest.raises(FeedError, match="within"):
            fetch(f"http://127.0.0.1:{http.server_port}/", None)
        assert gone.wait(10)
        http.shutdown()


def test_a_redirect_must_not_leave_https(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"Location": "http://192.168.1.1/admin"})

    client = httpx.AsyncClient
    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(httpx, "AsyncClient", partial(client, transport=transport))
    with pytest.raises(FeedError, match="https"):
        fetch("https://town.example/secret", None)
    assert asked == ["https://town.example/secret"]
