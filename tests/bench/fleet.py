"""The load itself: readings a second that one core can make, beside the 30,000 that are wanted of it.

Once into nothing, as fast as it goes, and once in real time through a bare Mosquitto whose acknowledgements
count as receipts: 10,000 spaces with three sensors each at one reading a second, every agent on a line of
its own.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.fleet.driver import Fleet, FleetOptions
from pleintemps_firmware_sim.fleet.plan import FleetPlan
from tests.support.broker import Mosquitto, find_mosquitto

from .gateways import BROKER

WANTED_PER_S: Final = 30_000


def measure(port: int, options: argparse.Namespace) -> dict[str, Any]:
    plan = FleetPlan(20, options.spaces // 20)
    wanted = FleetOptions(plan=plan, seconds=options.seconds, by_puback=True, sessions=options.sessions)
    dry = Fleet(wanted, SystemWorld(), lambda _plan: None).dry()
    live = Fleet(wanted, SystemWorld(), lambda _plan: None).run(("127.0.0.1", port), lambda: False)
    return {
        "readings_per_processor_s": live["readings_per_processor_s"],
        "wanted_readings_per_s": WANTED_PER_S,
        "ratio": round(live["readings_per_processor_s"] / WANTED_PER_S, 2),
        "dry_readings_per_processor_s": dry["readings_per_processor_s"],
        "readings_per_s": live["readings_per_s"],
        "of_a_core": round(live["processor_s"] / (live["seconds"] + live["drained_s"]), 3),
        "late_ms": live["late_ms"],
        "puback_ms": live["receipt_ms"],
        "waiting": live["waiting"]["readings"],
        "agents": live["agents"],
        "sessions": live["sessions"],
        "spaces": live["spaces"],
        "seconds": live["seconds"],
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--spaces", type=int, default=10_000, help="a multiple of 20")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--sessions", type=int, default=0, help="lines that all share (one each)")
    options = parser.parse_args()
    program = find_mosquitto()
    if program is None:
        print("mosquitto is missing", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="pleintemps-bench-") as name:
        broker = Mosquitto(program, Path(name), extra=BROKER)
        broker.start()
        try:
            result = measure(broker.port, options)
        finally:
            broker.stop()
    for key, value in result.items():
        if not options.json:
            print(f"{key}: {value}")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
