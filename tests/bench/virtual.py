"""Simulated seconds for each second of the machine, of a school building in virtual time.

Two agents, four doors, three spaces with motion sensor, radar and sound meter, and a yard; an hour with
nobody there and one with people in the gym, gateway and store included. Processor time of the process, which
other programs on the same core lengthen too; the limit is 1,000.
"""

import argparse
import json
import time
from typing import Final

LIMIT: Final = 1_000
HOUR_MS: Final = 3_600_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--hours", type=float, default=1.0, help="of each kind")
    options = parser.parse_args()
    from pleintemps_firmware_sim.scenario.plan import SCHOOL, Rules
    from pleintemps_firmware_sim.scenario.rooms import Occupant
    from pleintemps_firmware_sim.scenario.stage import Stage, Wanted
    from pleintemps_firmware_sim.virtual.loop import run
    from pleintemps_firmware_sim.virtual.play import play

    span = round(options.hours * HOUR_MS)

    async def timed(stage: Stage) -> float:
        began = time.process_time()
        await stage.world.sleep_until(stage.world.monotonic() + span)
        return float(span / 1_000 / (time.process_time() - began))

    async def act(stage: Stage) -> dict[str, object]:
        await stage.world.sleep_until(stage.world.monotonic() + 600_000)
        quiet = await timed(stage)
        stage.occupy("gym", "class", Occupant(400, moving=True, level_db=72.0))
        busy = await timed(stage)
        return {"quiet": round(quiet), "busy": round(busy), "limit": LIMIT, "digest": await stage.digest()}

    found = run(play(Wanted(SCHOOL, Rules(), seed=1), act))
    print(f"quiet {found['quiet']}, busy {found['busy']} times as fast as life (limit {LIMIT})")
    if options.json:
        print(json.dumps({"bench": "virtual", **found}))


if __name__ == "__main__":
    main()
