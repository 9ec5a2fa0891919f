"""``python -m tests.faults.writer FOLDER FULL|NORMAL TOKEN``: appends to a journal and says what is on disk.

One line on standard output, ``<seq> <grant>``, for each record whose future is done. FULL is the agent's
journal as it opens it; NORMAL is the control, the same journal on a connection that does not sync commits.
"""

import asyncio
import os
import sys
from pathlib import Path

from pleintemps_contract.agent_messages import AccessGranted
from pleintemps_contract.world import SystemWorld
from pleintemps_edge.journal.events import EventJournal, Stamp

SIDE_BY_SIDE = 3


def open_journal(folder: Path, synchronous: str) -> EventJournal:
    world = SystemWorld()

    def stamp() -> Stamp:
        return Stamp(world.now(), True, world.monotonic(), "b" * 32)

    journal = EventJournal.open(folder, world, stamp)
    if synchronous == "NORMAL":
        connection = journal._writer._connection
        assert connection is not None
        connection.execute("PRAGMA synchronous=NORMAL")
    return journal


async def write(journal: EventJournal, token: str) -> None:
    async def one_after_the_other(place: int) -> None:
        count = place
        while True:
            grant = f"{token}{count:024x}"
            seq = await journal.append([AccessGranted(door="hall", grant=grant)])
            os.write(1, f"{seq} {grant}\n".encode())
            count += SIDE_BY_SIDE

    await asyncio.gather(*(one_after_the_other(place) for place in range(SIDE_BY_SIDE)))


if __name__ == "__main__":
    asyncio.run(write(open_journal(Path(sys.argv[1]), sys.argv[2]), sys.argv[3]))
