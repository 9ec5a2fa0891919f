"""A play that ends early leaves nothing behind."""

from pathlib import Path

import pytest

from pleintemps_firmware_sim.errors import ControlError
from pleintemps_firmware_sim.scenario.plan import CLUB_HOUSE, Rules
from pleintemps_firmware_sim.scenario.stage import Stage, Wanted
from pleintemps_firmware_sim.virtual import play as playing
from pleintemps_firmware_sim.virtual.loop import run


def test_what_an_act_raises_ends_all_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(playing, "_MEMORY", tmp_path)

    async def act(stage: Stage) -> None:
        assert any(tmp_path.iterdir())
        await stage.world.sleep_until(stage.world.monotonic() + 1_000)
        raise ControlError("no such door")

    with pytest.raises(ControlError, match="no such door"):
        run(playing.play(Wanted(CLUB_HOUSE, Rules(), seed=1), act))
    assert list(tmp_path.iterdir()) == []
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == []
