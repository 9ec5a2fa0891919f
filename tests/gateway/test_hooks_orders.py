"""One booking of a platform, told by webhooks and polling in every order: it ends as the platform has it."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Row, select

from pleintemps_gateway.access.placing import living
from pleintemps_gateway.api.hooks import keep
from pleintemps_gateway.bookings.following import follow_feed
from pleintemps_gateway.bookings.places import to_occurrences
from pleintemps_gateway.bookings.sources.calcom import Link, chains, hear, translate
from pleintemps_gateway.ingest.hooked import read_told
from pleintemps_gateway.privacy.finding import Wanted
from pleintemps_gateway.privacy.wiping import wipe
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings
from tests.support.laws import examples

from .house import NOW, House, build
from .test_sources import hook

TIMES = {
    name: {"startTime": f"2026-11-2{day}T18:00:00Z", "endTime": f"2026-11-2{day}T20:00:00Z"}
    for name, day in (("u1", 4), ("u2", 5), ("u3", 6))
}
CREATED = hook("BOOKING_CREATED", "u1", "2026-11-20T10:00:00Z", **TIMES["u1"])
SECOND = hook("BOOKING_RESCHEDULED", "u2", "2026-11-21T10:00:00Z", rescheduleUid="u1", **TIMES["u2"])
THIRD = hook("BOOKING_RESCHEDULED", "u3", "2026-11-22T10:00:00Z", rescheduleUid="u2", **TIMES["u3"])
CANCELLED = hook("BOOKING_CANCELLED", "u3", "2026-11-22T11:00:00Z", status="CANCELLED", **TIMES["u3"])
WORDS = {"created": CREATED, "second": SECOND, "third": THIRD, "cancelled": CANCELLED}


def item(uid: str, status: str, updated: str, before: str = "") -> dict[str, object]:
    times = TIMES[uid]
    return {
        "uid": uid,
        "status": status,
        "updatedAt": updated,
        "title": "Judo",
        "eventType": {"slug": "hall"},
        "start": times["startTime"],
        "end": times["endTime"],
        "rescheduledFromUid": before,
    }


def polled(*, cancelled: bool) -> bytes:
    """What the platform lists at the end of the story."""
    last = "cancelled" if cancelled else "accepted"
    told = [
        item("u1", "cancelled", "2026-11-21T10:00:00Z"),
        item("u2", "cancelled", "2026-11-22T10:00:00Z", "u1"),
        item("u3", last, "2026-11-22T11:00:00Z" if cancelled else "2026-11-22T10:00:00Z", "u2"),
    ]
    return json.dumps({"data": told}).encode()


class Told:
    """A feed that hears one word after another, at a site that issues a code for whatever lives."""

    def __init__(self, house: House, feed: str) -> None:
        self.house = house
        self.feed = feed
        self._polled: list[Link] = []

    def hear(self, body: bytes) -> None:
        word = hear(body)
        assert word is not None
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            keep(conn, self.house.site, self.feed, word, NOW)
        self.follow()

    def poll(self, page: bytes) -> None:
        self._polled = translate([page])[0]
        self.follow()

    def follow(self) -> None:
        site, desk = self.house.site, self.house.desk
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            told = [msgspec.json.decode(body, type=Link) for body in read_told(conn, "ecole", self.feed, 0)]
            found, rejected = to_occurrences(chains([*told, *self._polled], "type"), site.spaces, None)
            assert rejected == []
            follow_feed(conn, site, desk, self.feed, found, NOW)
            for row in self.rows(conn):
                if row.status == "confirmed" and row.withheld is None:
                    assert living(conn, "ecole", booking=row.booking) or desk.issue(conn, site, row.booking)

    def rows(self, conn: Connection) -> list[Row[Any]]:
        return list(conn.execute(select(bookings).where(bookings.c.source == self.feed)).all())

    def live(self) -> list[tuple[str, int]]:
        with self.house.engine.connect() as conn:
            return [(row.uid, row.start) for row in self.rows(conn) if row.status == "confirmed"]

    def codes(self) -> set[str]:
        """Grants that live."""
        with self.house.engine.connect() as conn:
            names = [row.booking for row in self.rows(conn)]
            return {row.grant for name in names for row in living(conn, "ecole", booking=name)}


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    made = build(tmp_path, sqlite_url)
    yield made
    made.engine.dispose()


def start_of(uid: str) -> int:
    word = hear(hook("BOOKING_CREATED", uid, "2026-11-20T10:00:00Z", **TIMES[uid]))
    assert word is not None
    return word.start


STORIES = [
    order
    for names in (("created", "second", "third"), ("created", "second", "third", "cancelled"))
    for order in itertools.permutations((*names, "poll"))
]


@pytest.mark.law
@examples(some=40, many=2 * len(STORIES))
@given(order=st.sampled_from(STORIES), again=st.booleans())
def test_in_every_order_the_booking_ends_as_the_platform_has_it(
    house: House, order: tuple[str, ...], again: bool
) -> None:
    cancelled = "cancelled" in order
    site = Told(house, house.world.new_id())
    for name in (*order, *(order[:2] if again else ())):
        before = site.codes()
        if name == "poll":
            site.poll(polled(cancelled=cancelled))
        else:
            site.hear(WORDS[name])
        # whoever has a code keeps one of those that are out, as long as there is a booking
        assert not before or not site.live() or before & site.codes()
        assert len(site.codes()) == len(site.live())
    assert site.live() == ([] if cancelled else [("u1", start_of("u3"))])


@pytest.mark.parametrize("order", list(itertools.permutations(("created", "second", "third"))))
def test_one_code_stays_through_a_chain_whose_links_come_in_any_order(
    house: House, order: tuple[str, ...]
) -> None:
    site = Told(house, "town")
    for name in order:
        site.hear(WORDS[name])
    (kept,) = site.codes()
    assert site.live() == [("u1", start_of("u3"))]
    site.poll(polled(cancelled=False))
    assert site.codes() == {kept}
    site.poll(polled(cancelled=True))
    assert (site.codes(), site.live()) == (set(), [])


def test_what_was_erased_under_a_later_name_stays_erased_under_the_first(house: House) -> None:
    site = Told(house, "town")
    site.hear(THIRD)
    assert [uid for uid, _ in site.live()] == ["u2"]
    with house.engine.connect() as conn:
        booking = str(conn.scalar(select(bookings.c.booking)))
    wipe(house.config, house.engine, house.desk.vault, house.world, Wanted("booking", booking), "marc")
    for body in (SECOND, CREATED):
        site.hear(body)
    with house.engine.connect() as conn:
        (row,) = site.rows(conn)
    assert (row.booking, row.title, row.withheld) == (booking, "", "erased")
