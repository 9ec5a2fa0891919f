"""Half an hour of a building in virtual time; prints its digest. A program of its own for the tests."""

import sys

from pleintemps_firmware_sim.scenario.calendar import Event
from pleintemps_firmware_sim.scenario.plan import SAINT_AUBIN, Rules
from pleintemps_firmware_sim.scenario.rooms import Occupant
from pleintemps_firmware_sim.scenario.stage import Stage, Wanted
from pleintemps_firmware_sim.virtual.loop import run
from pleintemps_firmware_sim.virtual.play import play

MINUTE = 60_000


async def passes(stage: Stage, milliseconds: int) -> None:
    await stage.world.sleep_until(stage.world.monotonic() + milliseconds)


async def come(stage: Stage, uid: str, doors: tuple[str, ...]) -> None:
    """Through all the doors with the code of a booking."""
    code = await stage.code_of(uid, MINUTE)
    assert code is not None
    for door in doors:
        await stage.press(door, f"{code}#")
        assert await stage.released(door, 2_000), door
        await stage.push(door)
        await stage.shut(door, MINUTE)


async def rehearsal(stage: Stage) -> str:
    """A choir sings from the fifth minute to the twentieth; somebody guesses; then it is quiet."""
    begin = stage.world.now() // 1_000 * 1_000
    await stage.book(Event("choir@test", "Choir", "hall", begin + 2 * MINUTE, begin + 25 * MINUTE))
    await passes(stage, 5 * MINUTE)
    await come(stage, "choir@test", ("gate", "hall"))
    stage.occupy("hall", "choir", Occupant(300, moving=True, level_db=70.0))
    await stage.press("classroom", "12345678#")
    await passes(stage, 15 * MINUTE)
    stage.occupy("hall", "choir", None)
    await stage.leave("hall")
    await passes(stage, 10 * MINUTE)
    assert await stage.settle(MINUTE)
    return await stage.digest()


if __name__ == "__main__":
    print(run(play(Wanted(SAINT_AUBIN, Rules(), seed=int(sys.argv[1])), rehearsal)))
