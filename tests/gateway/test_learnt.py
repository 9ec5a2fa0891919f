"""What a room has taught: stored, restored, shown, forgotten."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from pleintemps_gateway.cli import main
from pleintemps_gateway.engine import Learnt, Snapshot
from pleintemps_gateway.ingest.outputs import persist
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.learnt import KEPT, keep, youngest

from .house import House, build
from .rules.building import HOUR, METER, MINUTE, PIR, Day

BODY = '{"form":1,"sound":{"vacant":{"12":3.0}},"door":{}}'


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    built = build(tmp_path, sqlite_url)
    yield built
    built.engine.dispose()


def test_the_youngest_version_is_shown_until_a_person_resets_it(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    space = next(iter(house.config.sites[0].spaces)).space
    options = ["--config", str(house.file), "--site", "ecole", "--space", space, "--json"]
    assert main(["occupancy", "show", *options]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 0
    with write_transaction(house.engine, ["ecole"]) as conn:
        for at in range(KEPT + 5):
            persist(conn, "ecole", [Learnt(space=space, at=at, body=BODY)])
    assert main(["occupancy", "show", *options]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["version"], shown["learnt"]) == (KEPT + 5, json.loads(BODY))
    assert main(["occupancy", "reset", *options]) == 0
    reset = json.loads(capsys.readouterr().out)
    assert (reset["version"], reset["learnt"], reset["reset_by"]) == (KEPT + 6, None, "command line")
    assert main(["occupancy", "show", *options[:-2], "nowhere"]) == 2
    assert "no space" in capsys.readouterr().err


def test_versions_are_of_one_space(house: House) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        keep(conn, "ecole", "one", 1, BODY)
        keep(conn, "ecole", "two", 2, None, "a person")
        found = youngest(conn, "ecole")
    assert {space: row["version"] for space, row in found.items()} == {"one": 1, "two": 1}


def test_a_room_says_every_hour_what_it_was_taught_and_goes_on_from_there() -> None:
    day = Day([PIR, METER])
    day.tick_ms = 10_000
    for minute in range(100):
        day.say("hall-pir", int(minute in (40, 41)))
        day.say("hall-meter", 60.0 if minute in (40, 41) else 35.0)
        day.run(MINUTE)
    said = day.of(Learnt)
    assert said
    assert said[-1].body is not None
    assert all(later.at - before.at >= HOUR for before, later in pairwise(said))
    after = Day([])
    after.engine.restore(Snapshot(learnt={"hall": said[-1].body}))
    again = after.engine._spaces["hall"].runtime.room.memory
    assert again.kept() == json.loads(said[-1].body)
    after.engine.on_reset("hall")
    assert again.empty
