"""A group goes part by part: all is done once and in its order, and who waits does not wait for all of it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, text

from pleintemps_gateway.store.engine import Turn, open_engine, write_transaction
from pleintemps_gateway.store.parts import Job, Passage
from pleintemps_gateway.store.writer import Writer
from tests.support.stores import make_store
from tests.support.waiting import wait_for

WAIT_S = 20.0
NAMES = ("a", "b", "c")


class Sites:
    """Three parts that keep what their jobs say, and refuse to be written twice in a transaction."""

    def __init__(self) -> None:
        self.gathered: dict[str, list[int]] = {name: [] for name in NAMES}
        self.stored: list[tuple[str, int]] = []
        self.flushed: list[str] = []
        self.said: list[str] = []
        self.timely: set[str] = set()

    def job(self, part: str | None, number: int, urgent: bool = False) -> Job:
        def run(_conn: Connection) -> int:
            for name in NAMES if part is None else (part,):
                self.gathered[name].append(number)
            return number

        return Job(run, Future(), urgent=urgent, part=part)

    def begin_parts(self, _conn: Connection) -> None:
        self.flushed = []

    def flush_part(self, conn: Connection, part: str) -> None:
        assert part not in self.flushed
        self.flushed.append(part)
        self.timely.discard(part)
        self.stored += [(part, number) for number in self.gathered[part]]
        self.gathered[part] = []

    def end_parts(self, _conn: Connection) -> None:
        return

    def prepare(self) -> None:
        return

    def say(self, between: Callable[[], None]) -> None:
        for part in self.flushed:
            between()
            self.said.append(part)

    def stirred(self) -> list[str]:
        return [name for name, numbers in self.gathered.items() if numbers]

    def due(self) -> list[str]:
        return sorted({*self.stirred(), *self.timely})

    def flush(self, conn: Connection) -> None:
        self.begin_parts(conn)
        for part in self.due():
            self.flush_part(conn, part)

    def committed(self) -> None:
        self.say(lambda: None)

    def reload(self, _conn: Connection) -> None:
        self.gathered = {name: [] for name in NAMES}


def run(job: Job, conn: Connection) -> Any:
    return job.run(conn)


PARTS = st.sampled_from((*NAMES, None))


@given(
    asked=st.lists(PARTS, max_size=60),
    urgent=st.lists(st.tuples(st.integers(0, 20), PARTS), max_size=5),
    waits=st.lists(st.booleans(), max_size=80),
)
def test_each_job_is_done_once_in_the_order_of_its_part_whoever_waits(
    asked: list[str | None], urgent: list[tuple[int, str | None]], waits: list[bool]
) -> None:
    sites, answers = Sites(), iter(waits)
    coming = [
        (turn, sites.job(part, 1_000 + place, urgent=True)) for place, (turn, part) in enumerate(urgent)
    ]
    left = [sites.job(part, number) for number, part in enumerate(asked)]
    first, done, numbers = list[Job](), list[Job](), list[int]()
    rounds, owing = 0, False

    def come() -> list[Job]:
        nonlocal coming
        now = [job for turn, job in coming if turn <= rounds]
        coming = [(turn, job) for turn, job in coming if turn > rounds]
        return now

    with create_engine("sqlite://").connect() as conn:
        while left or first or coming:
            rounds += 1
            assert rounds < 300
            if first:
                passage = Passage(sites, first, run, bool, list)
                passage.go_first(conn)
            else:
                passage = Passage(sites, left, run, lambda: next(answers, False), come)
                passage.go(conn, owing=owing)
                assert passage.begun or not left  # nobody is kept waiting for ever
                left, owing = passage.rest, not passage.is_whole
            first = passage.again
            done += passage.begun
            numbers += passage.results
    assert len({id(job) for job in done}) == len(done)
    assert sorted(numbers) == sorted([*range(len(asked)), *(1_000 + place for place in range(len(urgent)))])
    for name in NAMES:
        mine = [number for part, number in sites.stored if part == name and number < 1_000]
        assert mine == [number for number, part in enumerate(asked) if part in (name, None)]


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    make_store(store_url)
    made = open_engine(store_url)
    yield made
    made.dispose()


@pytest.mark.parametrize("parted", [True, False])
def test_what_is_urgent_goes_after_the_part_under_way_and_not_after_all(engine: Engine, parted: bool) -> None:
    begun, go = threading.Event(), threading.Event()

    class Slow(Sites):
        def flush_part(self, conn: Connection, part: str) -> None:
            if part == "a" and not begun.is_set():
                begun.set()
                assert go.wait(WAIT_S)
            super().flush_part(conn, part)

    sites = Slow()
    sites.gathered = {name: [0] for name in NAMES}
    writer = Writer(engine, [*NAMES], memory=sites, parts=sites if parted else None)
    jobs = [writer.submit(sites.job(part, 1).run, site=part) for part in NAMES]
    assert begun.wait(WAIT_S)
    urgent = writer.submit(sites.job("c", 9).run, site="c", urgent=True)
    go.set()
    writer.close()
    assert [job.result(WAIT_S) for job in [*jobs, urgent]] == [1, 1, 1, 9]
    parts = [part for part, _ in sites.stored]
    assert (parts.index("b") > parts.index("c")) == parted
    assert sorted(sites.stored) == sorted(
        (name, number) for name in NAMES for number in ([0, 1, 9] if name == "c" else [0, 1])
    )


def test_a_bad_job_harms_itself_alone_and_each_is_answered_once(engine: Engine) -> None:
    sites, begun, goes = Sites(), threading.Event(), threading.Event()
    writer = Writer(engine, [*NAMES], memory=sites, parts=sites)

    def hold(_conn: Connection) -> None:
        begun.set()
        assert goes.wait(WAIT_S)

    def fail(_conn: Connection) -> None:
        raise ValueError

    writer.submit(hold, site="a")
    assert begun.wait(WAIT_S)
    good = [
        writer.submit(sites.job(name, number).run, site=name) for number, name in enumerate([*NAMES, "b"])
    ]
    bad = writer.submit(fail, site="b")
    good.append(writer.submit(sites.job("c", 4).run, site="c"))
    goes.set()
    writer.close()
    assert writer.failure is None
    assert isinstance(bad.exception(WAIT_S), ValueError)
    assert [future.result(WAIT_S) for future in good] == [0, 1, 2, 3, 4]
    stored = [("a", 0), ("b", 1), ("b", 3), ("c", 2), ("c", 4)]
    assert sorted(set(sites.stored)) == stored


def test_who_writes_knows_that_another_waits(engine: Engine, store_url: str) -> None:
    other, turn = open_engine(store_url), Turn(engine)

    def write() -> None:
        with write_transaction(other, ["a"]) as conn:
            conn.execute(text("SELECT 1"))

    waiting = threading.Thread(target=write)
    try:
        with write_transaction(engine, ["a"], turn):
            assert not turn.is_wanted()
            waiting.start()
            wait_for(turn.is_wanted, within_s=WAIT_S, what="somebody who waits")
        waiting.join(WAIT_S)
        assert not waiting.is_alive()
        with write_transaction(engine, ["a"], turn):
            assert not turn.is_wanted()
    finally:
        turn.close()
        other.dispose()
