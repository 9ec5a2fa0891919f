"""What 100, 1,000 and 10,000 spaces cost one gateway: processor, memory, disk, and how soon it shows what
was measured.

A fleet (``pleintemps-sim fleet``) with three sensors a space at one reading a second each, on lines of its
own to a real Mosquitto, signed both ways; the gateway's ingest process has one core to itself, broker and
load the others. Every site has 50 spaces, and it is six in the evening. After the warm-up processor time is
taken over the seconds measured. ``lag_ms`` is the time from a reading that tells of somebody to the moment
when a follower of the change feed, as a page is one, reads the row of its space that names it. ``disk`` is
worked out from the bytes that the store has for each reading, minute and event (dbstat); raw samples are kept
for seven days.

``linear``: no step to a larger size makes a space more than 20 % dearer in processor time.
"""

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec

from pleintemps_contract.agent_messages import SamplesBatch
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.keyfiles import load_agent_keys
from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.fleet.days import DAY_MS
from pleintemps_firmware_sim.fleet.driver import Fleet, FleetOptions
from pleintemps_firmware_sim.fleet.plan import AgentPlan, FleetPlan
from tests.support.broker import Mosquitto, find_mosquitto

from .footprint import cpu_s, memory_mb
from .gateways import BROKER, ingesting, prepare

A_SITE: Final = 50
DAY_S: Final = 86_400
RAW_DAYS: Final = 7
WATCHED: Final = 6
"""Sites whose change feed is followed."""
CORE_LIMIT: Final = 1.0
MEMORY_LIMIT_MB: Final = 400
LINEAR: Final = 1.2
SOON_MS: Final = 5_000
"""Half of all receipts come sooner where the gateway holds a size: agents send again after 10 s."""
FEED_ROWS: Final = 20_000
_SENSORS: Final = 3
_WHAT: Final = {("motion", 1): "motion", ("radar", 2): "still", ("radar", 3): "moving-and-still"}
_batches: Final = msgspec.json.Decoder(SamplesBatch)

Seen = tuple[int, str, str, int, str, int | None]


def evening(now: int) -> int:
    """The length of a day, within seconds of a true one, that makes ``now`` (Unix ms) six in the evening."""
    return min(range(DAY_MS, DAY_MS + 5_000), key=lambda day: abs(now % day - day * 3 // 4))


class Meter:
    """Processor time of the process ``pid`` between two moments of a run; asked whether that is over."""

    def __init__(self, pid: int, from_ms: int, world: SystemWorld) -> None:
        self._pid = pid
        self._world = world
        self._from_ms = world.monotonic() + from_ms
        self._began: tuple[int, float] | None = None

    def __call__(self) -> bool:
        now = self._world.monotonic()
        if self._began is None and now >= self._from_ms:
            self._began = (now, cpu_s(self._pid))
        return False

    def share(self) -> float:
        """Of one core, from the first moment until now."""
        assert self._began is not None
        return (cpu_s(self._pid) - self._began[1]) * 1000 / (self._world.monotonic() - self._began[0])


def lags(store: sqlite3.Connection, seen: Iterable[Seen], since: int) -> list[int]:
    """Ms from each reading after ``since`` that begins to tell of somebody to the first row that names it."""
    rose: dict[tuple[str, str], list[int]] = {}
    before: dict[tuple[str, str], float] = {}
    sites = sorted({row[1] for row in seen})
    marks = ",".join("?" * len(sites))
    query = f"SELECT site, body FROM sample_batches WHERE site IN ({marks}) ORDER BY site, agent, base"
    for site, body in store.execute(query, sites):
        batch = _batches.decode(body)
        for name, column in batch.series.items():
            kind = name.rpartition("-")[2]
            for dt, value in zip(column.dt, column.value, strict=True):
                if (what := _WHAT.get((kind, int(value)))) and before.get((site, name)) != value:
                    rose.setdefault((site, f"{name} {what}"), []).append(batch.base + dt)
                before[site, name] = value
    found: list[int] = []
    looked: dict[tuple[str, str], tuple[int, str]] = {}
    for at, site, space, look, evidence, evidence_at in seen:
        last_look, last_evidence = looked.get((site, space), (look, evidence))
        looked[site, space] = (look, evidence)
        if evidence == last_evidence or evidence_at is None:
            continue
        told = [rise for rise in rose.get((site, evidence), ()) if last_look < rise <= evidence_at]
        if told and told[-1] >= since:
            found.append(at - told[-1])
    return found


def disk(path: Path, spaces: int, sites: int, since: int, measured_s: float) -> dict[str, float]:
    """Bytes a day by what they are for (10^6), and what is kept of a year (10^9)."""
    with closing(sqlite3.connect(path)) as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        owner = dict(store.execute("SELECT name, tbl_name FROM sqlite_master").fetchall())
        sizes: dict[str, int] = {}
        for name, size in store.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
            sizes[owner.get(name, name)] = sizes.get(owner.get(name, name), 0) + size

        def each(table: str, of: str = "count(*)") -> float:
            count = store.execute(f"SELECT {of} FROM {table}").fetchone()[0]
            return sizes[table] / count if count else 0.0

        events = store.execute("SELECT count(*) FROM events WHERE at >= ?", (since,)).fetchone()[0]
        raw = each("sample_batches", "sum(readings)") * spaces * _SENSORS * DAY_S
        rollups = each("minutes") * spaces * _SENSORS * DAY_S / 60
        told = store.execute("SELECT count(*) FROM occupancy WHERE since >= ?", (since,)).fetchone()[0]
        rest = (each("events") * events + each("occupancy") * told) / measured_s * DAY_S
        # of the feed so much stands at all times
        feed = each("changes") * FEED_ROWS * sites
    return {
        "raw_mb_day": round(raw / 1e6, 1),
        "rollups_mb_day": round(rollups / 1e6, 1),
        "rest_mb_day": round(rest / 1e6, 2),
        "mb_day": round((raw + rollups + rest) / 1e6, 1),
        "feed_mb": round(feed / 1e6, 1),
        "year_gb": round((raw * RAW_DAYS + (rollups + rest) * 365 + feed) / 1e9, 2),
    }


def measure(spaces: int, options: argparse.Namespace, cores: list[int], program: str) -> dict[str, Any]:
    """One size once."""
    per_site = min(A_SITE, spaces)
    plan = FleetPlan(spaces // per_site, per_site)
    world = SystemWorld()
    with tempfile.TemporaryDirectory(prefix="pleintemps-bench-", dir=options.dir) as name:
        folder = Path(name)
        broker = Mosquitto(program, folder, extra=BROKER)
        broker.start()
        try:
            config = prepare(folder, plan, broker.port)

            def keys(agent: AgentPlan) -> TrustedKeys:
                return load_agent_keys(folder / "keys" / "agents" / agent.agent).trusted

            warm_ms = round(options.warm_up * 1000)
            seconds = options.warm_up + options.seconds
            wanted = FleetOptions(plan=plan, seconds=seconds, drain_s=120.0, day_ms=evening(world.now()))
            fleet = Fleet(wanted, world, keys)
            path = folder / "state" / "gateway.db"
            names = plan.site_names()
            watched = names[:: max(1, len(names) // WATCHED)][:WATCHED]
            with ingesting(config, cores[0] if len(cores) > 1 else None) as pid:
                if options.pid_file is not None:
                    options.pid_file.write_text(str(pid))
                follower = subprocess.Popen(
                    [sys.executable, "-m", "tests.bench.seen", str(path), *watched],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                meter, since = Meter(pid, warm_ms, world), world.now() + warm_ms
                shares: list[float] = []

                def is_over() -> bool:
                    # the last look of the time measured: what comes after it is the rest of a backlog
                    if world.now() >= since + round(options.seconds * 1000) - 500 and not shares:
                        shares.append(meter.share())
                    return meter()

                found = fleet.run(("127.0.0.1", broker.port), is_over)
                resident, highest = (round(memory_mb(pid, field), 1) for field in ("VmRSS", "VmHWM"))
                told, _ = follower.communicate()
            with closing(sqlite3.connect(path)) as store:
                stored = store.execute("SELECT sum(readings) FROM sample_batches").fetchone()[0]
                lag = sorted(lags(store, [tuple(row) for row in json.loads(told)], since))
            place = disk(path, spaces, len(names), since, options.seconds)
        finally:
            broker.stop()
    return {
        "spaces": spaces,
        "sites": len(names),
        "core": round(shares[0], 4),
        "core_per_1000": round(shares[0] / spaces * 1000, 4),
        "resident_mb": resident,
        "highest_mb": highest,
        "lag_ms": _percentiles(lag),
        "lags": len(lag),
        "receipt_ms": found["receipt_ms"],
        "readings_per_s": found["readings_per_s"],
        "sent": found["readings"],
        "stored": stored,
        "again": found["sent"]["again"],
        "waiting": found["waiting"]["readings"],
        "drained_s": found["drained_s"],
        "late_ms": found["late_ms"],
        "load_of_a_core": round(found["processor_s"] / (found["seconds"] + found["drained_s"]), 3),
        "in_kb_s": round(found["sent"]["bytes"] / found["seconds"] / 1e3, 1),
        "out_kb_s": round(found["heard"]["bytes"] / found["seconds"] / 1e3, 1),
        "disk": place,
    }


def _percentiles(sorted_ms: list[int]) -> dict[str, int | None]:
    if not sorted_ms:
        return {"p50": None, "p99": None, "max": None}
    return {
        "p50": sorted_ms[len(sorted_ms) // 2],
        "p99": sorted_ms[min(len(sorted_ms) - 1, len(sorted_ms) * 99 // 100)],
        "max": sorted_ms[-1],
    }


def middle(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The round whose share of a core is the median, with all shares."""
    wanted = statistics.median_low(each["core"] for each in rounds)
    chosen = next(each for each in rounds if each["core"] == wanted)
    return {**chosen, "cores": [each["core"] for each in rounds]}


def judged(sizes: list[dict[str, Any]]) -> dict[str, Any]:
    """What all sizes say together."""
    each = [size["core_per_1000"] for size in sizes]
    steps = [round(large / small, 3) for small, large in pairwise(each)]
    held = [
        each
        for each in sizes
        if each["core"] <= CORE_LIMIT * 0.98
        and not each["waiting"]
        and (each["receipt_ms"]["p50"] or 0) <= SOON_MS
    ]
    return {
        "steps": steps,
        "linear": all(step <= LINEAR for step in steps),
        "within_a_core": max((each["spaces"] for each in held), default=0),
        "within_memory": all(each["highest_mb"] <= MEMORY_LIMIT_MB for each in sizes),
        "stored_as_sent": all(each["stored"] == each["sent"] for each in sizes),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000], help="spaces")
    parser.add_argument("--seconds", type=float, default=60.0, help="measured")
    parser.add_argument("--warm-up", type=float, default=30.0, help="seconds before")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", type=Path, default=None, help="where the stores lie")
    parser.add_argument("--pid-file", type=Path, default=None, help="gets the gateway's process")
    options = parser.parse_args()
    program = find_mosquitto()
    if program is None:
        print("mosquitto is missing", file=sys.stderr)
        return 1
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[1:])
    sizes = []
    for spaces in options.sizes:
        rounds = []
        for _ in range(options.rounds):
            rounds.append(measure(spaces, options, cores, program))
            print(json.dumps(rounds[-1]), file=sys.stderr)
        sizes.append(middle(rounds))
    result = {"bench": "scale", **judged(sizes), "rounds": options.rounds, "sizes": sizes}
    if not options.json:
        for size in sizes:
            print(size)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
