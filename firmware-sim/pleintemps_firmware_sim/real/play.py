"""Sets a real-time stage: ordinary processes in a folder, gone when the play is over."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from pleintemps_firmware_sim.console.model import Model
from pleintemps_firmware_sim.control import offered
from pleintemps_firmware_sim.processes import free_port
from pleintemps_firmware_sim.scenario.facts import Timeline
from pleintemps_firmware_sim.scenario.stage import Stage, Wanted

from .site import RealSite, Say
from .stage import RealStage

T = TypeVar("T")


class RealPlay:
    """A :class:`~pleintemps_firmware_sim.scenario.stage.Play`. ``data`` None: a temporary folder."""

    def __init__(self, data: Path | None, say: Say) -> None:
        self._data = data
        self._say = say

    async def __call__(self, wanted: Wanted, act: Callable[[Stage], Awaitable[T]]) -> T:
        timeline = Timeline()
        async with RealSite(wanted, self._data, free_port(), timeline, self._say) as site:
            stage = RealStage(site, timeline)
            model = Model(stage, site.building, wanted.rules)
            try:
                async with offered(model, site.installation.sockets / "control", site.data, site.host):
                    return await act(stage)
            finally:
                await stage.stop()
