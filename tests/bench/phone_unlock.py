"""From the HTTP request to the relay, through the real processes of web, ingest, broker and agent.

Two ways, in turn: the remote unlock of the API by a caretaker who is logged in, and the keypad on the page of
a booking. The agent is the ordinary one with an ordinary configuration; its pins are reached over the
simulator's socket, so the strike's edge has the time of who made it. The time of the request is taken before
its first byte is written. Once with nothing else going on, and once beside a fleet (``pleintemps-sim fleet``)
on the same gateway. The doors of one agent are opened in turn, so nobody waits for a strike to be held shut
again.

Each figure is the median of the rounds' figures. The steps of the way: ``row`` from the request to the row of
the command, ``taken`` from there until ingest has it in hand, ``heard`` from there until a listener of this
process has it from the broker (the commit is in it), ``strike`` from there to the pin. The rows' times are
whole milliseconds. ``echo`` is a control: a bare message of this process to itself through the same broker,
before each unlock.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
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
from .phone_lines import Line, Listener

SITE: Final = "town-hall"
AGENT: Final = "town-hall-door"
LIMITS_MS: Final = {"idle": 50, "load": 100}
WAYS: Final = ("api", "page")
PASSWORD: Final = "a lamp for each room"
DOORS: Final = {"hall": 27, "yard": 22, "lane": 23, "mews": 24}
"""Each with the pin of its strike."""
STEPS: Final = ("row", "taken", "heard", "strike", "echo")
WARM: Final = 3
"""Unlocks by each way that are not counted: what the first ones load stays loaded."""
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
""" + "".join(
    f"""[[sites.doors]]
door = "{door}"
name = "{door.title()}"
agent = "{AGENT}"
from = "street"
to = "hall"
"""
    for door in DOORS
)
AGENT_TOML: Final = f"""
site = "{SITE}"
agent = "{AGENT}"
keys = "{{keys}}"
state = "agent"
board = "raspberry-pi-40"
[mqtt]
url = "mqtt://127.0.0.1:{{port}}"
""" + "".join(f"{STRIKE_TOML.format(strike=pin, door=door)}release_s = 1\n" for door, pin in DOORS.items())


class Phone:
    """Somebody who opens the doors by both ways, and their strikes."""

    def __init__(self, folder: Path, web: int) -> None:
        self.world = SystemWorld()
        self.board = Board(folder / "pins", self._on_output)
        self.web = web
        self.answers: list[float] = []
        """Milliseconds until the answers of the web process were there."""
        self._folder = folder
        self._strikes: dict[int, asyncio.Queue[tuple[int, int]]] = {
            pin: asyncio.Queue() for pin in DOORS.values()
        }
        self._levels = dict.fromkeys(DOORS.values(), 0)
        self._shut: dict[str, asyncio.Future[None]] = {}

    def _on_output(self, pin: int, level: int, tick: int) -> None:
        if pin in self._levels and level != self._levels[pin]:
            self._levels[pin] = level
            self._strikes[pin].put_nowait((level, tick))

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

    async def _press(self, way: str, door: str) -> str:
        """Ask for the door; returns the id of the command."""
        if way == "api":
            path = f"/api/v1/doors/{SITE}/{door}/commands"
            head, body = await self._call("POST", path, {"action": "AccessDoor"}, **self._bearer)
            if " 202 " not in head.splitlines()[0]:
                raise RuntimeError(head + body.decode())
            return str(json.loads(body)["command"])
        form = f"key=open&typed={self._code}&door={door}".encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        head, body = await self._line.ask("POST", f"/b/{self._link}/open", kind, form)
        found = re.search(r"command=([0-9a-f]+)", head)
        if found is None:
            raise RuntimeError(head)
        return found[1]

    async def _row(self, command: str) -> tuple[int, int]:
        """When the command was asked for and taken, once it is done: one under way is not asked twice."""
        while True:
            _, body = await self._call("GET", f"/api/v1/commands/{command}", **self._bearer)
            if json.loads(body)["outcome"] == "done":
                break
            await self.world.sleep_until(self.world.monotonic() + 50)
        with contextlib.closing(sqlite3.connect(self._folder / "state" / "gateway.db")) as store:
            asked = "SELECT requested, sent FROM commands WHERE site = ? AND command = ?"
            requested, sent = store.execute(asked, (SITE, command)).fetchone()
        return requested, sent

    async def _hold_shut(self, pin: int) -> None:
        level, _ = await asyncio.wait_for(self._strikes[pin].get(), 10)
        if level != 0:
            raise RuntimeError("the strike was released twice")

    async def unlock(self, way: str, door: str, listener: Listener) -> dict[str, float]:
        """Somebody opens. Milliseconds from the request to the strike, as ``all``, and of each step."""
        if door in self._shut:
            await self._shut.pop(door)
        echo = await asyncio.to_thread(listener.echo)
        asked, wall = tick_now(), time.time_ns()
        pressed = asyncio.ensure_future(self._press(way, door))
        pressed.add_done_callback(lambda _: self.answers.append((tick_now() - asked) / 1e6))
        pin = DOORS[door]
        first = asyncio.ensure_future(asyncio.wait_for(self._strikes[pin].get(), 30))
        command = await pressed
        level, tick = await first
        if level != 1:
            raise RuntimeError("the strike was secured without having been released")
        self._shut[door] = asyncio.ensure_future(self._hold_shut(pin))
        requested, sent = await self._row(command)
        began = wall / 1e6
        await listener.wait_for(command)
        heard = (listener.came[command] - asked) / 1e6
        # at whatever moment of the second, and of the processes' looks
        await self.world.sleep_until(self.world.monotonic() + self.world.random_below(130))
        through = (tick - asked) / 1e6
        steps = (requested - began, sent - requested, heard - (sent - began), through - heard, echo)
        return {"all": through, **dict(zip(STEPS, steps, strict=True))}


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


Round = dict[str, list[dict[str, float]]]
"""What :meth:`Phone.unlock` gave, by way."""


async def story(folder: Path, phone: Phone, listener: Listener, times: int, rounds: int) -> list[Round]:
    """``times`` unlocks by each way in each round."""
    await phone.board.start()
    agent = {"GPIOZERO_PIN_FACTORY": "pleintemps", "PLEINTEMPS_PINS": str(folder / "pins")}
    edge = [str(BIN / "pleintemps-edge"), "run", "--config", str(folder / "edge.toml")]
    taken: list[Round] = []
    doors = itertools.cycle(DOORS)
    with running(folder, "agent", *edge, **agent):
        try:
            await asyncio.to_thread(wait_for, lambda: _known(folder), within_s=120, what="agent")
            await phone.log_in()
            for _, way in itertools.product(range(WARM), WAYS):
                await phone.unlock(way, next(doors), listener)
            for _ in range(rounds):
                found: Round = {way: [] for way in WAYS}
                for _, way in itertools.product(range(times), WAYS):
                    found[way].append(await phone.unlock(way, next(doors), listener))
                taken.append(found)
        finally:
            await phone.board.stop()
    return taken


def _known(folder: Path) -> bool:
    """Whether the gateway has heard the agent, and the agent holds the booking."""
    with contextlib.closing(sqlite3.connect(folder / "state" / "gateway.db")) as store:
        asked = "SELECT grants_revision FROM agents WHERE agent = ? AND boot IS NOT NULL"
        row = store.execute(asked, (AGENT,)).fetchone()
    return row is not None and row[0] is not None


def _batches(folder: Path) -> int:
    """Batches of readings that the gateway has stored of all agents."""
    with contextlib.closing(sqlite3.connect(folder / "state" / "gateway.db")) as store:
        asked = "SELECT COALESCE(SUM(through), 0) FROM journals WHERE stream = 'samples'"
        return int(store.execute(asked).fetchone()[0])


def figures(rounds: list[list[float]]) -> dict[str, float]:
    """Medians of what each round says."""
    cuts = [statistics.quantiles(times, n=100, method="inclusive") for times in rounds]
    found = {
        "p50_ms": [cut[49] for cut in cuts],
        "p99_ms": [cut[98] for cut in cuts],
        "max_ms": [max(times) for times in rounds],
    }
    return {name: round(statistics.median(values), 1) for name, values in found.items()}


def of_way(taken: list[Round], way: str) -> dict[str, Any]:
    """Its figures, and those of its steps."""
    every = {step: [[each[step] for each in found[way]] for found in taken] for step in ("all", *STEPS)}
    return {**figures(every["all"]), "steps": {step: figures(every[step]) for step in STEPS}}


def measure(program: str, times: int, rounds: int, spaces: int) -> dict[str, Any]:
    """Beside a fleet of ``spaces``, or none."""
    plan = FleetPlan(FLEET_SITES, spaces // FLEET_SITES) if spaces else None
    with tempfile.TemporaryDirectory(prefix="pleintemps-bench-") as name, contextlib.ExitStack() as stack:
        folder, world = Path(name), SystemWorld()
        broker = Mosquitto(program, folder, extra=BROKER)
        broker.start()
        stack.callback(broker.stop)
        web, laps = find_free_port(), [world.monotonic()]
        config = configure(folder, plan, broker.port, web)
        phone = Phone(folder, web)
        laps.append(world.monotonic())
        phone.book()
        laps.append(world.monotonic())
        ingest = stack.enter_context(running(folder, "ingest", COMMAND, "ingest", "--config", str(config)))
        served = stack.enter_context(running(folder, "web", COMMAND, "web", "--config", str(config)))
        address = f"http://127.0.0.1:{web}"
        wait_until_up(lambda: _has_line(folder), ingest, folder / "ingest.log", within_s=300)
        wait_until_up(lambda: _answers(address), served, folder / "web.log", within_s=300)
        laps.append(world.monotonic())
        fleet_process = None
        if plan is not None:
            options = ["--sites", str(plan.sites), "--spaces", str(plan.spaces), "--for", "1e6", "--json"]
            options += ["--broker", f"mqtt://127.0.0.1:{broker.port}", "--keys", str(folder / "keys")]
            fleet = [str(BIN / "pleintemps-sim"), "fleet", *options, "--drain", "0"]
            fleet_process = stack.enter_context(running(folder, "fleet", *fleet))
            _settle(world)
        listener = Listener(broker.port, SITE, AGENT)
        stack.callback(listener.close)
        before = _batches(folder)
        used, began = (cpu_s(ingest.pid), cpu_s(served.pid)), world.monotonic()
        try:
            taken = asyncio.run(story(folder, phone, listener, times, rounds))
        except (TimeoutError, RuntimeError, asyncio.IncompleteReadError):
            for part in ("ingest", "web", "agent"):
                sys.stderr.write((folder / f"{part}.log").read_text(errors="replace")[-2000:])
            raise
        passed = (world.monotonic() - began) / 1000
        spent = (cpu_s(ingest.pid) - used[0], cpu_s(served.pid) - used[1])
        batches = _batches(folder) - before
        if fleet_process is not None and (fleet_process.poll() is not None or not batches):
            raise RuntimeError((folder / "fleet.log").read_text(errors="replace")[-2000:])
        own: dict[str, Any] = {way: of_way(taken, way) for way in WAYS}
        own |= {"answer_p50_ms": round(statistics.median(phone.answers), 1)}
        own |= {"ingest_of_a_core": round(spent[0] / passed, 2), "web_of_a_core": round(spent[1] / passed, 2)}
        own |= {"agents": 0 if plan is None else len(plan.agents()), "batches_per_s": round(batches / passed)}
        named = ("keys", "booking", "start")
        lasted = [round((end - start) / 1000, 1) for start, end in itertools.pairwise(laps)]
        own |= {"set_up_s": dict(zip(named, lasted, strict=True)), "unlocks_s": round(passed, 1)}
    dearer = max(WAYS, key=lambda way: float(own[way]["p99_ms"]))
    of_it = {name: own[dearer][name] for name in ("p50_ms", "p99_ms", "max_ms")}
    return {**of_it, "way": dearer, **own}


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
    parser.add_argument("--times", type=int, default=40, help="unlocks by each way in a round")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians count")
    parser.add_argument(
        "--load", type=int, metavar="SPACES", help="a fleet of so many alone, 0 for none; both else"
    )
    options = parser.parse_args()
    program = find_mosquitto()
    if program is None:
        print("mosquitto is missing", file=sys.stderr)
        return 1
    runs = (0, 10_000) if options.load is None else (options.load,)
    result: dict[str, Any] = {"bench": "phone_unlock", "unlocks": 2 * options.times, "rounds": options.rounds}
    for spaces in runs:
        kind = "load" if spaces else "idle"
        result[kind] = {
            "limit_ms": LIMITS_MS[kind],
            "spaces": spaces,
            **measure(program, options.times, options.rounds, spaces),
        }
        print(f"{kind}: {result[kind]}", file=sys.stderr)
    result["p99_ms"] = result[kind]["p99_ms"] if len(runs) == 1 else result["idle"]["p99_ms"]
    print(json.dumps(result) if options.json else "\n".join(f"{k}: {v}" for k, v in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
