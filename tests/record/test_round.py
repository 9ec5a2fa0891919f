"""Recorded, played to the same agent, to a changed one."""

from pathlib import Path

import pytest

from pleintemps_firmware_sim.replaying.diff import compare
from pleintemps_firmware_sim.replaying.play import play
from pleintemps_firmware_sim.replaying.reading import read
from pleintemps_firmware_sim.virtual.loop import run

from .place import evening, recorded


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(recorded(tmp_path_factory.mktemp("night"), evening))


def test_the_same_agent_tells_the_same(night: Path) -> None:
    recording = read(night)
    played = run(play(recording))
    report = compare(played.recorded, played.replayed)
    assert report.events.differences == []
    assert report.same, report.series
    assert report.events.matched > 15
