"""What a running gateway tells real agents about itself and them: a change of its key, timings of doors."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select

from pleintemps_gateway.cli import main
from pleintemps_gateway.store import schema
from tests.support.broker import find_mosquitto
from tests.support.waiting import wait_for

from .running import RunningDemo

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    with RunningDemo(tmp_path / "demo") as running:
        yield running


@pytest.mark.soak  # its halves: tests/gateway/test_key_change.py, tests/edge/test_link_changes.py
def test_agents_follow_a_change_of_key_and_forget_the_old_one(
    demo: RunningDemo, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(demo.data / "gateway.toml")

    def status() -> dict[str, Any]:
        capsys.readouterr()
        assert main(["key", "status", "--config", config, "--json"]) == 0
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        return told

    def held() -> set[tuple[str, ...]]:
        return {tuple(sorted(keys)) for keys in status()["agents"].values()}

    (old,) = status()["keys"]
    wait_for(lambda: held() == {(old,)}, within_s=60, what="births that name the key")
    assert main(["key", "new", "--config", config]) == 0
    new = status()["wanted"]
    wait_for(lambda: status()["lacking"] == [], within_s=60, what="agents that hold the new key")
    assert held() == {tuple(sorted((old, new)))}
    assert main(["key", "use", "--config", config]) == 0
    assert status()["keys"] == {new: "signs", old: "old"}
    assert main(["key", "retire", "--config", config]) == 0
    # only who believes the new key can have taken this from it
    wait_for(lambda: held() == {(new,)}, within_s=60, what="agents that have forgotten the old key")
    evening = demo.start_evening()
    wait_for(evening.done, within_s=120, what="end of the evening")
    report = demo.call(demo.demo.settle(), within_s=60)
    assert report["codes_accepted"] == report["people"]["codes_accepted"] > 0


def test_a_real_agent_takes_timings_and_goes_back_to_its_own(demo: RunningDemo) -> None:
    file = demo.data / "gateway.toml"
    gateway = demo.demo.installation.gateway
    engine = create_engine(f"sqlite:///{demo.database}")
    first = demo.demo.plan.agents[0]

    def answer() -> tuple[bool | None, str | None]:
        columns = schema.agents.c
        with engine.connect() as connection:
            query = select(columns.config_applied, columns.config_detail).where(columns.agent == first)
            row = connection.execute(query).one()
        return row.config_applied, row.config_detail

    def restart(text: str) -> None:
        gateway.kill()
        demo.call(gateway.wait(), within_s=10)
        file.write_text(text, encoding="utf-8")
        demo.call(gateway.start(), within_s=10)

    plain = file.read_text(encoding="utf-8")
    assert answer() == (None, None)
    head, door, rest = plain.partition("[[sites.doors]]")
    block, gap, tail = rest.partition("\n\n")
    timed = f"{head}{door}{block}\n[sites.doors.timings]\nrelease_ms = 7000{gap}{tail}"
    restart(timed)
    wait_for(lambda: answer()[0] is True, within_s=60, what="timings that the agent applied")
    restart(plain)
    wait_for(lambda: _told(engine, first) == {}, within_s=60, what="the end of the timings")
    wait_for(lambda: answer()[0] is True, within_s=60, what="the agent's own times again")
    engine.dispose()


def _told(engine: Engine, agent: str) -> object:
    with engine.connect() as connection:
        query = select(schema.agents.c.config).where(schema.agents.c.agent == agent)
        return json.loads(connection.execute(query).scalar_one() or "null")
