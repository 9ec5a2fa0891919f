"""Hours that people mark: from the samples in the store to the room's memory, and away again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, insert, inspect, select

from pleintemps_contract.agent_messages import Column, SamplesBatch
from pleintemps_contract.world import SystemWorld
from pleintemps_gateway.cli import main
from pleintemps_gateway.errors import MarkError
from pleintemps_gateway.ingest.snapshot import read_snapshot
from pleintemps_gateway.learnt.marking import MOST_MS, OLDEST_MS, Wish, mark, marked, reset, unmark
from pleintemps_gateway.occupancy.sound import step
from pleintemps_gateway.privacy.erasing import erase
from pleintemps_gateway.privacy.finding import Found
from pleintemps_gateway.privacy.retention import forget
from pleintemps_gateway.privacy.usages import forget as forget_usage
from pleintemps_gateway.store.changes import last_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import audit, sample_batches, series
from pleintemps_gateway.store.schema_rooms import learnt, marks

from .house import HOUR, NOW, House, build
from .test_ingest_site import Site

MINUTE = 60_000
START = NOW - 3 * HOUR
CALM, LOUD = 36.0, 66.0


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    made = build(tmp_path, store_url)
    with write_transaction(made.engine, ["ecole"]) as conn:
        for name, quantity in (("hall-pir", "motion"), ("hall-meter", "level")):
            facts = {"device": name, "space": "hall", "quantity": quantity, "kind": "state"}
            row = {"site": "ecole", "agent": "entrance", "series": name, "max_silence_s": 60}
            conn.execute(insert(series).values(row | facts))
        for number in range(12):  # ten minutes each: an hour of calm, an hour of noise
            base, level = START + number * 10 * MINUTE, CALM if number < 6 else LOUD
            dt = list(range(0, 10 * MINUTE, MINUTE // 2))
            columns = {
                "hall-meter": Column(dt=dt, value=[level] * len(dt)),
                "hall-pir": Column(dt=dt, value=[float(number >= 6 and at % MINUTE == 0) for at in dt]),
                "other": Column(dt=dt, value=[99.0] * len(dt)),
            }
            batch = SamplesBatch(
                journal="a" * 32,
                first=1,
                seq=number + 1,
                boot="b" * 32,
                base=base,
                trusted=True,
                series=columns,
            )
            row = {"site": "ecole", "journal": "a" * 32, "seq": number + 1, "agent": "entrance"}
            body = msgspec.json.encode(batch)
            conn.execute(insert(sample_batches).values(row | {"base": base, "readings": 1, "body": body}))
    yield made
    made.engine.dispose()


def wish(state: Any = "empty", **changes: Any) -> Wish:
    return Wish("hall", START, START + HOUR, state)._replace(**changes)


USED = wish("used", start=START + HOUR, end=START + 2 * HOUR)


def put(house: House, what: Wish, by: str = "camille") -> str:
    return str(mark(house.engine, house.site, house.world, what, by).mark)


def weight(house: House) -> float:
    """What sound weighs in a gateway that starts now."""
    site = Site(house)
    return site.memory.engine._spaces["hall"].runtime.room.memory.sound.weight


def test_marks_teach_a_gateway_that_starts_and_one_that_runs(house: House) -> None:
    assert weight(house) == 0
    site = Site(house)
    sound = site.memory.engine._spaces["hall"].runtime.room.memory.sound
    put(house, wish())
    name = put(house, USED)
    with house.engine.connect() as conn:
        (used, empty) = marked(conn, "ecole", "hall")
        assert (empty.state, empty.by, used.state) == ("empty", "camille", "used")
        assert json.loads(empty.lesson)["vacant"] == {str(step(CALM)): 120}
        assert json.loads(used.lesson)["active"] == {str(step(LOUD)): 120}
        assert marked(conn, "ecole", "class") == []
    assert weight(house) > 0.6
    with write_transaction(house.engine, ["ecole"]) as conn:
        site.memory.follow(conn)
    assert sound.weight > 0.6
    unmark(house.engine, house.site, house.world, "hall", name, "camille")
    with write_transaction(house.engine, ["ecole"]) as conn:
        site.memory.follow(conn)
    assert sound.weight == weight(house) == 0
    with house.engine.connect() as conn:
        actions = [row.action for row in conn.execute(select(audit).order_by(audit.c.seq))]
    assert actions == ["occupancy.marked", "occupancy.marked", "occupancy.unmarked"]


def test_a_reset_forgets_the_marks_as_well(house: House) -> None:
    put(house, wish())
    put(house, USED)
    site = Site(house)
    assert reset(house.engine, house.site, house.world, "hall", "marion") == 1
    with write_transaction(house.engine, ["ecole"]) as conn:
        site.memory.follow(conn)
        assert read_snapshot(conn, house.site, NOW).marks == {}
    assert site.memory.engine._spaces["hall"].runtime.room.memory.sound.weight == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"end": START}, "bad-times"),
        ({"end": START + MINUTE}, "bad-times"),
        ({"start": START - MOST_MS}, "bad-times"),
        ({"start": NOW - MINUTE * 10, "end": NOW + 1}, "ahead"),
        ({"start": NOW - OLDEST_MS - 1, "end": NOW - OLDEST_MS + HOUR}, "too-old"),
        ({"start": START + HOUR - 1, "end": START + 2 * HOUR, "state": "used"}, "overlaps"),
    ],
)
def test_an_hour_that_cannot_be_marked_is_refused(house: House, changes: dict[str, Any], reason: str) -> None:
    put(house, wish())
    with house.engine.connect() as conn:
        before = last_change(conn, "ecole")
    with pytest.raises(MarkError) as caught:
        put(house, wish(**changes))
    assert caught.value.reason == reason
    with house.engine.connect() as conn:
        assert last_change(conn, "ecole") == before


def test_a_mark_of_another_space_is_unknown(house: House) -> None:
    name = put(house, wish())
    with pytest.raises(MarkError) as caught:
        unmark(house.engine, house.site, house.world, "class", name, "camille")
    assert caught.value.reason == "unknown-mark"
    assert put(house, wish(space="class")) != name


def test_who_marked_is_forgotten_and_erased_and_the_hour_stays(house: House) -> None:
    put(house, wish(), "zoe@example.org")
    put(house, USED, "camille")
    reset(house.engine, house.site, house.world, "class", "camille")
    with write_transaction(house.engine, ["ecole"]) as conn:
        found = Found(words=("zoe@example.org",))
        counts = erase(conn, house.site, found, [], house.desk.vault, house.world)
        assert counts["marks"] == 1
        assert set(conn.scalars(select(marks.c.by))) == {"", "camille"}
        forget(conn, "ecole", NOW + 1, NOW + 1)
        assert set(conn.scalars(select(marks.c.by))) == {""}
        assert conn.scalar(select(learnt.c.reset_by)) == ""
        assert len(marked(conn, "ecole", "hall")) == 2


def test_what_retention_looks_for_has_an_index(house: House) -> None:
    if house.engine.dialect.name != "sqlite":  # the plan of a small table says nothing there
        assert "usage_by_told" in {index["name"] for index in inspect(house.engine).get_indexes("usage")}
        return
    asked = []
    with house.engine.connect() as conn:
        event.listen(house.engine, "before_cursor_execute", lambda *found: asked.append(found[2:4]))
        forget_usage(conn, "ecole", NOW, 500)
        statement, values = next(found for found in asked if "usage" in found[0])
        plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    assert "usage_by_told" in str(plan)


def test_the_command_line_marks_shows_and_unmarks(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(house.file), "--site", "ecole", "--json"]
    span = ["--from", "2020-01-01T10:00", "--to", "2020-01-01T11:00+01:00"]
    assert main(["occupancy", "mark", "hall", *config, *span, "--empty"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "seven days" in said
    assert main(["occupancy", "mark", "attic", *config, *span, "--used"]) == 2
    assert "attic" in capsys.readouterr().err
    now = SystemWorld().now()  # the command line's clock is the machine's
    ago = [datetime.fromtimestamp((now - hours * HOUR) / 1000, UTC).isoformat() for hours in (2, 1)]
    assert main(["occupancy", "mark", "class", *config, "--from", ago[0], "--to", ago[1], "--used"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["state"], made["by"], made["space"]) == ("used", "command line", "class")
    name = put(house, wish(), "camille")
    assert main(["occupancy", "marks", "hall", *config]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["mark"], shown["state"], shown["by"]) == (name, "empty", "camille")
    assert shown["lesson"]["vacant"] == {str(step(CALM)): 120}
    assert main(["occupancy", "unmark", "--space", "hall", *config, "--mark", name]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] is True
    assert main(["occupancy", "unmark", "--space", "hall", *config, "--mark", name]) == 2
    assert "no such mark" in capsys.readouterr().err
