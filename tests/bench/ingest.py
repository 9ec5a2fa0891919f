"""Readings stored and acknowledged per second by the real gateway, beside the limit of the same run.

Broker (Mosquitto), consumer and load are processes of their own on the loopback address. The store is SQLite
with ``synchronous=FULL``. The load is a fleet (``pleintemps-sim fleet``) whose agents have recorded for a
while without a line: every one sends its backlog as fast as receipts let it, eight batches at a time, and
keeps nothing in the end.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.keyfiles import load_agent_keys
from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.fleet.driver import Fleet, FleetOptions
from pleintemps_firmware_sim.fleet.plan import AgentPlan, FleetPlan
from tests.support.broker import Mosquitto, find_mosquitto

from .gateways import BROKER, ingesting, prepare

_DEADLINE_S = 300.0
_WARM_UP_S = 60.0


def drain(
    plan: FleetPlan, port: int, backlog_s: float, keys: Callable[[AgentPlan], TrustedKeys | None]
) -> dict[str, Any]:
    """The report of a fleet that comes with its backlog; raises TimeoutError if that is not receipted."""
    options = FleetOptions(plan=plan, seconds=0, backlog_s=backlog_s, drain_s=_DEADLINE_S)
    found = Fleet(options, SystemWorld(), keys).run(("127.0.0.1", port), lambda: False)
    if found["waiting"]["readings"] or found["receipted"]["readings"] != found["readings"]:
        raise TimeoutError(f"without a receipt: {found['waiting']}")
    return found


def measure_gateway(broker: Mosquitto, folder: Path, plan: FleetPlan, backlog_s: float) -> dict[str, Any]:
    config = prepare(folder, plan, broker.port)

    def keys(agent: AgentPlan) -> TrustedKeys:
        return load_agent_keys(folder / "keys" / "agents" / agent.agent).trusted

    with ingesting(config):
        drain(plan, broker.port, _WARM_UP_S, keys)
        return drain(plan, broker.port, backlog_s, keys)


def measure_limit(broker: Mosquitto, folder: Path, plan: FleetPlan, backlog_s: float) -> dict[str, Any]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare", str(broker.port), str(folder / "bare.db")],
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        return drain(plan, broker.port, backlog_s, lambda _agent: None)
    finally:
        process.kill()
        process.wait(15)


def per_s(found: dict[str, Any]) -> float:
    return float(found["readings"] / found["drained_s"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ingest", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--spaces", type=int, default=80, help="four at each agent")
    parser.add_argument("--backlog", type=float, default=1_200, help="seconds that were recorded")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    program = find_mosquitto()
    if program is None:
        print("mosquitto is missing", file=sys.stderr)
        return 1
    plan = FleetPlan(1, options.spaces)
    ours: list[dict[str, Any]] = []
    limits: list[dict[str, Any]] = []
    for turn in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="pleintemps-bench-") as name:
            folder = Path(name)
            broker = Mosquitto(program, folder, extra=BROKER)
            broker.start()
            try:
                limits.append(measure_limit(broker, folder, plan, options.backlog))
                ours.append(measure_gateway(broker, folder, plan, options.backlog))
            finally:
                broker.stop()
        print(
            f"round {turn + 1}: gateway {per_s(ours[-1]):,.0f}/s, limit {per_s(limits[-1]):,.0f}/s",
            file=sys.stderr,
        )
    mine, limit = (statistics.median(map(per_s, each)) for each in (ours, limits))
    result = {
        "readings_per_s": round(mine),
        "limit_readings_per_s": round(limit),
        "ratio": round(mine / limit, 3),
        "rounds": options.rounds,
        "agents": ours[-1]["agents"],
        "spaces": options.spaces,
        "readings_per_batch": round(ours[-1]["readings"] / ours[-1]["batches"], 1),
        "load_of_a_core": round(ours[-1]["processor_s"] / ours[-1]["drained_s"], 2),
        "store": "sqlite",
    }
    for key, value in result.items():
        if not options.json:
            print(f"{key}: {value}")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
