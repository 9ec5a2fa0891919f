"""Webhooks against a real server that is there, down, slow, broken or gone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from pleintemps_gateway.connections import hooks
from pleintemps_gateway.connections.guarded import Networks, Poster
from pleintemps_gateway.connections.post_office import GIVE_UP_MS, KEEP_MS, STEP, PostOffice
from pleintemps_gateway.store.changes import record_change, record_changes
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import alerts, audit, bookings, usage
from pleintemps_gateway.store.schema_connections import posts, webhooks
from pleintemps_gateway.store.writer import Writer
from tests.gateway.house import NOW, build

from .receiver import Receiver

OWN = Networks(["127.0.0.0/8"])
ALERT = "a1" * 16
HOUR = 3_600_000


class Desk:
    """A site with one webhook that leads to ``receiver``."""

    def __init__(self, folder: Path, store: str) -> None:
        self.house = build(folder, store)
        self.receiver = Receiver()
        self.writer = Writer(self.house.engine, ["ecole"])
        self.office = self.anew()
        made = self.make(["alert", "usage", "booking"])
        self.hook, self.receiver.secret = made

    def anew(self, patience_s: float = 30) -> PostOffice:
        world, vault = self.house.world, self.house.desk.vault
        poster = Poster(OWN, patience_s)
        return PostOffice(["ecole"], self.house.engine, self.writer, vault, world, poster)

    def make(self, events: list[str], url: str = "") -> hooks.Made:
        vault, world = self.house.desk.vault, self.house.world
        facts: dict[str, Any] = {"label": "till", "url": url or self.receiver.url, "events": events}
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            return hooks.make(conn, "ecole", vault, world, OWN, by="anne", **facts)

    def alert(self, state: str = "open", **more: Any) -> None:
        """The alert as it stands from now on."""
        now = self.house.world.now()
        values: dict[str, Any] = {
            "site": "ecole",
            "alert": ALERT,
            "kind": "noise",
            "rank": "alert",
            "subject": "noise/hall",
        }
        values |= {"space": "hall", "state": state, "opened": NOW, "facts": "{}"} | more
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            mine = (alerts.c.site == "ecole") & (alerts.c.alert == ALERT)
            if conn.execute(update(alerts).where(mine).values(**values)).rowcount == 0:
                conn.execute(insert(alerts).values(**values))
            record_change(conn, "ecole", "alerts", ALERT, now)

    def pass_time(self, ms: int) -> None:
        asyncio.run(self.house.world.advance(ms))

    def tell(self) -> int:
        async def work() -> int:
            await self.office.follow()
            return await self.office.post_due()

        return asyncio.run(work())

    def row(self) -> Any:
        with self.house.engine.connect() as conn:
            return conn.execute(select(webhooks).where(webhooks.c.hook == self.hook)).one()

    def waiting(self) -> list[Any]:
        with self.house.engine.connect() as conn:
            return list(conn.execute(select(posts).where(posts.c.body.is_not(None))).all())

    def states(self) -> list[str]:
        return [said["data"]["state"] for said in self.receiver.heard]

    def close(self) -> None:
        self.writer.close()
        self.receiver.close()
        self.house.engine.dispose()


@pytest.fixture
def desk(tmp_path: Path, store_url: str) -> Iterator[Desk]:
    made = Desk(tmp_path, store_url)
    yield made
    made.close()


@pytest.fixture
def lone(tmp_path: Path, sqlite_url: str) -> Iterator[Desk]:
    """On one kind of store, where the store is not the matter."""
    made = Desk(tmp_path, sqlite_url)
    yield made
    made.close()


def test_what_changes_is_told_once_and_proves_where_it_comes_from(desk: Desk) -> None:
    desk.alert(acknowledged_by="Camille", comment="elle arrive", facts='{"level":74}')
    assert desk.tell() == 1
    (said,) = desk.receiver.heard
    assert (said["type"], said["site"], said["at"]) == ("alert", "ecole", NOW)
    assert said["data"]["kind"] == "noise" and said["data"]["space"] == "hall"
    assert not {"acknowledged_by", "comment", "facts"} & said["data"].keys()
    desk.alert(comment="autre chose")  # nothing that is told
    assert desk.tell() == 0
    desk.alert("resolved", resolved=NOW + 5)
    assert desk.tell() == 1
    assert desk.states() == ["open", "resolved"]
    assert (desk.row().state, desk.row().told, desk.row().error) == ("on", NOW, None)
    assert desk.waiting() == []


def test_a_server_that_is_down_misses_nothing_and_of_two_changes_hears_the_last(lone: Desk) -> None:
    lone.receiver.status = 500
    lone.alert()
    assert lone.tell() == 1
    assert lone.row().error == "the server answers 500"
    assert lone.row().failing == NOW
    first = lone.waiting()[0]
    assert (first.due, first.attempts) == (NOW + 15_000, 1)
    lone.alert("acknowledged", acknowledged=NOW + 1)
    assert lone.tell() == 0  # what is new waits as long as what waits already
    lone.pass_time(15_000)
    assert lone.tell() == 1
    assert lone.waiting()[0].due == NOW + 15_000 + 30_000
    lone.office = lone.anew()  # the process is started anew
    lone.receiver.status = 204
    lone.pass_time(30_000)
    assert lone.tell() == 1
    assert lone.states() == ["acknowledged"]
    assert lone.row().failing is None and lone.row().error is None


def test_one_that_is_down_is_asked_once_however_much_waits(lone: Desk) -> None:
    lone.receiver.status = 503
    with write_transaction(lone.house.engine, ["ecole"]) as conn:
        for number in range(5):
            row: dict[str, Any] = {
                "site": "ecole",
                "booking": f"{number}" * 32,
                "source": "rest",
                "uid": f"u{number}",
            }
            row |= {"space": "hall", "title": "Chorale", "start": NOW, "end": NOW + HOUR}
            conn.execute(insert(bookings).values(row | {"status": "confirmed", "updated": NOW}))
            record_change(conn, "ecole", "bookings", f"{number}" * 32, NOW)
    assert lone.tell() == 5
    assert lone.receiver.asked == 1
    assert {row.due for row in lone.waiting()} == {NOW + 15_000}
    lone.receiver.status = 204
    lone.pass_time(15_000)
    assert lone.tell() == 5
    assert {said["data"]["booking"][0] for said in lone.receiver.heard} == set("01234")
    assert "Chorale" not in str(lone.receiver.heard)


@pytest.mark.parametrize(("status", "said"), [(302, "302"), (404, "404"), (401, "401")])
def test_other_answers_are_tried_again_and_a_redirect_is_not_followed(
    lone: Desk, status: int, said: str
) -> None:
    lone.receiver.status = status
    lone.alert()
    lone.tell()
    assert lone.receiver.asked == 1
    assert said in lone.row().error and lone.row().state == "on"


def test_slow_is_down(lone: Desk) -> None:
    lone.receiver.slow = True
    lone.office = lone.anew(patience_s=0.2)
    lone.alert()
    lone.tell()
    assert lone.row().error == "no answer within 0.2 s"


def test_nobody_there_is_down(lone: Desk, free_port: int) -> None:
    made = lone.make(["alert"], f"http://127.0.0.1:{free_port}/")
    lone.hook = made.hook
    lone.alert()
    lone.tell()
    assert lone.row().error.startswith("cannot be reached")
    assert str(free_port) not in lone.row().error


def test_gone_is_not_asked_again(lone: Desk) -> None:
    lone.receiver.status = 410
    lone.alert()
    lone.tell()
    assert lone.row().state == "gone"
    lone.pass_time(10 * 86_400_000)
    lone.alert("resolved")
    assert lone.tell() == 0
    assert lone.receiver.asked == 1


def test_after_five_days_it_is_switched_off_and_on_again_it_catches_up(lone: Desk) -> None:
    lone.receiver.status = 500
    lone.alert()
    lone.tell()
    lone.pass_time(GIVE_UP_MS)
    lone.tell()
    assert lone.row().state == "failed"
    lone.alert("resolved")
    assert lone.tell() == 0
    lone.receiver.status = 204
    with write_transaction(lone.house.engine, ["ecole"]) as conn:
        assert hooks.switch(conn, "ecole", lone.hook, True, lone.house.world, "anne")
        assert not hooks.switch(conn, "ecole", "0" * 32, True, lone.house.world, "anne")
    assert lone.tell() == 1
    assert lone.states() == ["resolved"]


def test_while_a_secret_changes_both_prove_it_then_only_the_new_one(lone: Desk) -> None:
    world = lone.house.world
    with write_transaction(lone.house.engine, ["ecole"]) as conn:
        made = hooks.rotate(conn, "ecole", lone.hook, lone.house.desk.vault, world, "anne")
    assert made is not None and made.secret != lone.receiver.secret
    lone.alert()
    lone.tell()
    assert lone.states() == ["open"]  # the old secret
    lone.pass_time(hooks.OVERLAP_MS)
    lone.alert("resolved")
    lone.tell()
    assert lone.row().error == "the server answers 401"
    lone.receiver.secret = made.secret
    lone.pass_time(15_000)
    lone.tell()
    assert lone.states() == ["open", "resolved"]


def test_a_usage_record_is_told_once_it_is_worked_out(lone: Desk) -> None:
    booking = "c1" * 16
    row: dict[str, Any] = {"site": "ecole", "booking": booking, "space": "hall", "state": "ended"}
    row |= {"since": NOW, "closed_at": NOW, "booked_from": NOW - HOUR, "booked_to": NOW}
    with write_transaction(lone.house.engine, ["ecole"]) as conn:
        conn.execute(insert(usage).values(row))
        record_change(conn, "ecole", "usage", booking, NOW)
    assert lone.tell() == 0
    with write_transaction(lone.house.engine, ["ecole"]) as conn:
        conn.execute(update(usage).values(settled_at=NOW, occupied_ms=HOUR))
        record_change(conn, "ecole", "usage", booking, NOW)
    assert lone.tell() == 1
    assert lone.receiver.heard[0]["data"]["occupied_ms"] == HOUR


def test_a_long_row_of_changes_is_followed_in_steps(lone: Desk) -> None:
    noise = [("series", f"entrance/{number}") for number in range(STEP)]
    lone.alert()
    with write_transaction(lone.house.engine, ["ecole"]) as conn:
        record_changes(conn, "ecole", noise, NOW)
    lone.alert("resolved")
    lone.tell()
    assert lone.states() == ["resolved"]
    lone.pass_time(KEEP_MS + 1)
    lone.tell()
    with lone.house.engine.connect() as conn:
        assert conn.execute(select(posts)).all() == []  # what was told is forgotten


def test_removed_takes_along_what_waits_and_all_of_it_is_in_the_log(lone: Desk) -> None:
    lone.receiver.status = 500
    lone.alert()
    lone.tell()
    with write_transaction(lone.house.engine, ["ecole"]) as conn:
        assert hooks.switch(conn, "ecole", lone.hook, False, lone.house.world, "anne")
        assert hooks.remove(conn, "ecole", lone.hook, lone.house.world, "anne")
        assert not hooks.remove(conn, "ecole", lone.hook, lone.house.world, "anne")
        assert hooks.rotate(conn, "ecole", lone.hook, lone.house.desk.vault, lone.house.world, "x") is None
    assert lone.waiting() == []
    with lone.house.engine.connect() as conn:
        said = conn.scalars(select(audit.c.action).where(audit.c.subject == f"webhook/{lone.hook}")).all()
        secrets = conn.scalars(select(audit.c.fields)).all()
    assert list(said) == ["webhook.made", "webhook.off", "webhook.removed"]
    assert lone.receiver.secret not in str(secrets)
