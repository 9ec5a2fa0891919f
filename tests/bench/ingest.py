"""Readings stored and acknowledged per second by the real gateway, beside the limit of the same run: on
SQLite (``synchronous=FULL``) and on a PostgreSQL of its own (``fsync`` and ``synchronous_commit`` on).

Broker (Mosquitto), consumer and load are processes of their own on the loopback address. The load is a fleet
(``pleintemps-sim fleet``) in the words and numbers of the contract, which are those of a real agent: what its
journal holds goes out batch by batch as it was measured (a state that changes ends a batch at once, else five
seconds do: with four spaces at an agent some forty readings, 1.5 kB), eight batches at most without a
receipt.

- ``readings_per_s``: agents come with what they have recorded in twenty minutes, as fast as receipts let
  them.
- ``single_readings_per_s``: the same in batches of one reading, just measured.
- ``duplicate_batches_per_s``: batches of which every reading is stored already.

The limits are those of :mod:`tests.bench.bare`, which stores and acknowledges the same batches and does
nothing else.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.keyfiles import load_agent_keys
from pleintemps_firmware_sim.fleet.plan import AgentPlan, FleetPlan
from tests.support.broker import Mosquitto, find_mosquitto
from tests.support.stores import PostgresServer, find_postgres

from .backlog import Repeated, drained, per_s, recorded, split
from .gateways import BROKER, ingesting, prepare

_WARM_UP_S: Final = 60.0
_BETWEEN_S: Final = 30.0
_TIMES: Final = 10
"""How often each batch comes again."""


def measure_gateway(
    port: int, folder: Path, plan: FleetPlan, options: Any, url: str | None
) -> dict[str, Any]:
    config = prepare(folder, plan, port, database_url=url)

    def keys(agent: AgentPlan) -> TrustedKeys:
        return load_agent_keys(folder / "keys" / "agents" / agent.agent).trusted

    singles_ago = options.singles + _BETWEEN_S
    with ingesting(config):
        before_ago = singles_ago + options.backlog + 2 * _BETWEEN_S
        repeated = Repeated(recorded(plan, _WARM_UP_S, before_ago, keys), port)
        try:
            repeated.first()
            found = drained(recorded(plan, options.backlog, singles_ago, keys), port)
            single = drained(split(recorded(plan, options.singles, 0, keys)), port)
            duplicates = repeated.again_per_s(_TIMES)
        finally:
            repeated.close()
    return {**found, "single": per_s(single), "duplicates": duplicates}


def measure_limit(port: int, folder: Path, plan: FleetPlan, options: Any, url: str | None) -> dict[str, Any]:
    where = str(folder / "bare.db") if url is None else url.replace("+psycopg", "")
    command = [sys.executable, "-m", "tests.bench.bare", str(port), where]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        found = drained(recorded(plan, options.backlog, 0, lambda _: None), port)
        single = drained(split(recorded(plan, options.singles, 0, lambda _: None)), port)
        return {**found, "single": per_s(single)}
    finally:
        process.kill()
        process.wait(15)


@contextmanager
def databases(store: str) -> Iterator[tuple[str | None, str | None]]:
    """URLs of two new databases; None for files beside the consumers."""
    if store == "sqlite":
        yield None, None
        return
    programs = find_postgres()
    if programs is None:
        raise FileNotFoundError("postgresql is not installed")
    server = PostgresServer(programs, durable=True)
    try:
        server.start()
        yield server.url(server.create_database()), server.url(server.create_database())
    finally:
        server.stop()


def measure(program: str, plan: FleetPlan, store: str, options: Any) -> dict[str, Any]:
    """The medians of all rounds on one kind of store."""
    ours: list[dict[str, Any]] = []
    limits: list[dict[str, Any]] = []
    for turn in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="pleintemps-bench-") as name, databases(store) as urls:
            folder = Path(name)
            broker = Mosquitto(program, folder, extra=BROKER)
            broker.start()
            try:
                limits.append(measure_limit(broker.port, folder, plan, options, urls[0]))
                ours.append(measure_gateway(broker.port, folder, plan, options, urls[1]))
            finally:
                broker.stop()
        told = f"gateway {per_s(ours[-1]):,.0f}/s, limit {per_s(limits[-1]):,.0f}/s"
        print(f"{store}, round {turn + 1}: {told}", file=sys.stderr)
    mine, limit = (statistics.median(map(per_s, each)) for each in (ours, limits))
    single, single_limit = (statistics.median(each["single"] for each in found) for found in (ours, limits))
    return {
        "readings_per_s": round(mine),
        "limit_readings_per_s": round(limit),
        "ratio": round(mine / limit, 3),
        "single_readings_per_s": round(single),
        "limit_single_readings_per_s": round(single_limit),
        "duplicate_batches_per_s": round(statistics.median(each["duplicates"] for each in ours)),
        "readings_per_batch": round(ours[-1]["readings"] / ours[-1]["batches"], 1),
        "load_of_a_core": round(ours[-1]["processor_s"] / ours[-1]["drained_s"], 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ingest", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--store", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--spaces", type=int, default=80, help="four at each agent")
    parser.add_argument("--backlog", type=float, default=1_200, help="seconds that were recorded")
    parser.add_argument("--singles", type=float, default=60, help="seconds that are sent reading by reading")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    program = find_mosquitto()
    if program is None:
        print("mosquitto is missing", file=sys.stderr)
        return 1
    plan = FleetPlan(1, options.spaces)
    stores = ["sqlite", "postgresql"] if options.store == "both" else [options.store]
    found = {store: measure(program, plan, store, options) for store in stores}
    result = {"rounds": options.rounds, "agents": len(plan.agents()), "spaces": options.spaces}
    result |= {"store": stores[0], **found.pop(stores[0]), **found}
    for key, value in result.items():
        if not options.json:
            print(f"{key}: {value}")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
