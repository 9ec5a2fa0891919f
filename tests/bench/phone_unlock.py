"""From the HTTP request to the relay, through the real processes of web, ingest, broker and agent.

Two ways, in turn: the remote unlock of the API by a caretaker who is logged in, and the keypad on the page of
a booking. The agent is the ordinary one with an ordinary configuration; its pins are reached over the
simulator's socket, so the strike's edge has the time of who made it. The time of the request is taken before
its first byte is written. Once with nothing else going on, and once beside a fleet (``pleintemps-sim fleet``)
on the same gateway.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.fleet.installing import gateway_toml
from pleintemps_firmware_sim.fleet.plan import FleetPlan
from pleintemps_firmware_sim.pins.board import Board, tick_now
from tests.support.broker import Mosquitto, find_mosquitto
from tests.support.ports import find_free_port
from tests.support.processes import wait_until_up
from tests.support.waiting import wait_for

from .doors import STRIKE_TOML
from .footprint import cpu_s
from .gateways import BIN, BROKER, COMMAND

SITE: Final = "town-hall"
AGENT: Final = "town-hall-door"
LIMITS_MS: Final = {"idle": 50, "load": 100}
WAYS: Final = ("api", "page")
PASSWORD: Final = "a lamp for each room"
STRIKE: Final = 27
FLEET_SITES: Final = 20
SETTLE_MS: Final = 10_000
"""The fleet's lines are opened and its first batches stored before anything is measured."""
SITE_TOML: Final = f"""
[[sites]]
site = "{SITE}"
name = "Town hall"
zone = "UTC"
[[sites.spaces]]
space = "hall"
name = "Hall"
[[sites.doors]]
door = "hall"
name = "Hall"
agent = "{AGENT}"
from = "street"
to = "hall"
"""
AGENT_TOML: Final = f"""
site = "{SITE}"
agent = "{AGENT}"
keys = "{{keys}}"
state = "agent"
board = "raspberry-pi-40"
[mqtt]
url = "mqtt://127.0.0.1:{{port}}"
{STRIKE_TOML.format(strike=STRIKE)}release_s = 1
"""


class Line:
    """One HTTP connection that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[str, bytes]:
        """Head and body of the answer."""
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"(?i)^content-length: (\d+)", head, re.MULTILINE)
        return head, await self._reader.readexactly(int(length[1]) if length else 0)


class Phone:
    """Somebody who opens the door by both ways, and the strike of that door."""

    def __init__(self, folder: Path, web: int) -> None:
        self.world = SystemWorld()
        self.board = Board(folder / "pins", self._on_output)
        self.web = web
        self.answers: list[float] = []
        """Milliseconds until the answers of the web process were there."""
        self._folder = folder
        self._strikes: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        self._strike = 0

    def _on_output(self, pin: int, level: int, tick: int) -> None:
        if pin == STRIKE and level != self._strike:
            self._strike = level
            self._strikes.put_nowait((level, tick))

    def book(self) -> None:
        """A booking whose doors open now."""
        now = datetime.fromtimestamp(self.world.now() // 1000, UTC)
        start, end = ((now + timedelta(hours=hours)).isoformat() for hours in (-1, 6))
        arguments = ["--site", SITE, "--space", "hall", "--start", start, "--end", end, "--title", "x"]
        config = ["--config", str(self._folder / "gateway.toml")]
        command = [COMMAND, "booking", "add", *config, *arguments, "--print-code"]
        made = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        self._link, self._code = made["link"], made["code"]
        add = [COMMAND, "user", "add", *config, "--role", "caretaker", "bench"]
        subprocess.run(add, check=True, input=PASSWORD.encode() + b"\n", stdout=subprocess.DEVNULL)

    async def log_in(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.web)
        self._line = Line(reader, writer)
        head, body = await self._call("POST", "/api/v1/sessions", {"name": "bench", "password": PASSWORD})
        if " 201 " not in head.splitlines()[0]:
            raise RuntimeError(head)
        self._bearer = {"Authorization": f"Bearer {json.loads(body)['token']}"}

    async def _call(self, method: str, path: str, body: object = None, **more: str) -> tuple[str, bytes]:
        headers = {"Content-Type": "application/json", **more}
        return await self._line.ask(method, path, headers, b"" if body is None else json.dumps(body).encode())

    async def _press(self, way: str) -> str:
        """Ask for the door; returns the id of the command."""
        if way == "api":
            path = f"/api/v1/doors/{SITE}/hall/commands"
            head, body = await self._call("POST", path, {"action": "AccessDoor"}, **self._bearer)
            if " 202 " not in head.splitlines()[0]:
                raise RuntimeError(head + body.decode())
            return str(json.loads(body)["command"])
        form = f"key=open&typed={self._code}&door=hall".encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        head, body = await self._line.ask("POST", f"/b/{self._link}/open", kind, form)
        found = re.search(r"command=([0-9a-f]+)", head)
        if found is None:
            raise RuntimeError(head)
        return found[1]

    async def _outcome(self, command: str) -> str:
        _, body = await self._call("GET", f"/api/v1/commands/{command}", **self._bearer)
        return str(json.loads(body)["outcome"])

    async def unlock(self, way: str) -> float:
        """Somebody opens, and the strike is held shut again. Milliseconds from the request to the strike."""
        asked = tick_now()
        pressed = asyncio.ensure_future(self._press(way))
        pressed.add_done_callback(lambda _: self.answers.append((tick_now() - asked) / 1e6))
        first = asyncio.ensure_future(asyncio.wait_for(self._strikes.get(), 30))
        command = await pressed
        level, tick = await first
        if level != 1:
            raise RuntimeError("the strike was secured without having been released")
        level, _ = await asyncio.wait_for(self._strikes.get(), 10)
        if level != 0:
            raise RuntimeError("the strike was released twice")
        # one that is on its way is not asked for twice
        while (
            json.loads((await self._call("GET", f"/api/v1/commands/{command}", **self._bearer))[1])["outcome"]
            != "done"
        ):
            await self.world.sleep_until(self.world.monotonic() + 50)
        # at whatever moment of the second, and of the processes' looks
        await self.world.sleep_until(self.world.monotonic() + self.world.random_below(130))
        return (tick - asked) / 1_000_000


@contextmanager
def running(folder: Path, part: str, *arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours with its output in a file of its name, until the end."""
    with (folder / f"{part}.log").open("wb") as log:
        environment = {**os.environ, **more}
        process = subprocess.Popen([*arguments], stdout=log, stderr=log, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def configure(folder: Path, plan: FleetPlan | None, broker: int, web: int) -> Path:
    """Configuration and keys of gateway and agent; returns the gateway's."""
    config, url = folder / "gateway.toml", f"mqtt://127.0.0.1:{broker}"
    text = f'[mqtt]\nurl = "{url}"\n[web]\nport = {web}\n'
    if plan is not None:
        text = gateway_toml(plan, mqtt_url=url, web_port=web, day_ms=86_400_000, booked=False)
    config.write_text(text + SITE_TOML)
    init = [COMMAND, "init", "--config", str(config), "--demo"]
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL)
    keys = folder / "keys" / "agents" / AGENT
    (folder / "edge.toml").write_text(AGENT_TOML.format(keys=keys, port=broker))
    return config


async def story(folder: Path, phone: Phone, address: str, times: int) -> dict[str, list[float]]:
    """Milliseconds of ``times`` unlocks by each way."""
    await phone.board.start()
    agent = {"GPIOZERO_PIN_FACTORY": "pleintemps", "PLEINTEMPS_PINS": str(folder / "pins")}
    edge = [str(BIN / "pleintemps-edge"), "run", "--config", str(folder / "edge.toml")]
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    with running(folder, "agent", *edge, **agent):
        try:
            await asyncio.to_thread(wait_for, lambda: _known(folder), within_s=120, what="agent")
            await phone.log_in()
            for turn in range(times + 3):
                for way in WAYS:
                    found = await phone.unlock(way)
                    if turn >= 3:  # what the first ones load stays loaded
                        taken[way].append(found)
        finally:
            await phone.board.stop()
    return taken


def _known(folder: Path) -> bool:
    """Whether the gateway has heard the agent, and the agent holds the booking."""
    with contextlib.closing(sqlite3.connect(folder / "state" / "gateway.db")) as store:
        asked = "SELECT grants_revision FROM agents WHERE agent = ? AND boot IS NOT NULL"
        row = store.execute(asked, (AGENT,)).fetchone()
    return row is not None and row[0] is not None


def figures(times: list[float]) -> dict[str, float]:
    ordered = statistics.quantiles(times, n=100, method="inclusive")
    found = {"p50_ms": ordered[49], "p99_ms": ordered[98], "max_ms": max(times)}
    return {name: round(value, 1) for name, value in found.items()}


def measure(program: str, times: int, spaces: int) -> dict[str, Any]:
    """Beside a fleet of ``spaces``, or none."""
    plan = FleetPlan(FLEET_SITES, spaces // FLEET_SITES) if spaces else None
    with tempfile.TemporaryDirectory(prefix="pleintemps-bench-") as name, contextlib.ExitStack() as stack:
        folder, world = Path(name), SystemWorld()
        broker = Mosquitto(program, folder, extra=BROKER)
        broker.start()
        stack.callback(broker.stop)
        web = find_free_port()
        config = configure(folder, plan, broker.port, web)
        phone = Phone(folder, web)
        phone.book()
        ingest = stack.enter_context(running(folder, "ingest", COMMAND, "ingest", "--config", str(config)))
        served = stack.enter_context(running(folder, "web", COMMAND, "web", "--config", str(config)))
        address = f"http://127.0.0.1:{web}"
        wait_until_up(lambda: _has_line(folder), ingest, folder / "ingest.log", within_s=300)
        wait_until_up(lambda: _answers(address), served, folder / "web.log", within_s=300)
        if plan is not None:
            options = ["--sites", str(plan.sites), "--spaces", str(plan.spaces), "--for", "1e6", "--json"]
            options += ["--broker", f"mqtt://127.0.0.1:{broker.port}", "--keys", str(folder / "keys")]
            fleet = [str(BIN / "pleintemps-sim"), "fleet", *options, "--drain", "0"]
            stack.enter_context(running(folder, "fleet", *fleet))
            _settle(world)
        used, began = (cpu_s(ingest.pid), cpu_s(served.pid)), world.monotonic()
        try:
            taken = asyncio.run(story(folder, phone, address, times))
        except (TimeoutError, RuntimeError, asyncio.IncompleteReadError):
            for part in ("ingest", "web", "agent"):
                sys.stderr.write((folder / f"{part}.log").read_text(errors="replace")[-2000:])
            raise
        passed = (world.monotonic() - began) / 1000
        spent = (cpu_s(ingest.pid) - used[0], cpu_s(served.pid) - used[1])
        own: dict[str, Any] = {way: figures(taken[way]) for way in WAYS}
        own |= {"answer_p50_ms": round(statistics.median(phone.answers), 1)}
        own |= {"ingest_of_a_core": round(spent[0] / passed, 2), "web_of_a_core": round(spent[1] / passed, 2)}
    dearer = max(WAYS, key=lambda way: float(own[way]["p99_ms"]))
    return {**own[dearer], "way": dearer, **own}


def _settle(world: SystemWorld) -> None:
    asyncio.run(world.sleep_until(world.monotonic() + SETTLE_MS))


def _has_line(folder: Path) -> bool:
    return b"broker-up" in (folder / "ingest.log").read_bytes()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.phone_unlock", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--times", type=int, default=100, help="unlocks by each way")
    parser.add_argument(
        "--load", type=int, metavar="SPACES", help="a fleet of so many alone, 0 for none; both else"
    )
    options = parser.parse_args()
    program = find_mosquitto()
    if program is None:
        print("mosquitto is missing", file=sys.stderr)
        return 1
    runs = (0, 10_000) if options.load is None else (options.load,)
    result: dict[str, Any] = {"bench": "phone_unlock", "unlocks": 2 * options.times}
    for spaces in runs:
        kind = "load" if spaces else "idle"
        result[kind] = {
            "limit_ms": LIMITS_MS[kind],
            "spaces": spaces,
            **measure(program, options.times, spaces),
        }
        print(f"{kind}: {result[kind]}", file=sys.stderr)
    result["p99_ms"] = result[kind]["p99_ms"] if len(runs) == 1 else result["idle"]["p99_ms"]
    print(json.dumps(result) if options.json else "\n".join(f"{k}: {v}" for k, v in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
