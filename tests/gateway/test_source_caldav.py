"""CalDAV against a real server, Radicale."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from caldav.collection import Calendar, Principal
from caldav.davclient import DAVClient

from pleintemps_gateway.bookings.sources import registry
from pleintemps_gateway.bookings.sources.base import Release
from pleintemps_gateway.errors import FeedError, UntoldError

from .test_sources import NOW, PARIS, ms, secret

SERIES = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
BEGIN:VEVENT
UID:yoga
DTSTAMP:20261001T000000Z
DTSTART;TZID=Europe/Paris:20261020T190000
DTEND;TZID=Europe/Paris:20261020T200000
RRULE:FREQ=WEEKLY
SUMMARY:Yoga
LOCATION:hall
END:VEVENT
BEGIN:VEVENT
UID:yoga
DTSTAMP:20261001T000000Z
RECURRENCE-ID;TZID=Europe/Paris:20261124T190000
DTSTART;TZID=Europe/Paris:20261125T190000
DTEND;TZID=Europe/Paris:20261125T200000
SUMMARY:Yoga moved
LOCATION:hall
END:VEVENT
END:VCALENDAR
"""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def radicale(tmp_path: Path) -> Iterator[str]:
    """The address of a calendar of user ``town``, password ``s3cret``."""
    from radicale import config
    from radicale.app import Application

    (tmp_path / "users").write_text("town:s3cret\n")
    configuration = config.load()
    configuration.update(
        {
            "auth": {"type": "htpasswd", "htpasswd_filename": str(tmp_path / "users"), "delay": "0"}
            | {"htpasswd_encryption": "plain"},
            "storage": {"filesystem_folder": str(tmp_path / "collections")},
            "logging": {"level": "critical"},
        },
        "test",
    )
    http = make_server("127.0.0.1", 0, Application(configuration), handler_class=_Quiet)
    thread = Thread(target=http.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{http.server_port}/"
    try:
        with DAVClient(url=url, username="town", password="s3cret", enable_rfc6764=False) as client:
            calendar: Any = Principal(client=client).make_calendar(name="rooms")
            calendar.save_event(SERIES)
            yield str(calendar.url)
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def test_a_series_with_a_moved_instance(radicale: str, tmp_path: Path) -> None:
    table: dict[str, object] = {"feed": "town", "kind": "caldav", "url": radicale, "user": "town"}
    path = secret(tmp_path, "s3cret")
    source = registry.build(registry.read_config(table | {"password_file": path}), PARIS)
    parsed = source.read(NOW)
    assert parsed is not None
    assert parsed.rejected == []
    first, second = parsed.bookings[:2]
    assert (first.title, first.start) == ("Yoga moved", ms("2026-11-25T18:00Z"))
    assert second.start == ms("2026-12-01T18:00Z")
    assert all(item.event == "yoga" for item in parsed.bookings)

    Path(path).write_text("wrong")
    with pytest.raises(FeedError, match="refuses the user") as caught:
        source.read(NOW)
    assert "127.0.0.1" not in str(caught.value)


def test_a_release_shortens_its_event_and_no_series(radicale: str, tmp_path: Path) -> None:
    with DAVClient(url=radicale, username="town", password="s3cret", enable_rfc6764=False) as client:
        alone = SERIES[: SERIES.index("RRULE")] + "END:VEVENT\nEND:VCALENDAR\n"
        Calendar(client=client, url=radicale).save_event(alone.replace("UID:yoga", "UID:alone"))
    table: dict[str, object] = {"feed": "town", "kind": "caldav", "url": radicale, "user": "town"}
    table |= {"password_file": secret(tmp_path, "s3cret"), "tell_releases": True}
    source: Any = registry.build(registry.read_config(table), PARIS)
    now = ms("2026-10-20T17:00Z")

    def end() -> int:
        (item,) = [item for item in source.read(now).bookings if item.uid == "alone"]
        return int(item.end)

    told = Release("alone", now, ms("2026-10-20T17:30:00.500Z"), ms("2026-10-20T18:00Z"), "no-show", now)
    source.released(told)
    assert end() == ms("2026-10-20T17:30:01Z")
    source.released(told._replace(end=told.planned_end, why="restored"))
    assert end() == told.planned_end
    for uid in ("yoga", "yoga#1", "nothing"):
        with pytest.raises(UntoldError):
            source.released(told._replace(uid=uid))


def test_no_server_and_no_calendar(radicale: str, tmp_path: Path) -> None:
    def read(url: str) -> None:
        table: dict[str, object] = {"feed": "town", "kind": "caldav", "url": url, "user": "town"}
        config = registry.read_config(table | {"password_file": secret(tmp_path, "s3cret")})
        registry.build(config, PARIS).read(NOW)

    with pytest.raises(FeedError):
        read("http://127.0.0.1:1/secret")
    with pytest.raises(FeedError):
        read(radicale.rstrip("/") + "-gone/")
