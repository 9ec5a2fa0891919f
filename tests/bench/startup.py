"""From the start of a process until it serves: ingest, web and agent, each the real program.

``ingest`` is there when it has its line to a real broker, ``web`` with the first 200 of ``/healthz``, the
agent when its strikes are held shut and its line is up. Once with an empty store and once with one of 100
spaces and two years. Time on the wall, and that of the processor until then (user and system). The modules
are compiled.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.pins.board import Board
from pleintemps_gateway.config import load
from pleintemps_gateway.store.engine import open_engine, write_transaction
from tests.support.broker import Mosquitto, find_mosquitto
from tests.support.ports import find_free_port

from . import matrix
from .footprint import DOOR, DOORS, cpu_s
from .gateways import BIN, BROKER, COMMAND

LIMIT_S: Final = 2.0
PATIENCE_S: Final = 120.0
AGENT: Final = "doors"
_UNCOMPILED: Final = "PYTHONDONTWRITEBYTECODE"
HEAD: Final = """
site = "site-0"
agent = "doors"
keys = "{keys}"
state = "agent"
board = "raspberry-pi-40"
[mqtt]
url = "mqtt://127.0.0.1:{port}"
"""


def gateway_toml(spaces: int, broker: int, web: int) -> str:
    parts = [f'[mqtt]\nurl = "mqtt://127.0.0.1:{broker}"\n[web]\nport = {web}\n']
    for site in matrix.config_of(spaces).sites:
        parts.append(f'[[sites]]\nsite = "{site.site}"\nname = "{site.name}"\n')
        for number, space in enumerate(site.spaces):
            parts.append(f'[[sites.spaces]]\nspace = "{space.space}"\nname = "{space.name}"\n')
            agent = f"{site.site}-{number // 4}" if number or site.site != "site-0" else AGENT
            door = f'door = "door-{space.space}"\nname = "{space.name}"\nagent = "{agent}"\n'
            parts.append(f'[[sites.doors]]\n{door}from = "street"\nto = "{space.space}"\n')
    return "".join(parts)


def until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> tuple[float, float]:
    """(seconds on the wall, seconds of the processor) until ``ready``; the process has just begun."""
    world = SystemWorld()
    began = world.monotonic()
    while not ready():
        if process.poll() is not None or world.monotonic() > began + PATIENCE_S * 1000:
            raise RuntimeError(log.read_text(errors="replace")[-2000:])
        asyncio.run(world.sleep_until(world.monotonic() + 10))
    return (world.monotonic() - began) / 1000, cpu_s(process.pid)


def start(
    folder: Path, name: str, ready: Callable[[Path], bool], *command: str, **more: str
) -> tuple[float, float]:
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        environment = {name: value for name, value in os.environ.items() if name != _UNCOMPILED} | more
        process = subprocess.Popen([*command], stdout=out, stderr=out, env=environment)
    try:
        return until(lambda: ready(log), process, log)
    finally:
        process.terminate()
        process.wait(30)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


async def agent(folder: Path) -> tuple[float, float]:
    """One start of an agent with two doors."""
    board = Board(folder / "pins")
    await board.start()
    for pins in DOORS:
        for pin, level in ((pins["d0"], 1), (pins["d1"], 1), (pins["reed"], 0)):
            board.drive(pin, level)

    def ready(log: Path) -> bool:
        shut = all(board.level(pins["strike"]) == 0 for pins in DOORS)
        return shut and b"line-up" in log.read_bytes()

    more = {"GPIOZERO_PIN_FACTORY": "pleintemps", "PLEINTEMPS_PINS": str(folder / "pins")}
    command = [str(BIN / "pleintemps-edge"), "run", "--config", str(folder / "edge.toml")]
    try:
        return await asyncio.to_thread(start, folder, "agent", ready, *command, **more)
    finally:
        await board.stop()


def measure(program: str, rounds: int, spaces: int) -> dict[str, Any]:
    """Seconds of every start; with an empty store for ``spaces`` 0."""
    found: dict[str, list[tuple[float, float]]] = {"ingest": [], "web": [], "agent": []}
    with tempfile.TemporaryDirectory(prefix="pleintemps-bench-") as name:
        folder = Path(name)
        broker = Mosquitto(program, folder, extra=BROKER)
        broker.start()
        try:
            web = find_free_port()
            config = folder / "gateway.toml"
            config.write_text(gateway_toml(spaces or 4, broker.port, web))
            init = [COMMAND, "init", "--config", str(config), "--demo"]
            subprocess.run(init, check=True, stdout=subprocess.DEVNULL)
            doors = "".join(DOOR.format(**pins) for pins in DOORS)
            keys = folder / "keys" / "agents" / AGENT
            (folder / "edge.toml").write_text(HEAD.format(keys=keys, port=broker.port) + doors)
            if spaces:
                engine, known = open_engine(load(config).database_url), load(config)
                with write_transaction(engine, [site.site for site in known.sites]) as conn:
                    matrix.fill(conn, known)
                engine.dispose()
            address = f"http://127.0.0.1:{web}"
            for turn in range(rounds + 1):
                one = {
                    "ingest": start(
                        folder,
                        "ingest",
                        lambda log: b"broker-up" in log.read_bytes(),
                        *[COMMAND, "ingest", "--config", str(config)],
                    ),
                    "web": start(
                        folder,
                        "web",
                        lambda _log: _answers(address),
                        *[COMMAND, "web", "--config", str(config)],
                    ),
                    "agent": asyncio.run(agent(folder)),
                }
                if turn:  # the first one compiles, and reads from the disk
                    for part, took in one.items():
                        found[part].append(took)
        finally:
            broker.stop()
    return {
        part: {
            "s": round(statistics.median(wall for wall, _ in took), 2),
            "worst_s": round(max(wall for wall, _ in took), 2),
            "processor_s": round(statistics.median(busy for _, busy in took), 2),
        }
        for part, took in found.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.startup", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--spaces", type=int, default=100, help="of the full store, two years; 0 for none")
    options = parser.parse_args()
    program = find_mosquitto()
    if program is None:
        print("mosquitto is missing", file=sys.stderr)
        return 1
    runs = {"empty": 0} | ({"full": options.spaces} if options.spaces else {})
    found = {name: measure(program, options.rounds, spaces) for name, spaces in runs.items()}
    slowest = max(each["s"] for one in found.values() for each in one.values())
    result = {"bench": "startup", "s": slowest, "limit_s": LIMIT_S, "rounds": options.rounds, **found}
    print(json.dumps(result) if options.json else "\n".join(f"{k}: {v}" for k, v in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
