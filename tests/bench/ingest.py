"""Readings stored and acknowledged per second by the real gateway, beside the limit of the same run.

Broker (Mosquitto), fleet and consumer are processes of their own on the loopback address. The store is SQLite
with ``synchronous=FULL``. The fleet sends batches of 48 readings, 32 unacknowledged at most per agent.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.broker import Mosquitto, find_mosquitto
from tests.support.ports import find_free_port
from tests.support.waiting import wait_for

from .fleet import Fleet, names

SITE = "bench"
BIN = Path(sys.executable).parent
BROKER = """
autosave_on_changes false
autosave_interval 60
max_queued_messages 100000
max_inflight_messages 1000
"""
"""As the demo runs it; docs/decisions.md, 10 and 14, says why."""


def gateway_config(port: int, agents: int) -> str:
    lines = [
        'state = "state"',
        f'[mqtt]\nurl = "mqtt://127.0.0.1:{port}"',
        f"[web]\nport = {find_free_port()}",
        f'[[sites]]\nsite = "{SITE}"\nname = "Bench"',
    ]
    lines += [f'[[sites.spaces]]\nspace = "{name}"\nname = "{name}"' for name in names(agents)]
    for name in names(agents):
        lines += [f'[[sites.doors]]\ndoor = "door-{name}"\nname = "{name}"\nagent = "{name}"']
        lines += [f'from = "street"\nto = "{name}"']
    return "\n".join(lines) + "\n"


def measure_gateway(broker: Mosquitto, folder: Path, agents: int, batches: int) -> float:
    config = folder / "gateway.toml"
    config.write_text(gateway_config(broker.port, agents))
    command = [str(BIN / "pleintemps-gateway")]
    subprocess.run(
        [*command, "init", "--config", str(config), "--demo"], check=True, stdout=subprocess.DEVNULL
    )
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen([*command, "ingest", "--config", str(config)], stdout=log, stderr=log)
    try:
        fleet = Fleet(broker.port, SITE, agents, 20)  # warms up, and proves that the gateway answers
        wait_for(fleet.hears_the_gateway, within_s=30, what="announcement of the gateway")
        fleet.births()
        fleet.run(60)
        fleet.close()
        fleet = Fleet(broker.port, SITE, agents, batches)
        fleet.births()
        seconds = fleet.run()
        fleet.close()
        return fleet.readings / seconds
    finally:
        process.terminate()
        process.wait(15)


def measure_limit(broker: Mosquitto, folder: Path, agents: int, batches: int) -> float:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare", str(broker.port), SITE, str(folder / "bare.db")],
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        fleet = Fleet(broker.port, SITE, agents, batches)
        seconds = fleet.run()
        fleet.close()
        return fleet.readings / seconds
    finally:
        process.kill()
        process.wait(15)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ingest", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--batches", type=int, default=300, help="per agent and round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    program = find_mosquitto()
    if program is None:
        print("mosquitto is missing", file=sys.stderr)
        return 1
    ours: list[float] = []
    limits: list[float] = []
    for turn in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="pleintemps-bench-") as name:
            folder = Path(name)
            broker = Mosquitto(program, folder, extra=BROKER)
            broker.start()
            try:
                limits.append(measure_limit(broker, folder, options.agents, options.batches))
                ours.append(measure_gateway(broker, folder, options.agents, options.batches))
            finally:
                broker.stop()
        print(f"round {turn + 1}: gateway {ours[-1]:,.0f}/s, limit {limits[-1]:,.0f}/s", file=sys.stderr)
    result = {
        "readings_per_s": round(statistics.median(ours)),
        "limit_readings_per_s": round(statistics.median(limits)),
        "ratio": round(statistics.median(ours) / statistics.median(limits), 3),
        "rounds": options.rounds,
        "agents": options.agents,
        "readings_per_batch": 48,
        "store": "sqlite",
    }
    for key, value in result.items():
        if not options.json:
            print(f"{key}: {value}")
    if options.json:
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
