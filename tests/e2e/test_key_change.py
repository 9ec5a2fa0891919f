"""The gateway changes its key while real agents listen: each of them follows, and forgets the old one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pleintemps_gateway.cli import main
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
