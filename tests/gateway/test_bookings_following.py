"""A feed is followed in steps, none of which does much."""

from itertools import pairwise
from pathlib import Path

from sqlalchemy import select

from pleintemps_gateway.bookings.following import CHANGED, LOOKED_AT, Following, Place
from pleintemps_gateway.bookings.service import Occurrence
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings

from .house import HOUR, NOW, House, build


def many(count: int) -> list[Occurrence]:
    return [
        Occurrence(f"u{number}", "hall", "Yoga", NOW + number * HOUR, NOW + (number + 1) * HOUR)
        for number in range(count)
    ]


def follow(house: House, found: list[Occurrence]) -> list[Place]:
    """Every place on the way; each step is rolled back once before it counts."""
    following, places = Following(house.site, house.desk, "town", found, NOW), [Place()]
    while not places[-1].done:
        with house.engine.connect() as conn:
            tried = following.step(conn, places[-1])
            conn.rollback()
        with write_transaction(house.engine, [house.site.site]) as conn:
            places.append(following.step(conn, places[-1]))
        assert places[-1] == tried
    return places


def living(house: House) -> set[str]:
    with house.engine.connect() as conn:
        return set(conn.scalars(select(bookings.c.uid).where(bookings.c.status == "confirmed")))


def changes(places: list[Place]) -> list[int]:
    sums = [place.created + place.changed + place.cancelled for place in places]
    return [after - before for before, after in pairwise(sums)]


def test_many_bookings_come_move_and_go_a_few_at_a_time(tmp_path: Path, store_url: str) -> None:
    house, count = build(tmp_path, store_url), LOOKED_AT + 3
    places = follow(house, many(count))
    assert (places[-1].created, max(changes(places))) == (count, CHANGED)
    assert len(follow(house, many(count))) == 5  # nothing new: looked through in large steps
    moved = [item._replace(start=item.start + 60_000) for item in many(count)]
    places = follow(house, moved[2:])
    assert (places[-1].changed, places[-1].cancelled) == (count - 2, 2)
    assert max(changes(places)) <= CHANGED
    assert living(house) == {item.uid for item in moved[2:]}
    assert follow(house, [])[-1].cancelled == count - 2


def test_between_two_steps_bookings_are_made_and_cancelled(tmp_path: Path, sqlite_url: str) -> None:
    house, found = build(tmp_path, sqlite_url), many(12)
    following, place = Following(house.site, house.desk, "town", found, NOW), Place()
    others = Following(house.site, house.desk, "other", found, NOW)
    while not place.done:
        with write_transaction(house.engine, [house.site.site]) as conn:
            place = following.step(conn, place)
        with write_transaction(house.engine, [house.site.site]) as conn:
            others.step(conn, Place())
    assert place.created == len(found)
    assert living(house) == {item.uid for item in found}
