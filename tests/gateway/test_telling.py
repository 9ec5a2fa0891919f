"""A release is told to whoever the feed names, in the end, and shown while it is not."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from pleintemps_contract.errors import ConfigError
from pleintemps_gateway.bookings.following import follow_feed
from pleintemps_gateway.bookings.releasing import keep, release
from pleintemps_gateway.bookings.service import Occurrence
from pleintemps_gateway.bookings.sources import registry
from pleintemps_gateway.bookings.sources.base import Release
from pleintemps_gateway.errors import FeedError, UntoldError
from pleintemps_gateway.ingest.telling import GIVE_UP_MS, SHOWN_MS, Teller
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings
from pleintemps_gateway.store.schema_rooms import tellings
from pleintemps_gateway.store.writer import Writer
from pleintemps_gateway.web.sources import SourceHealth, source_health

from .house import HOUR, NOW, House, build
from .test_sources import build as build_source
from .test_sources import secret, server

MINUTE = 60_000
START, END = NOW - HOUR, NOW + 3 * HOUR
GONE = Release("u1", START, NOW, END, "no-show", NOW)


class Told:
    """A booking of a feed whose releases go to a webhook that answers ``status``."""

    def __init__(self, folder: Path, url: str, store: str) -> None:
        secret(folder, "k3y")
        self.status = 204
        self.heard: list[tuple[dict[str, Any], bool]] = []
        self.ask_anew = False
        feed = f'feed = "town"\nurl = "a.ics"\nreleased_url = "{url}/hook"\nreleased_secret_file = "secret"\n'
        self.house: House = build(folder, store, extra=f"[[sites.feeds]]\n{feed}")
        self.writer = Writer(self.house.engine, ["ecole"])
        self.teller = self.anew()
        self.follow(END)

    def anew(self) -> Teller:
        return Teller([self.house.site], self.house.engine, self.writer, self.house.world)

    def follow(self, end: int) -> None:
        found, now = [Occurrence("yoga", "hall", "Yoga", START, end)], self.house.world.now()
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            follow_feed(conn, self.house.site, self.house.desk, "town", found, now)

    def row(self) -> Any:
        with self.house.engine.connect() as conn:
            return conn.execute(select(bookings)).one()

    def release(self) -> None:
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            row = conn.execute(select(bookings)).one()
            release(conn, self.house.site, self.house.desk, row, "no-show")

    def tell(self) -> int:
        return asyncio.run(self.teller.tell_due())

    def health(self) -> SourceHealth:
        with self.house.engine.connect() as conn:
            (found,) = source_health(conn, [self.house.site], self.house.world.now())
        return found

    def answer(self, _method: str, _path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        made = hmac.new(b"k3y", body, hashlib.sha256).hexdigest()
        if self.ask_anew:
            self.ask_anew = False
            with write_transaction(self.house.engine, ["ecole"]) as conn:
                conn.execute(update(tellings).values(asked=NOW + 1))
        self.heard.append((json.loads(body), headers.get("x-plein-temps-signature-256") == made))
        return self.status, b""


@pytest.fixture
def told(tmp_path: Path, store_url: str) -> Iterator[Told]:
    made: list[Told] = []
    with server(lambda *asked: made[0].answer(*asked)) as url:  # noqa: PLW0108 - it is made later
        made.append(Told(tmp_path, url, store_url))
        yield made[0]
        made[0].writer.close()
        made[0].house.engine.dispose()


def test_a_release_and_its_end_are_told_and_signed(told: Told) -> None:
    assert told.tell() == 0
    told.release()
    assert told.tell() == 1
    with write_transaction(told.house.engine, ["ecole"]) as conn:
        keep(conn, told.house.site, told.house.desk, told.row().booking, "its people")
    assert (told.tell(), told.tell()) == (1, 0)
    same = {"feed": "town", "uid": "yoga", "start": START, "planned_end": END, "asked": NOW}
    assert told.heard == [
        ({"event": "booking.released", "end": NOW, "why": "no-show"} | same, True),
        ({"event": "booking.restored", "end": END, "why": "restored"} | same, True),
    ]


def test_what_cannot_be_told_is_tried_again_shown_and_given_up(told: Told) -> None:
    told.status = 503
    told.release()
    assert (told.tell(), told.tell()) == (1, 0)  # not at once
    assert told.health()[-2:] == (1, "the server answers 503")
    told.teller = told.anew()  # a new process goes on
    told.house.world.move(MINUTE)
    told.status = 200
    assert told.tell() == 1
    assert told.health()[-2:] == (0, None)

    told.status = 500
    told.house.world.move(MINUTE)
    with write_transaction(told.house.engine, ["ecole"]) as conn:
        keep(conn, told.house.site, told.house.desk, told.row().booking, "its people")
    told.house.world.move(END + GIVE_UP_MS - told.house.world.now())
    assert (told.tell(), told.tell()) == (1, 0)
    assert told.health()[-2:] == (1, "the server answers 500")
    told.house.world.move(SHOWN_MS)
    told.tell()
    assert told.health()[-2:] == (0, None)


def test_what_is_asked_anew_while_it_is_told_is_told_again(told: Told) -> None:
    told.release()
    told.ask_anew = True
    assert (told.tell(), told.tell(), told.tell()) == (1, 1, 0)


def test_nothing_is_told_of_nobodys_booking(told: Told) -> None:
    told.release()
    with write_transaction(told.house.engine, ["ecole"]) as conn:
        conn.execute(update(bookings).values(uid="erased:1"))
    assert (told.tell(), told.tell(), told.heard) == (1, 0, [])


def test_a_feed_that_says_the_end_it_was_told_undoes_no_release(told: Told) -> None:
    told.house.world.move(1_234)
    told.release()
    released = told.row()
    told.follow(-(-released.end // MINUTE) * MINUTE)
    assert told.row() == released


def test_a_source_that_cannot_be_told_is_named() -> None:
    with pytest.raises(ConfigError, match="tell_releases"):
        registry.read_config({"feed": "t", "url": "a.ics", "tell_releases": True})
    with pytest.raises(ConfigError, match="released_secret_file"):
        registry.read_config({"feed": "t", "url": "a.ics", "released_url": "https://example.org/"})


def test_calcom_marks_who_did_not_come_at_the_end_of_the_chain(tmp_path: Path) -> None:
    asked: list[tuple[str, str, Any]] = []

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if headers.get("authorization") != "Bearer k3y":
            return 401, b""
        asked.append((method, path, json.loads(body) if body else None))
        if path.startswith("/bookings/u1"):
            return 200, json.dumps({"data": {"uid": "u1", "rescheduledToUid": "u/2"}}).encode()
        if path == "/bookings/u%2F2":
            data = {"uid": "u/2", "attendees": [{"email": "a@example.org"}, {"email": None}]}
            return 200, json.dumps({"data": data}).encode()
        if path == "/bookings/list":
            return 200, b'{"data": []}'
        return (200, b"{}") if path == "/bookings/u%2F2/mark-absent" else (404, b"")

    with server(answer) as url:
        key = secret(tmp_path, "k3y")
        source = build_source(feed="t", kind="calcom", url=url, api_key_file=key, tell_releases=True)
        source.released(GONE)
        source.released(GONE._replace(why="restored"))
        source.released(GONE._replace(why="left"))
        with pytest.raises(UntoldError):
            source.released(GONE._replace(uid="list"))
        with pytest.raises(FeedError, match="404"):
            source.released(GONE._replace(uid="nobody"))
    marks = [body["attendees"] for _, path, body in asked if path.endswith("mark-absent")]
    assert marks == [[{"email": "a@example.org", "absent": absent}] for absent in (True, False)]
