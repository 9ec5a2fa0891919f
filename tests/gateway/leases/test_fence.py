"""The writer's fence: who has lost a site writes nothing of it and says nothing, whatever it still knows."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, func, select, text

from pleintemps_contract.gateway_messages import Announcement, Receipt
from pleintemps_contract.topics import Topic
from pleintemps_contract.wire import decode_gateway_body, encode
from pleintemps_gateway.errors import LostSiteError
from pleintemps_gateway.ingest.leased import LeasedMemory
from pleintemps_gateway.ingest.site import SiteMemory
from pleintemps_gateway.keys import load_gateway_keys, load_peppers
from pleintemps_gateway.leases import store
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import IDLE_MS
from pleintemps_gateway.store.schema import changes, events
from pleintemps_gateway.store.writer import Writer
from tests.gateway.house import NOW, House, build
from tests.gateway.player import batch
from tests.support.waiting import wait_for

from .test_lease_store import age, take

WAIT_S = 20.0
TOPIC = "pleintemps/v1/ecole/entrance/events"


class Gateway:
    """The writer of a gateway called ``a``, with one site."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.said: list[object] = []
        self.speaks = True
        keys = Path(house.config.keys)
        store.join(house.engine, "a", "a1", ["ecole"])
        self.token = take(house.engine, "ecole", "a", "a1")
        assert self.token is not None
        signing = load_gateway_keys(keys).signing
        site = SiteMemory(
            house.site, house.world, signing, house.desk.vault, load_peppers(keys, "ecole"), self.token
        )
        with house.engine.connect() as conn:
            site.reload(conn)
        self.memory = LeasedMemory(self._publish, lambda: self.speaks)
        self.memory.join([site])
        known, sites = self.memory, self.memory.sites.keys()
        self.writer = Writer(house.engine, sites, memory=known, fence=known, parts=known)

    def _publish(self, topic: str, payload: bytes, _retained: bool) -> None:
        self.said.append(decode_gateway_body(Topic.parse(topic), payload.partition(b"\n")[2]))

    def hear(self, first: int, last: int) -> None:
        """A batch of events arrives."""
        message = self.memory.take(TOPIC, encode(batch(first, last)), False)
        self.writer.submit(message).result(WAIT_S)

    def stored(self) -> int:
        with self.house.engine.connect() as conn:
            return conn.scalar(select(func.count()).select_from(events)) or 0


@pytest.fixture
def gateway(tmp_path: Path, postgres_url: str) -> Iterator[Gateway]:
    made = Gateway(build(tmp_path, postgres_url))
    yield made
    made.writer.close()
    made.house.engine.dispose()


def test_who_has_lost_a_site_writes_and_says_nothing_of_it(gateway: Gateway) -> None:
    gateway.hear(1, 2)
    assert gateway.stored() == 2
    assert [each.through for each in gateway.said if isinstance(each, Receipt)] == [2]
    engine = gateway.house.engine
    store.join(engine, "b", "b1", ["ecole"])
    age(engine, "a")
    assert take(engine, "ecole", "b", "b1") == (gateway.token or 0) + 1
    gateway.said.clear()
    gateway.hear(3, 4)
    late = gateway.writer.submit(lambda conn: record_change(conn, "ecole", "alerts", "x", NOW), site="ecole")
    assert isinstance(late.exception(WAIT_S), LostSiteError)
    assert gateway.stored() == 2
    with engine.connect() as conn:
        assert conn.scalar(select(func.count()).where(changes.c.key == "x")) == 0
    assert not gateway.said
    assert gateway.writer.failure is None  # it goes on for the sites that it still has


def test_what_is_given_away_is_written_first_and_then_no_more(gateway: Gateway) -> None:
    gateway.hear(1, 2)
    gateway.memory.leave(["ecole"])
    gateway.hear(3, 4)
    assert gateway.stored() == 2
    assert not gateway.memory.holds("ecole")


def test_a_gateway_that_may_be_thought_dead_stores_but_does_not_speak(gateway: Gateway) -> None:
    gateway.hear(1, 2)
    gateway.said.clear()
    gateway.speaks = False
    gateway.hear(3, 4)
    assert gateway.stored() == 4
    assert not gateway.said
    gateway.speaks = True
    gateway.writer.submit(lambda _conn: None).result(WAIT_S)
    assert [each.through for each in gateway.said if isinstance(each, Receipt)] == [4]
    gateway.said.clear()
    gateway.speaks = False
    gateway.hear(3, 4)
    gateway.speaks = True
    gateway.hear(5, 5)
    assert any(
        isinstance(each, Announcement) for each in gateway.said
    )  # all that was to be said is said again
    assert [each.through for each in gateway.said if isinstance(each, Receipt)] == [5]


def test_nobody_takes_a_site_from_a_transaction_under_way(gateway: Gateway) -> None:
    engine = gateway.house.engine
    store.join(engine, "b", "b1", ["ecole"])
    age(engine, "a")
    with ThreadPoolExecutor(1) as pool:

        def work(_conn: Connection) -> "Future[int | None]":
            taking = pool.submit(take, engine, "ecole", "b", "b1")
            wait_for(lambda: waiting(engine), within_s=WAIT_S, what="a taker in line")
            assert not taking.done()
            return taking

        taking = gateway.writer.submit(work).result(WAIT_S)
        assert taking.result(WAIT_S) == (gateway.token or 0) + 1


def waiting(engine: Engine) -> bool:
    """Whether somebody waits for a lock."""
    with engine.connect() as conn:
        return bool(conn.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_a_group_is_not_left_open_for_ever(gateway: Gateway) -> None:
    patience = gateway.writer.submit(
        lambda conn: conn.scalar(text("SHOW idle_in_transaction_session_timeout"))
    )
    assert patience.result(WAIT_S) == f"{IDLE_MS // 1000}s"
