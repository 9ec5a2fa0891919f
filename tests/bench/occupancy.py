"""How many spaces one core judges, fed a motion sensor, a radar and a meter each, once a second.

``python -m tests.bench.occupancy --json``"""

import argparse
import json
import time
from typing import Any

from pleintemps_contract.agent_messages import SeriesInfo
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_gateway.config import SiteConfig, SpaceConfig
from pleintemps_gateway.engine import SiteEngine

_START = 1_790_000_000_000
_SENSORS = (
    ("pir", Quantity.MOTION, SeriesKind.STATE),
    ("radar", Quantity.RADAR, SeriesKind.STATE),
    ("meter", Quantity.LEVEL, SeriesKind.LEVEL),
)


def measure(spaces: int, seconds: int) -> dict[str, Any]:
    """Processor time for ``seconds`` of ``spaces`` rooms that are used every other five minutes."""
    names = [f"room-{number}" for number in range(spaces)]
    site = SiteConfig(
        site="bench", name="Bench", spaces=[SpaceConfig(space=name, name=name) for name in names], doors=[]
    )
    ids = iter(range(10**9))
    engine = SiteEngine(site, _START, lambda: f"{next(ids):032x}")
    infos = [
        SeriesInfo(
            series=f"{name}-{kind}", device=kind, space=name, quantity=quantity, kind=how, max_silence_s=90
        )
        for name in names
        for kind, quantity, how in _SENSORS
    ]
    engine.on_series("agent", infos)
    began = time.process_time()
    for second in range(seconds):
        now = _START + second * 1000
        samples: dict[str, list[tuple[int, float]]] = {}
        for number, name in enumerate(names):
            used = (second // 300 + number) % 2
            samples[f"{name}-pir"] = [(now, float(used and second % 60 < 10))]
            samples[f"{name}-radar"] = [(now, float(used and 1 + second // 20 % 2))]
            samples[f"{name}-meter"] = [(now, 35.0 + 20 * used + second % 7)]
        engine.on_samples("agent", samples)
        engine.tick(now)
    busy = time.process_time() - began
    return {
        "spaces": spaces,
        "seconds": seconds,
        "spaces_per_second_per_core": round(spaces * seconds / busy),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    options = parser.parse_args()
    found = [measure(spaces, seconds) for spaces, seconds in ((10, 1200), (100, 300), (1000, 60))]
    if options.json:
        print(json.dumps({"bench": "occupancy", "sensors": len(_SENSORS), "sizes": found}))
        return
    for size in found:
        print(size)


if __name__ == "__main__":
    main()
