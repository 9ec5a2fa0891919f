"""Sets a virtual stage, lets a play happen on it and clears it away."""

import asyncio
import gc
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from pleintemps_firmware_sim.scenario.stage import Stage, Wanted

from .building import VirtualBuilding
from .loop import VirtualLoop
from .site import VirtualSite
from .stage import VirtualStage
from .worlds import VirtualWorld

T = TypeVar("T")
BEGIN: Final = 1_767_596_400_000
"""2026-01-05 07:00 UTC, a Monday: where a play begins that names no time."""
_NEW_OBJECTS: Final = 20_000
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


@contextmanager
def _seldom_tidied() -> Iterator[None]:
    """What stands when a play begins stays to its end, and a play makes few objects that hold one another: to
    look through all of them after every 700 new ones takes a tenth of its time.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


async def play(wanted: Wanted, act: Callable[[Stage], Awaitable[T]]) -> T:
    """A :class:`~pleintemps_firmware_sim.scenario.stage.Play`; to be awaited in a :class:`VirtualLoop`."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    world = VirtualWorld(BEGIN if wanted.begin is None else wanted.begin, wanted.seed, "truth")
    folder = Path(tempfile.mkdtemp(prefix="pleintemps-play-", dir=_MEMORY if _MEMORY.is_dir() else None))
    try:
        building = VirtualBuilding(wanted.plan, world, loop)
        site = VirtualSite(folder, building, world, wanted)
        site.prepare()
        building.begin()
        site.start_gateway()
        for agent in wanted.plan.agents:
            site.start_agent(agent)
        try:
            await site.up()
            stage = VirtualStage(site, wanted)
            try:
                with _seldom_tidied():
                    result = await act(stage)
            finally:
                await stage.close()
            await site.end()
        finally:
            await site.cut()
            await building.end()
        return result
    finally:
        shutil.rmtree(folder, ignore_errors=True)
