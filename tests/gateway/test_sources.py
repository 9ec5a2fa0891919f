"""Sources of bookings other than calendars: what they say becomes bookings, what is broken harms itself."""

import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.errors import ConfigError
from pleintemps_gateway.bookings.sources import registry
from pleintemps_gateway.bookings.sources.base import Contact
from pleintemps_gateway.bookings.sources.calcom import Link, chains, hear, is_signed
from pleintemps_gateway.bookings.sources.csv_table import parse_table
from pleintemps_gateway.bookings.sources.librebooking import translate
from pleintemps_gateway.errors import CalendarError, FeedError

NOW = round(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp() * 1000)
PARIS = "Europe/Paris"


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


Answer = Callable[[str, str, dict[str, str], bytes], tuple[int, bytes]]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """A web server on loopback that gives ``answer(method, path and query, headers, body)``."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = answer(self.command, self.path, headers, self.rfile.read(length))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_REPORT = do_PROPFIND = handle_one

        def log_message(self, format: str, *args: Any) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def secret(folder: Path, text: str) -> str:
    path = folder / "secret"
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return str(path)


def build(**table: object) -> Any:
    return registry.build(registry.read_config(table), PARIS)


# --- configuration ------------------------------------------------------------------------------------


def test_an_unknown_kind_and_an_unknown_key_are_named() -> None:
    with pytest.raises(ConfigError, match=r"feed town: no kind 'carrier-pigeon'.*ical"):
        registry.read_config({"feed": "town", "kind": "carrier-pigeon"})
    with pytest.raises(ConfigError, match="pigeons"):
        registry.read_config({"feed": "town", "kind": "csv", "url": "x.csv", "pigeons": 3})


def test_paths_are_made_absolute_and_addresses_are_not(tmp_path: Path) -> None:
    table: dict[str, object] = {"feed": "town", "kind": "csv", "url": "x.csv"}
    assert registry.read_config(table).located(tmp_path).url == str(tmp_path / "x.csv")  # type: ignore[attr-defined]
    table["url"] = "https://town.example/x.csv"
    assert registry.read_config(table).located(tmp_path).url == "https://town.example/x.csv"  # type: ignore[attr-defined]


# --- CSV ----------------------------------------------------------------------------------------------


def test_a_french_spreadsheet() -> None:
    text = (
        "Début;Fin;Salle;Intitulé;Personnes;Référence;Courriel;Association;Statut\r\n"
        "25/12/2026 20:30;25/12/2026 22h00;Grande salle;Répétition;30;R1;a@b.example;Chorale;\r\n"
        "26/12/2026 20:30;26/12/2026 22:00;Grande salle;Concert;;R2;;;Annulé\r\n"
        "\r\n"
        "32/12/2026 20:30;26/12/2026 22:00;Grande salle;Rien;;R3;;;\r\n"
        "26/12/2026 22:00;26/12/2026 20:00;Grande salle;Rien;;;;;\r\n"
    )
    for encoding in ("utf-8-sig", "cp1252"):
        parsed = parse_table(text.encode(encoding), PARIS)
        (item,) = parsed.bookings
        assert (item.start, item.end) == (ms("2026-12-25T19:30Z"), ms("2026-12-25T21:00Z"))
        assert (item.uid, item.location, item.people, item.group) == ("R1", "Grande salle", 30, "Chorale")
        assert item.contact == Contact(mail="a@b.example")
        assert [(bad.uid, bad.reason) for bad in parsed.rejected] == [
            ("R3", "'32/12/2026 20:30' is no time"),
            ("line-6", "it does not end after it starts"),
        ]


def test_times_with_an_offset_and_rows_without_a_name() -> None:
    table = b"start,end\n2026-12-01T10:00:00Z,2026-12-01T13:00:00+02:00\n2026-07-01 10:00,2026-07-01 11:00\n"
    first, second = sorted(parse_table(table, PARIS).bookings, key=lambda item: -item.start)
    assert (first.start, first.end) == (ms("2026-12-01T10:00Z"), ms("2026-12-01T11:00Z"))
    assert second.start == ms("2026-07-01T08:00Z")
    assert first.uid != second.uid
    assert parse_table(table, PARIS) == parse_table(table, PARIS)


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"start\n1\n", b"\xff\x00\x01", b"start,end\x00\n"])
def test_what_is_no_table(data: bytes) -> None:
    with pytest.raises(CalendarError, match="no table"):
        parse_table(data, PARIS)


def test_a_table_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("start,end\n2026-12-01T10:00Z,2026-12-01T11:00Z\n")
    source = build(feed="town", kind="csv", url=str(file))
    assert len(source.read(NOW).bookings) == 1
    assert source.read(NOW) is None
    source.forget()
    assert len(source.read(NOW).bookings) == 1


# --- LibreBooking -------------------------------------------------------------------------------------

RESERVATION = {
    "referenceNumber": "5f0c",
    "startDate": "2026-11-24T18:00:00+0000",
    "endDate": "2026-11-24T20:00:00+0000",
    "resourceName": "Grande salle",
    "title": "Judo",
    "requiresApproval": False,
}


def test_librebooking_reads_every_slice_with_its_session(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        asked.append((method, path))
        if path == "/index.php/Authentication/Authenticate":
            account = json.loads(body)
            if account != {"username": "gateway", "password": "s3cret"}:
                return 200, json.dumps({"isAuthenticated": False}).encode()
            return 200, json.dumps({"isAuthenticated": True, "sessionToken": "t0", "userId": 7}).encode()
        parts = urlsplit(path)
        if parts.path != "/index.php/Reservations/" or headers.get("x-booked-sessiontoken") != "t0":
            return 404, b""
        assert headers["x-booked-userid"] == "7"
        span = {name: ms(values[0]) for name, values in parse_qs(parts.query).items()}
        inside = span["startDateTime"] < ms("2026-11-24T20:00Z") and span["endDateTime"] > ms(
            "2026-11-24T18:00Z"
        )
        return 200, json.dumps({"reservations": [RESERVATION] if inside else []}).encode()

    with server(answer) as url:
        table = {"feed": "town", "kind": "librebooking", "url": f"{url}/index.php", "user": "gateway"}
        source = build(**table, password_file=secret(tmp_path, "s3cret"))
        (item,) = source.read(NOW).bookings
        assert (item.uid, item.location, item.title) == ("5f0c", "Grande salle", "Judo")
        assert (item.start, item.end) == (ms("2026-11-24T18:00Z"), ms("2026-11-24T20:00Z"))
        slices = [path for method, path in asked if method == "GET"]
        assert len(slices) == 4
        (tmp_path / "secret").write_text("wrong")
        with pytest.raises(FeedError, match="refuses the user") as caught:
            source.read(NOW)
        assert "wrong" not in str(caught.value)


def test_librebooking_times_without_an_offset_are_the_users() -> None:
    naive = RESERVATION | {"startDate": "2026-07-01 10:00:00", "endDate": "2026-07-01 11:00:00"}
    broken = RESERVATION | {"referenceNumber": "bad", "endDate": None}
    nameless = {**RESERVATION, "referenceNumber": None}
    waiting = RESERVATION | {"referenceNumber": "later", "requiresApproval": True}
    parsed = translate([json.dumps({"reservations": [naive, broken, nameless, waiting, 3]}).encode()], PARIS)
    assert [item.start for item in parsed.bookings] == [ms("2026-07-01T08:00Z")]
    assert [bad.uid for bad in parsed.rejected] == ["bad", "reservation"]
    with pytest.raises(CalendarError):
        translate([b"<html>"], PARIS)


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = secret(tmp_path, "s3cret")
    Path(path).chmod(0o644)
    source = build(
        feed="t", kind="librebooking", url="http://127.0.0.1:1", user="gateway", password_file=path
    )
    with pytest.raises(FeedError, match="chmod 600"):
        source.read(NOW)


# --- MRBS ---------------------------------------------------------------------------------------------


def test_mrbs_is_asked_for_its_report(tmp_path: Path) -> None:
    asked: list[str] = []
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "BEGIN:VEVENT",
        "UID:m1",
        "DTSTART:20261201T180000Z",
        "DTEND:20261201T190000Z",
        "SUMMARY:Yoga",
        "LOCATION:Gymnase - Grande salle",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        asked.append(path)
        return 200, "\r\n".join(lines).encode()

    with server(answer) as url:
        source = build(feed="town", kind="mrbs", url=f"{url}/mrbs/", key_file=secret(tmp_path, "k&y"))
        (item,) = source.read(NOW).bookings
    assert item.location == "Gymnase - Grande salle"
    parts = urlsplit(asked[0])
    query = parse_qs(parts.query)
    assert parts.path == "/mrbs/report.php"
    assert query["key"] == ["k&y"]
    assert (query["phase"], query["output_format"]) == (["2"], ["2"])
    assert query["from_date"] == ["2026-11-21"]
    assert query["to_date"] == ["2027-01-08"]


# --- the way there ------------------------------------------------------------------------------------


def test_a_server_may_not_lead_into_the_local_network() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", "http://10.0.0.1/router")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        source = build(feed="town", kind="ical", url=f"http://127.0.0.1:{http.server_port}/x.ics")
        with pytest.raises(FeedError, match="local network"):
            source.read(NOW)
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


# --- Cal.com ------------------------------------------------------------------------------------------


def hook(trigger: str, uid: str, at: str, **payload: object) -> bytes:
    told = {
        "type": "hall",
        "title": "Judo",
        "startTime": "2026-11-24T18:00:00Z",
        "endTime": "2026-11-24T20:00:00Z",
        "uid": uid,
        "status": "ACCEPTED",
        "attendees": [{"name": "A", "email": "a@b.example", "language": {"locale": "fr"}}],
    }
    return json.dumps({"triggerEvent": trigger, "createdAt": at, "payload": told | payload}).encode()


def link(trigger: str, uid: str, at: str, **payload: object) -> Link:
    found = hear(hook(trigger, uid, at, **payload))
    assert found is not None
    return found


def test_a_signature_is_of_the_raw_body() -> None:
    body = b'{"a":  1}'
    good = hmac.new(b"secret", body, "sha256").hexdigest()
    assert is_signed("secret", body, good)
    assert not is_signed("secret", body + b" ", good)
    assert not is_signed("other", body, good)
    assert not is_signed("secret", body, "")
    assert not is_signed("secret", body, "\xff\u20ac")


@given(st.permutations(["made", "moved", "old-cancelled", "moved-again"]))
def test_a_chain_of_reschedules_is_one_booking_in_whatever_order_it_is_told(order: list[str]) -> None:
    told = {
        "made": link("BOOKING_CREATED", "u1", "2026-11-01T10:00:00Z"),
        "moved": link(
            "BOOKING_RESCHEDULED", "u2", "2026-11-02T10:00:00Z", rescheduleUid="u1", title="Judo moved"
        ),
        "old-cancelled": link("BOOKING_CANCELLED", "u1", "2026-11-02T10:00:01Z", status="CANCELLED"),
        "moved-again": link(
            "BOOKING_RESCHEDULED",
            "u3",
            "2026-11-03T10:00:00Z",
            rescheduleUid="u2",
            startTime="2026-11-25T18:00:00Z",
            endTime="2026-11-25T19:00:00Z",
        ),
    }
    (item,) = chains([told[name] for name in order], "type").bookings
    assert (item.uid, item.start) == ("u1", ms("2026-11-25T18:00Z"))
    assert item.contact == Contact("A", "a@b.example", "", "fr")
    cancelled = link("BOOKING_CANCELLED", "u3", "2026-11-04T10:00:00Z", status="CANCELLED")
    assert chains([*(told[name] for name in order), cancelled], "type").bookings == []


def test_what_waits_for_a_yes_is_no_booking_yet() -> None:
    asked = link("BOOKING_REQUESTED", "u1", "2026-11-01T10:00:00Z", status="PENDING")
    assert chains([asked], "type").bookings == []
    agreed = link("BOOKING_CREATED", "u1", "2026-11-01T11:00:00Z")
    assert len(chains([asked, agreed], "type").bookings) == 1
    assert len(chains([agreed, asked], "type").bookings) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"triggerEvent": "BOOKING_CREATED", "payload": {}}'])
def test_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(CalendarError, match="webhook"):
        hear(body)
    assert hear(hook("MEETING_ENDED", "u", "2026-11-01T10:00:00Z")) is None


def test_calcom_is_polled_page_by_page_and_joined_with_what_was_told(tmp_path: Path) -> None:
    def booking(uid: str, **more: object) -> dict[str, object]:
        made = {"uid": uid, "status": "accepted", "updatedAt": "2026-11-05T10:00:00Z", "title": "Poll"}
        times = {"start": "2026-11-26T18:00:00Z", "end": "2026-11-26T19:00:00Z"}
        return made | times | {"eventType": {"slug": "hall"}, "attendees": []} | more

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if headers.get("authorization") != "Bearer k3y" or headers.get("cal-api-version") != "2024-08-13":
            return 401, b""
        skip = int(parse_qs(urlsplit(path).query)["skip"][0])
        data = [booking("u9")] if skip == 0 else [booking("u2", rescheduledFromUid="u1"), {"uid": "bad"}]
        return 200, json.dumps({"data": data, "pagination": {"hasNextPage": skip == 0}}).encode()

    with server(answer) as url:
        source = build(feed="town", kind="calcom", url=url, api_key_file=secret(tmp_path, "k3y"))
        source.tell([msgspec.json.encode(link("BOOKING_CREATED", "u1", "2026-11-01T10:00:00Z"))])
        parsed = source.read(NOW)
    assert [(item.uid, item.title, item.location) for item in parsed.bookings] == [
        ("u1", "Poll", "hall"),
        ("u9", "Poll", "hall"),
    ]
    assert [bad.uid for bad in parsed.rejected] == ["bad"]
    with pytest.raises(ConfigError, match="secret_file"):
        registry.read_config({"feed": "t", "kind": "calcom"})
