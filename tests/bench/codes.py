"""What it costs a door to decide about a code: the hash, the look-ups, a new table of ten thousand grants.

No lock, broker or disk is in it (``tests.bench.unlock`` has those): this is what grows with argon2id's
parameters and with the number of grants and spaces, to be run on the machine that a door will have.
"""

import argparse
import asyncio
import json
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter, thread_time
from typing import Any, Final

from pleintemps_contract.credentials import hash_code
from pleintemps_contract.gateway_messages import (
    CredentialKind,
    Grant,
    GrantsManifest,
    GrantsPage,
    HashSet,
    OfflineKeys,
    Window,
)
from pleintemps_contract.offline import QUARTER_MS, KeySeal, daily_key
from pleintemps_contract.wire import encode
from pleintemps_edge.access.grants import GrantTable, page_digest
from pleintemps_edge.access.offline import find, prepare

PARAMETERS: Final = ((8_192, 1), (8_192, 2), (8_192, 3), (16_384, 2), (19_456, 2))
"""KiB and passes; 8 MiB and 2 passes are what a gateway sets, 19 MiB and 2 OWASP's choice for pass words."""
GRANTS: Final = 10_000
SPACES: Final = 21
DAY: Final = 20_775
NOW: Final = (DAY * 96 + 50) * QUARTER_MS


def cost(work: Callable[[], Any], times: int) -> dict[str, float]:
    """Time that passed, and the processor's own share of it, which other processes do not disturb."""
    taken, used = [], []
    for _ in range(times):
        began, at = perf_counter(), thread_time()
        work()
        taken.append((perf_counter() - began) * 1000)
        used.append((thread_time() - at) * 1000)
    taken.sort()
    return {
        "p50_ms": round(statistics.median(taken), 3),
        "p99_ms": round(taken[min(times - 1, int(times * 0.99))], 3),
        "cpu_p50_ms": round(statistics.median(used), 3),
    }


def hashes(times: int) -> dict[str, dict[str, float]]:
    found = {}
    for memory_kib, iterations in PARAMETERS:
        parameters = HashSet(
            salt_id="s1", salt="6a" * 16, memory_kib=memory_kib, iterations=iterations, lanes=1
        )
        found[f"{memory_kib} KiB, {iterations} passes"] = cost(
            partial(hash_code, "48291637", parameters), times
        )
    return found


def manifest() -> tuple[GrantsManifest, list[bytes], KeySeal]:
    """Ten thousand bookings of two hours, and offline codes of 21 spaces, the most that a door may have."""
    parameters = HashSet(salt_id="s1", salt="6a" * 16, memory_kib=8_192, iterations=2, lanes=1)
    grants = [
        Grant(
            id=f"{number:032x}",
            kind=CredentialKind.CODE,
            salt_id="s1",
            lookup=f"{number:064x}",
            doors=["gate", "hall"],
            windows=[Window(start=NOW + number, end=NOW + number + 7_200_000)],
        )
        for number in range(GRANTS)
    ]
    seal = KeySeal(b"p" * 32, "bench", "door")
    keys = [daily_key(b"s" * 32, DAY - 1 + day) for day in range(46)]
    offline = [
        OfflineKeys(
            space=f"room-{number}",
            doors=["gate"],
            digits=12,
            first_day=DAY - 1,
            sealed=seal.seal(f"room-{number}", DAY - 1, keys),
        )
        for number in range(SPACES)
    ]
    bodies = [
        encode(GrantsPage(epoch=1, revision=1, grants=grants[at : at + 150])) for at in range(0, GRANTS, 150)
    ]
    bodies.append(encode(GrantsPage(epoch=1, revision=1, grants=[], offline=offline)))
    digests = [page_digest(body) for body in bodies]
    return GrantsManifest(epoch=1, revision=1, hashes=[parameters], pages=digests), bodies, seal


async def longest_hold(work: Callable[[], Any]) -> float:
    """The longest time in ms that an event loop had to wait while ``work`` ran in a thread."""
    loop = asyncio.get_running_loop()
    longest = 0.0
    with ThreadPoolExecutor(max_workers=1) as pool:
        done = loop.run_in_executor(pool, work)
        while not done.done():
            began = perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, perf_counter() - began)
    return longest * 1000


def measure(times: int) -> dict[str, Any]:
    message, bodies, seal = manifest()
    table = GrantTable.build(message, bodies, seal)
    slices = prepare(table.offline, {}, NOW)
    lookups = {"s1": f"{GRANTS // 2:064x}"}

    def build() -> None:
        GrantTable.build(message, bodies, seal)

    def offline_look_up() -> None:
        list(find(table.offline, slices, "bench", "gate", "123456789012", NOW))

    holds = [asyncio.run(longest_hold(build)) for _ in range(10)]
    return {
        "bench": "codes",
        "grants": GRANTS,
        "spaces": SPACES,
        "argon2id": hashes(times),
        "look_up": cost(lambda: table.judge("gate", lookups, NOW + 6_000), times),
        "offline_look_up": cost(offline_look_up, times),
        "offline_table": cost(lambda: prepare(table.offline, {}, NOW), 3),
        "offline_next_quarter": cost(lambda: prepare(table.offline, slices, NOW + QUARTER_MS), 10),
        "new_table": cost(build, 10),
        "loop_held_p50_ms": round(statistics.median(holds), 1),
        "loop_held_max_ms": round(max(holds), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one line of JSON only")
    parser.add_argument("--times", type=int, default=100, help="how often each is measured")
    arguments = parser.parse_args()
    result = measure(arguments.times)
    if arguments.json:
        print(json.dumps(result))
    else:
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
