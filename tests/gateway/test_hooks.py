"""Webhooks: signed or nothing, the youngest word counts, and the feed is read at once."""

import asyncio
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Table, insert, select

from pleintemps_contract.identifiers import Slug
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.api.guard import MAX_BODY
from pleintemps_gateway.api.hooks import UNSIGNED, keep
from pleintemps_gateway.api.tally import EVERY_MS
from pleintemps_gateway.bookings.sources.calcom import Link, chains, ended, hear, younger
from pleintemps_gateway.ingest.feeds import FeedFollower
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, contacts, feeds, hooked, refusals
from pleintemps_gateway.store.writer import Writer
from pleintemps_gateway.web.sources import Reason, source_health
from tests.gateway.feed import changes_after

from .house import HOUR, NOW, House, build
from .test_ingest_site import Site
from .test_sources import hook, link, server

DAY = 24 * HOUR
SECRET = "a long secret"
FEED = """
[[sites.feeds]]
feed = "town"
kind = "calcom"
secret_file = "hook.secret"
space = "hall"
{more}
[[sites.feeds]]
feed = "agenda"
url = "agenda.ics"
[[sites.feeds]]
feed = "polled"
kind = "calcom"
api_key_file = "api.key"
"""
MADE = hook("BOOKING_CREATED", "u1", "2026-11-20T10:00:00Z")
MOVED = hook(
    "BOOKING_RESCHEDULED",
    "u2",
    "2026-11-21T10:00:00Z",
    rescheduleUid="u1",
    startTime="2026-11-25T18:00:00Z",
    endTime="2026-11-25T19:00:00Z",
)
GONE = hook("BOOKING_CANCELLED", "u2", "2026-11-22T10:00:00Z", status="CANCELLED")


def private(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o600)


def house_of(folder: Path, url: str, more: str = "") -> House:
    private(folder, "hook.secret", SECRET)
    private(folder, "api.key", "k3y")
    return build(folder, url, extra=FEED.format(more=more))


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    made = house_of(tmp_path, store_url)
    yield made
    made.engine.dispose()


class Platform:
    """The booking platform, as the gateway's web process sees it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.app = create_app(house.config, house.world, house.engine, house.desk)

    def tell(
        self, body: bytes, *, feed: Slug = "town", secret: str = SECRET, site: Slug = "ecole"
    ) -> httpx.Response:
        signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
        return self.post(body, {"X-Cal-Signature-256": signature}, feed, site)

    def post(
        self, body: bytes, headers: dict[str, str], feed: Slug = "town", site: Slug = "ecole"
    ) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.post(f"/hooks/{site}/{feed}", content=body, headers=headers)

        return asyncio.run(call())


def rows(house: House, table: Table) -> list[dict[str, Any]]:
    with house.engine.connect() as conn:
        return [dict(row._mapping) for row in conn.execute(select(table))]


def refused(house: House) -> dict[str, int]:
    return {row["reason"]: row["count"] for row in rows(house, refusals) if row["source"] == "hook/town"}


def test_a_signed_word_is_kept_once_and_told_to_ingest(house: House) -> None:
    platform = Platform(house)
    assert platform.tell(MADE).status_code == 204
    assert platform.tell(MADE).status_code == 204
    (row,) = rows(house, hooked)
    assert (row["site"], row["feed"], row["uid"], row["at"]) == ("ecole", "town", "u1", NOW)
    with house.engine.connect() as conn:
        told = [(kind, key) for _, kind, key in changes_after(conn, "ecole", 0) if kind == "hooked"]
    assert told == [("hooked", "town")]
    assert refused(house) == {}


def test_what_is_not_signed_is_refused_as_if_there_were_no_such_feed(house: House) -> None:
    platform = Platform(house)
    wrong = [
        platform.tell(MADE, secret="another"),
        platform.post(MADE, {}),
        platform.tell(MADE, feed="nothing"),
        platform.tell(MADE, site="nowhere"),
        platform.tell(MADE, feed="agenda"),
        platform.tell(MADE, feed="polled"),  # without a secret nothing could be checked
    ]
    assert {answer.status_code for answer in wrong} == {404}
    assert len({answer.text for answer in wrong}) == 1
    assert rows(house, hooked) == []
    house.world.move(EVERY_MS)
    platform.tell(b"not even JSON", secret="another")  # the signature is looked at first
    assert refused(house) == {"webhook: its signature is not that of the secret": 3}


def test_a_flood_of_refusals_is_counted_in_few_writes(house: House) -> None:
    platform = Platform(house)
    for _ in range(30):
        platform.post(MADE, {})
    assert refused(house) == {"webhook: its signature is not that of the secret": 1}
    house.world.move(EVERY_MS)
    platform.post(MADE, {})
    assert refused(house) == {"webhook: its signature is not that of the secret": 31}
    with house.engine.connect() as conn:
        assert [kind for _, kind, _ in changes_after(conn, "ecole", 0)].count("refusals") == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[" * 100_000, 422),
        (b'{"triggerEvent": "BOOKING_CREATED", "payload": {}}', 422),
        (hook("BOOKING_CREATED", "u", "yesterday"), 422),
        (hook("BOOKING_CREATED", "\ud800", "2026-11-20T10:00:00Z", title="\ud800\0"), 204),
        (hook("BOOKING_CREATED", "\0", "2026-11-20T10:00:00Z"), 422),
        (hook("MEETING_ENDED", "u", "2026-11-20T10:00:00Z"), 204),
        (b" " * (MAX_BODY + 1), 413),
    ],
)
def test_a_signed_body_that_cannot_be_used_harms_itself_only(house: House, body: bytes, status: int) -> None:
    answer = Platform(house).tell(body)
    assert answer.status_code == status
    if status != 204:
        assert set(answer.json()["error"]) == {"code", "message", "where"}
    assert sum(refused(house).values()) == (status != 204)


def test_a_secret_that_cannot_be_read_is_our_fault_and_said(house: House) -> None:
    (house.file.parent / "hook.secret").chmod(0o644)
    assert Platform(house).tell(MADE).status_code == 503
    ((reason, count),) = refused(house).items()
    assert count == 1 and "hook.secret" in reason and SECRET not in reason


@given(st.permutations([MADE, MOVED, GONE, MADE, MOVED]))
def test_in_whatever_order_words_come_the_youngest_of_each_name_counts(bodies: list[bytes]) -> None:
    kept: dict[str, Link] = {}
    for body in bodies:
        word = hear(body)
        assert word is not None
        kept[word.uid] = younger(kept.get(word.uid), word)
    # the cancellation names nothing that it replaced: what the move had said stays known
    assert not kept["u2"].live and kept["u2"].before == "u1"
    assert chains(kept.values(), "type").bookings == []


def test_of_two_words_at_once_the_one_that_cancels_counts() -> None:
    made = link("BOOKING_CREATED", "u1", "2026-11-20T10:00:00Z")
    gone = link("BOOKING_CANCELLED", "u1", "2026-11-20T10:00:00Z", status="CANCELLED")
    assert not younger(made, gone).live and not younger(gone, made).live


def test_a_chain_is_forgotten_when_all_of_it_is_over() -> None:
    old = link("BOOKING_CREATED", "u1", "2026-11-20T10:00:00Z")
    new = link(
        "BOOKING_RESCHEDULED",
        "u2",
        "2026-11-21T10:00:00Z",
        rescheduleUid="u1",
        startTime="2027-05-01T18:00:00Z",
        endTime="2027-05-01T19:00:00Z",
    )
    assert ended([old, new], old.end + 1) == set()
    assert ended([old, new], new.end + 1) == {"u1", "u2"}
    assert ended([old], old.end) == set()


class Followed:
    """A feed that webhooks tell of, followed by ingest."""

    def __init__(self, house: House) -> None:
        self.site = Site(house)
        self.platform = Platform(house)
        self.writer = Writer(house.engine, ["ecole"], memory=self.site.all)
        self.follower = FeedFollower(house.site.sources[0], self.site.memory, self.writer, house.desk)

    def poll(self, *bodies: bytes) -> dict[str, tuple[str, int]]:
        for body in bodies:
            assert self.platform.tell(body).status_code == 204
        asyncio.run(self.follower.poll())
        return {row["uid"]: (row["status"], row["start"]) for row in self.site.rows(bookings)}

    def health(self) -> dict[str, Any]:
        (row,) = self.site.rows(feeds)
        return row


@pytest.fixture
def followed(house: House) -> Iterator[Followed]:
    made = Followed(house)
    yield made
    made.writer.close()


def test_webhooks_alone_make_move_and_cancel_a_booking(followed: Followed) -> None:
    first, moved = hear(MADE), hear(MOVED)
    assert first is not None and moved is not None
    assert followed.poll() == {}
    assert followed.poll(MADE) == {"u1": ("confirmed", first.start)}
    assert followed.poll(MOVED) == {"u1": ("confirmed", moved.start)}
    (contact,) = followed.site.rows(contacts)
    assert contact["mail"] == "a@b.example"
    # said outright: this is no empty answer
    assert followed.poll(GONE) == {"u1": ("cancelled", moved.start)}
    assert followed.poll(MADE, MOVED) == {"u1": ("cancelled", moved.start)}  # replayed
    assert (followed.health()["error"], followed.health()["bookings"]) == (None, 0)


def test_ingest_hears_which_feed_was_told_of(followed: Followed) -> None:
    followed.platform.tell(MADE)
    followed.site.wait(100)
    assert followed.site.memory.take_hooked() == {"town"}
    assert followed.site.memory.take_hooked() == set()
    followed.platform.tell(MADE)
    followed.site.wait(100)
    assert followed.site.memory.take_hooked() == set()


def test_what_ended_long_ago_goes_and_is_not_taken_again(followed: Followed) -> None:
    followed.poll(MADE)
    word = hear(MADE)
    assert word is not None
    house = followed.site.house
    house.world.move(word.end - NOW + 90 * DAY)
    followed.poll()
    assert len(followed.site.rows(hooked)) == 1
    house.world.move(1)
    followed.poll()
    assert followed.site.rows(hooked) == []
    followed.poll(MADE)
    assert followed.site.rows(hooked) == []


def test_polling_and_webhooks_together(tmp_path: Path, sqlite_url: str) -> None:
    listed: list[dict[str, object]] = []
    status = 200

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        return status, json.dumps({"data": listed}).encode()

    def item(uid: str, state: str, updated: str) -> dict[str, object]:
        times = {"start": "2026-11-26T18:00:00Z", "end": "2026-11-26T19:00:00Z"}
        return {"uid": uid, "status": state, "updatedAt": updated, **times}

    with server(answer) as url:
        house = house_of(tmp_path, sqlite_url, f'api_key_file = "api.key"\nurl = "{url}"')
        followed = Followed(house)
        listed = [item("p1", "accepted", "2026-11-19T10:00:00Z")]
        # what polling does not list and a webhook told stays: a key lists what its owner may see
        assert {uid: state for uid, (state, _) in followed.poll(MADE).items()} == {
            "p1": "confirmed",
            "u1": "confirmed",
        }
        listed = [item("p1", "cancelled", "2026-11-20T10:00:00Z")]
        assert {uid: state for uid, (state, _) in followed.poll().items()} == {
            "p1": "cancelled",
            "u1": "confirmed",
        }
        # a younger word of either side counts
        listed = [item("u1", "cancelled", "2026-11-20T11:00:00Z")]
        assert followed.poll()["u1"][0] == "cancelled"
        # while the platform cannot be reached its webhooks count all the same, and nothing polled is lost
        listed = [item("p2", "accepted", "2026-11-20T10:00:00Z")]
        followed.poll()
        status = 500
        found = followed.poll(hook("BOOKING_CREATED", "u9", "2026-11-22T10:00:00Z"))
        assert (found["u9"][0], found["p2"][0]) == ("confirmed", "confirmed")
        assert followed.health()["error"] == "the server answers 500"
        # after a start nothing is known of what polling would list: nothing changes until it answers
        again = Followed(house)
        gone = hook("BOOKING_CANCELLED", "u9", "2026-11-23T01:00:00Z", status="CANCELLED")
        assert again.poll(gone)["u9"][0] == "confirmed"
        status = 200
        assert again.poll()["u9"][0] == "cancelled"
        for each in (followed, again):
            each.writer.close()
        house.engine.dispose()


def test_a_feed_of_another_site_is_not_touched(house: House) -> None:
    word = hear(MADE)
    assert word is not None
    with write_transaction(house.engine, ["ecole", "other"]) as conn:
        row = {"feed": "town", "uid": "u1", "body": "{}", "at": 1, "ends": 1}
        conn.execute(insert(hooked).values(site="other", **row))
        assert keep(conn, house.site, "town", word, NOW)
        assert not keep(conn, house.site, "town", word, NOW)
    found = {row["site"]: row["body"] for row in rows(house, hooked)}
    assert found["other"] == "{}"
    assert msgspec.json.decode(found["ecole"], type=Link) == word


def test_the_health_of_sources_says_what_a_caretaker_can_mend(followed: Followed) -> None:
    house = followed.site.house
    followed.platform.post(MADE, {})
    followed.poll(MADE)
    house.world.move(HOUR)
    event = "BEGIN:VEVENT\r\nUID:a\r\nEND:VEVENT\r\n"
    text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{event}END:VCALENDAR\r\n"
    private(house.file.parent, "agenda.ics", text)
    agenda = FeedFollower(house.site.sources[1], followed.site.memory, followed.writer, house.desk)
    asyncio.run(agenda.poll())
    with house.engine.connect() as conn:
        town, calendar, polled = source_health(conn, [house.site], house.world.now())
    assert (town.kind, town.tried, town.good, town.told) == ("calcom", NOW, NOW, NOW)
    assert (town.error, town.bookings, town.rejected, town.ahead) == (None, 1, 0, 1)
    assert town.reasons == [Reason(UNSIGNED, 1, NOW)]
    assert (calendar.kind, calendar.good, calendar.told) == ("ical", NOW + HOUR, None)
    assert calendar.rejected == 1 and [item.count for item in calendar.reasons] == [1]
    assert (polled.feed, polled.tried, polled.ahead) == ("polled", None, 0)
    # taken out of the configuration: shown while bookings of it are ahead
    less = replace(house.site, feeds=house.site.feeds[1:])
    with house.engine.connect() as conn:
        gone = source_health(conn, [less], house.world.now())[-1]
        assert (gone.feed, gone.configured, gone.kind, gone.ahead) == ("town", False, None, 1)
        late = source_health(conn, [less], NOW + 90 * DAY)
        assert [feed.feed for feed in late] == ["agenda", "polled"]
