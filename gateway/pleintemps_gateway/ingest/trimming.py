"""Memory that the C library holds free is given back to the system.

When all agents come, or a backlog does, much is held for a moment: pages to send, rows to write.
The GNU library keeps what is freed between blocks that live on, and gives it back when it is asked.
"""

import asyncio
import ctypes
from typing import Final

from pleintemps_contract.world import World

EACH_MS: Final = 2_000


async def keep_small(world: World) -> None:
    """Give it back again and again, beside the loop; until cancelled."""
    while True:
        await world.sleep_until(world.monotonic() + EACH_MS)
        await asyncio.to_thread(give_back)


def give_back() -> None:
    """Do so, where the library can (GNU alone); other threads go on meanwhile."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
