"""Lines to a series database: made, sent and accepted per second, beside the limit of the same run.

Real servers (VictoriaMetrics by its v2 API, InfluxDB 1.6 by its v1 API) on the loopback address. The load is
what a gateway says of its spaces: three readings a second each, four of them in a batch as agents send them,
and every ten seconds a belief and a noise window. The limit is bodies built and compressed before, posted one
after the other by the same HTTP client. An outage is days of a world's clock, nothing sleeps: the server is
stopped, days are recorded within a disk budget, it is started, and what is found by query is counted.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.units import Quantity
from pleintemps_contract.world import ManualWorld, SystemWorld
from pleintemps_gateway.config import SeriesConfig
from pleintemps_gateway.series.lines import render
from pleintemps_gateway.series.outbox import MAX_LINES, Outbox, pack, unpack
from pleintemps_gateway.series.rows import NoiseWindow, Row, Samples, SpaceState
from pleintemps_gateway.series.sender import Sender
from pleintemps_gateway.series.writer import SeriesWriter
from tests.support.series_servers import InfluxDB1, VictoriaMetrics, find_program

Server = VictoriaMetrics | InfluxDB1
SPACES: Final = 10_000
DATABASE: Final = "pleintemps"
BATCH_S: Final = 4
LINES_PER_SPACE_S: Final = 3.2
DAY_MS: Final = 86_400_000
STEP_S: Final = 40
"""Of an outage: so much is recorded at once."""
SENSORS: Final = ((Quantity.LEVEL, "meter"), (Quantity.MOTION, "motion"), (Quantity.CONTACT, "contact"))
FIELDS: Final = {
    "sound": "value",
    "presence": "value",
    "contact": "value",
    "occupancy": "state",
    "noise": "laeq_db",
}
"""A field that each line of a measurement has."""
RULES: Final = ("occupancy", "noise")


class Commit(NamedTuple):
    """What ingest hands over after one commit; ``lines`` it makes."""

    rows: list[Row]
    lines: int


def commits(spaces: int, start: int, seconds: int) -> Iterator[Commit]:
    """Of every agent (four spaces) a batch each four seconds, and of every space a belief each ten."""
    for at in range(start, start + seconds * 1000, BATCH_S * 1000):
        second = (at - start) // 1000
        for first in range(0, spaces, 4):
            rows: list[Row] = []
            for space in range(first, min(first + 4, spaces)):
                rows += _readings(space, at)
                if (second + space) % 10 < BATCH_S:
                    name, belief = f"space-{space:05d}", at + space % 1000
                    low = NoiseWindow(space=name, at=belief, laeq_db=40 + space % 300 / 10, limit_db=65.0)
                    state = SpaceState(space=name, at=belief, state=Occupancy.OCCUPIED, probability=0.97)
                    rows += [state, low]
            lines = sum(len(row.ats) if isinstance(row, Samples) else 1 for row in rows)
            yield Commit(rows, lines)


def _readings(space: int, at: int) -> list[Row]:
    return [
        Samples(
            space=f"space-{space:05d}",
            agent=f"agent-{space // 4:04d}",
            series=f"{name}-{space % 4}",
            quantity=quantity,
            ats=[at + second * 1000 + space % 1000 for second in range(BATCH_S)],
            values=[
                _level(space, at // 1000 + second) if quantity is Quantity.LEVEL else float(second % 2)
                for second in range(BATCH_S)
            ],
        )
        for quantity, name in SENSORS
    ]


def _level(space: int, second: int) -> float:
    return 35 + (space * 7919 + second * 104_729) % 301 / 10


def config_of(server: Server) -> SeriesConfig:
    api = {"api": "v1"} if isinstance(server, InfluxDB1) else {}
    return SeriesConfig(url=server.url, bucket=DATABASE, **api)  # type: ignore[arg-type]


def found(server: Server, measurements: tuple[str, ...] = tuple(FIELDS)) -> int:
    """Lines of ``measurements`` that the server has, by query."""
    if isinstance(server, InfluxDB1):
        total = 0
        for name in measurements:
            series = server.query(DATABASE, f'SELECT count("{FIELDS[name]}") FROM "{name}"')
            total += int(series[0]["values"][0][1]) if series else 0
        return total
    server.flush()
    names = "|".join(f"{name}_{FIELDS[name]}" for name in measurements)
    now = str(SystemWorld().now() / 1000)
    result = server.query(f'sum(count_over_time({{__name__=~"{names}"}}[40d]))', time=now)
    return int(result[0]["value"][1]) if result else 0


def clocks() -> tuple[float, float]:
    """Wall and processor seconds of this process."""
    return time.perf_counter(), time.process_time()


def measure_limit(server: Server, load: list[Commit]) -> dict[str, float]:
    """Bodies that are there, posted bare."""
    lines = [line for commit in load for line in render("limit", commit.rows)]
    bodies = [pack(lines[start : start + MAX_LINES]) for start in range(0, len(lines), MAX_LINES)]
    sender = Sender(config_of(server))
    sender.send(bodies[0])
    wall, processor = clocks()
    for body in bodies:
        sender.send(body)
    wall, processor = (after - before for after, before in zip(clocks(), (wall, processor), strict=True))
    sender.close()
    return {"lines_per_s": len(lines) / wall, "processor_ms_per_1000": processor * 1e6 / len(lines)}


def measure_writer(server: Server, folder: Path, load: list[Commit], site: str) -> dict[str, float]:
    """From the rows of commits to the server's answer, through the outbox, as fast as it goes."""
    writer = SeriesWriter.open(config_of(server), folder, SystemWorld())
    lines = sum(commit.lines for commit in load)
    before = found(server)
    for commit in load[: len(load) // 2]:
        render(site, commit.rows)  # as after the first seconds: the beginnings of lines are known
    wall, processor = clocks()
    packed, ended = threading.Event(), threading.Event()

    def pack_all() -> None:
        gathered = 0
        for commit in load:
            writer.sink.add(site, commit.rows)
            gathered += commit.lines
            if gathered >= 16_000:  # as much as half a second brings
                writer.sink.pack()
                packed.set()
                gathered = 0
        ended.set()
        packed.set()

    packing = threading.Thread(target=pack_all)
    packing.start()
    while not ended.is_set():
        packed.wait()
        packed.clear()
        writer.drain()
    packing.join()
    writer.drain()
    wall, processor = (after - first for after, first in zip(clocks(), (wall, processor), strict=True))
    counts = writer.counts()
    writer.close()
    result = {
        "lines_per_s": lines / wall,
        "processor_ms_per_1000": processor * 1e6 / lines,
        "made": lines,
        "accepted": counts.written,
        "found": found(server) - before,
        "dropped": counts.dropped + counts.refused,
    }
    if not result["made"] == result["accepted"] == result["found"]:
        raise ValueError(f"lines are missing: {result}")
    return result


def measure_live(server: Server, folder: Path, seconds: int, start: int) -> dict[str, float]:
    """At the pace of ten thousand spaces for ``seconds``; what it costs the thread that commits."""
    load = list(commits(SPACES, start, seconds))
    per_turn = len(load) // (seconds * 20)
    spent: list[float] = []
    world = SystemWorld()
    before = found(server)

    async def scenario() -> SeriesWriter:
        writer = SeriesWriter.open(config_of(server), folder, world)
        running = asyncio.create_task(writer.run())
        due = world.monotonic()
        for first in range(0, len(load), per_turn):
            begun = time.thread_time()
            for commit in load[first : first + per_turn]:
                writer.sink.add("live", commit.rows)
            spent.append(time.thread_time() - begun)
            due += 50
            await world.sleep_until(due)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return writer

    wall, processor = clocks()
    writer = asyncio.run(scenario())
    for thread in threading.enumerate():
        if thread.name == "series":  # a request on its way is not sent a second time
            thread.join()
    wall, processor = (after - first for after, first in zip(clocks(), (wall, processor), strict=True))
    behind = writer.counts().waiting
    writer.drain()
    counts = writer.counts()
    writer.close()
    lines = sum(commit.lines for commit in load)
    return {
        "made_per_s": lines / wall,
        "accepted_lines": counts.written,
        "missing_lines": lines - (found(server) - before),
        "waiting_at_end_s": behind / (lines / wall),
        "of_a_core": processor / wall,
        "committer_us_per_1000": sum(spent) * 1e9 / lines,
        "committer_longest_ms": max(spent) * 1e3 / max(1, per_turn),
    }


class Noting(Sender):
    """Tells when each body that was taken begins, and calls ``meanwhile`` after it."""

    def __init__(self, config: SeriesConfig) -> None:
        super().__init__(config)
        self.began: list[int] = []
        self.meanwhile: Callable[[], object] = bool

    def send(self, body: bytes) -> None:
        super().send(body)
        self.began.append(int(unpack(body)[0].rsplit(" ", 1)[1]))
        self.meanwhile()


class Load:
    """Commits that are handed to a sink and counted."""

    def __init__(self, writer: SeriesWriter, site: str) -> None:
        self._writer, self._site = writer, site
        self.lines = self.rules = 0

    def add(self, some: Iterable[Commit]) -> None:
        for commit in some:
            self._writer.sink.add(self._site, commit.rows)
            self.lines += commit.lines
            self.rules += sum(not isinstance(row, Samples) for row in commit.rows)
        self._writer.sink.pack()


def measure_outage(
    server: Server, folder: Path, site: str, spaces: int, days: float, budget_mb: float
) -> dict[str, Any]:
    """The server is away for ``days`` of the world's clock while ``spaces`` are recorded."""
    start = (SystemWorld().now() // DAY_MS - 10) * DAY_MS
    end = start + round(days * DAY_MS)
    world = ManualWorld(now=start)
    before, before_rules = found(server), found(server, RULES)
    server.stop()
    sender, outbox = Noting(config_of(server)), folder / "series.db"
    writer = SeriesWriter(Outbox(outbox, int(budget_mb * 1_000_000)), sender, world, 5)
    load = Load(writer, site)
    attempts, due, peak = 0, world.monotonic(), 0
    while world.now() < end:
        load.add(commits(spaces, world.now(), STEP_S))
        world.move(STEP_S * 1000)
        if world.monotonic() >= due:
            due = world.monotonic() + writer.drain()
            attempts += 1
        peak = max(peak, outbox.stat().st_size)
    waited = writer.counts()
    server.start()
    coming = commits(4, end, 4 * 100)

    def meanwhile() -> None:
        if len(sender.began) % 3 == 0:
            load.add(islice(coming, 1))

    sender.meanwhile = meanwhile
    wall, _ = clocks()
    writer.drain()
    wall = clocks()[0] - wall
    counts = writer.counts()
    writer.close()
    live = [number for number, began in enumerate(sender.began) if began >= end]
    past = [began // (STEP_S * 1000) for began in sender.began if began < end]
    result = {
        "days": days,
        "spaces": spaces,
        "budget_mb": budget_mb,
        "attempts": attempts,
        "peak_mb": round(peak / 1e6, 1),
        "made": load.lines,
        "dropped": counts.dropped,
        "expected": load.lines - counts.dropped,
        "found": found(server) - before,
        "rules_made": load.rules,
        "rules_found": found(server, RULES) - before_rules,
        "backfill_lines_per_s": round(waited.waiting / wall),
        "requests": len(sender.began),
        # the third, sixth ... of its first hundreds of requests were followed by a new commit
        "live_at_once": live == list(range(3, len(sender.began), 3))[: len(live)],
        "live_requests": len(live),
        "in_order": past == sorted(past),
    }
    if result["expected"] != result["found"] or result["rules_made"] != result["rules_found"]:
        raise ValueError(f"lines are missing: {result}")
    return result


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(one[name] for one in rounds), 3) for name in rounds[0]}


def measure(server: Server, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Everything of one server."""
    if isinstance(server, InfluxDB1):
        server.create_database(DATABASE)
    now = SystemWorld().now() // 1000 * 1000
    limits, ours = [], []
    for turn in range(options.rounds):
        load = list(commits(SPACES, now - (turn + 2) * 3_600_000, options.seconds))
        limits.append(measure_limit(server, load))
        ours.append(measure_writer(server, folder / f"round-{turn}", load, f"round-{turn}"))
    result: dict[str, Any] = {"limit": medians(limits), "writer": medians(ours)}
    result["ratio"] = round(result["writer"]["lines_per_s"] / result["limit"]["lines_per_s"], 3)
    wanted = SPACES * LINES_PER_SPACE_S
    result["wanted_lines_per_s"] = wanted
    result["times_wanted"] = round(result["writer"]["lines_per_s"] / wanted, 1)
    result["of_a_core_at_wanted"] = round(result["writer"]["processor_ms_per_1000"] * wanted / 1e6, 4)
    result["live"] = measure_live(server, folder / "live", options.live, now - 3_600_000)
    result["outage"] = measure_outage(server, folder / "out", "outage", 4, options.days, 1_000)
    small = max(0.3, result["outage"]["peak_mb"] / 3)
    result["budget"] = measure_outage(server, folder / "less", "budget", 4, options.days, small)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.series", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8, help="of ten thousand spaces in a round")
    parser.add_argument("--live", type=int, default=20, help="seconds at their pace")
    parser.add_argument("--days", type=float, default=3, help="of an outage")
    options = parser.parse_args()
    result: dict[str, Any] = {"rounds": options.rounds}
    kinds: list[tuple[str, str, type[VictoriaMetrics] | type[InfluxDB1]]] = [
        ("victoria_metrics", "victoria-metrics", VictoriaMetrics),
        ("influxdb", "influxd", InfluxDB1),
    ]
    for name, program, kind in kinds:
        path = find_program(program)
        if path is None:
            print(f"{program} is missing", file=sys.stderr)
            return 1
        with tempfile.TemporaryDirectory(prefix="pleintemps-bench-") as folder:
            server = kind(path, Path(folder) / "server")
            server.start()
            try:
                result[name] = measure(server, Path(folder), options)
            finally:
                server.stop()
        print(f"{name}: {json.dumps(result[name])}", file=sys.stderr)
    result["ratio"] = min(result[name]["ratio"] for name, _, _ in kinds)
    if not options.json:
        for key, value in result.items():
            print(f"{key}: {value}")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
