"""The page "Tonight" of 1,000 spaces, open 20 times: what it costs the gateway, the line and the browser.

The web process is the real one over a SQLite store. A writer does what ingest does: every space gets a row
each 10 s, some change their state, doors open and close, each with its entry in the change feed. Twenty
pages are plain HTTP clients, one more is Debian's Chromium, which counts its animation frames.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import Engine, insert, update

from pleintemps_contract.world import SystemWorld
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.changes import record_changes
from pleintemps_gateway.store.engine import open_engine, write_transaction
from tests.support.ports import find_free_port
from tests.support.waiting import wait_for

from .footprint import cpu_s, memory_mb
from .gateways import COMMAND

PASSWORD: Final = "a lamp for each room"
EACH: Final = 40
REFRESH_S: Final = 10
TURNS: Final = 40
"""One of so many measurements changes the state of its space; one of so many a door."""
PAINT: Final = """() => new Promise((done) => new PerformanceObserver((list) => {
  const first = list.getEntriesByName("first-contentful-paint")[0];
  if (first) done(first.startTime);
}).observe({type: "paint", buffered: true}))"""
FRAMES: Final = """(seconds) => new Promise((done) => {
  let frames = 0, longest = 0, last = performance.now();
  const from = last;
  const next = (at) => {
    frames += 1;
    longest = Math.max(longest, at - last);
    last = at;
    if (at - from < seconds * 1000) requestAnimationFrame(next);
    else done([frames / (at - from) * 1000, longest]);
  };
  requestAnimationFrame(next);
})"""


def toml(sites: int, port: int) -> str:
    parts = [f'[mqtt]\nurl = "mqtt://127.0.0.1:1"\n[web]\nport = {port}\n']
    for site in range(sites):
        parts.append(f'[[sites]]\nsite = "site-{site:02d}"\nname = "Bâtiment {site + 1}"\n')
        for space in range(EACH):
            parts.append(f'[[sites.spaces]]\nspace = "room-{space:02d}"\nname = "Salle {space + 1}"\n')
        for door in range(0, EACH, 4):
            parts.append(
                f'[[sites.doors]]\ndoor = "door-{door:02d}"\nname = "Porte {door + 1}"\n'
                f'agent = "a-{site:02d}"\nfrom = "street"\nto = "room-{door:02d}"\n'
            )
    return "".join(parts)


def fill(engine: Engine, sites: int, now: int) -> None:
    """Rooms that are measured, doors, agents, five bookings a room."""
    for number in range(sites):
        site = f"site-{number:02d}"
        rooms = [f"room-{space:02d}" for space in range(EACH)]
        agent = {"agent": f"a-{number:02d}", "presence": "online", "last_seen": now}
        with write_transaction(engine, [site]) as conn:
            conn.execute(insert(schema.agents).values(site=site, **agent))
            conn.execute(
                insert(schema.spaces),
                [
                    {
                        "site": site,
                        "space": room,
                        "state": "vacant",
                        "probability": 0.02,
                        "since": now,
                        "at": now,
                    }
                    | {"evidence": f"{room}-pir quiet", "evidence_at": now, "level_db": 38.0, "level_at": now}
                    | {"limit_db": 65.0, "quiet": False}
                    for room in rooms
                ],
            )
            conn.execute(
                insert(schema.series),
                [
                    {"site": site, "agent": agent["agent"], "series": f"{room}-pir", "device": f"{room}-pir"}
                    | {
                        "space": room,
                        "quantity": "motion",
                        "kind": "state",
                        "max_silence_s": 45,
                        "last_at": now,
                    }
                    for room in rooms
                ],
            )
            conn.execute(
                insert(schema.doors),
                [
                    {"site": site, "door": f"door-{door:02d}", "agent": agent["agent"], "mode": "Locked"}
                    | {"physical": "Closed", "lock": "Locked", "alarm": "Normal", "since": now, "at": now}
                    for door in range(0, EACH, 4)
                ],
            )
            conn.execute(
                insert(schema.bookings),
                [
                    {"site": site, "booking": f"{number:02x}{index:02x}{turn:028x}", "source": "bench"}
                    | {"uid": f"{room}-{turn}", "space": room, "title": f"Association {index}", "people": 12}
                    | {"start": now + (turn * 4 - 6) * 3_600_000, "end": now + (turn * 4 - 4) * 3_600_000}
                    | {"status": "confirmed", "updated": now}
                    for index, room in enumerate(rooms)
                    for turn in range(5)
                ],
            )


def write(engine: Engine, sites: int, world: SystemWorld, stop: threading.Event) -> None:
    """What ingest writes, one transaction a site and second."""
    turn = 0
    while not stop.is_set():
        began = world.monotonic()
        for number in range(sites):
            site = f"site-{number:02d}"
            now = world.now()
            rooms = [
                f"room-{space:02d}"
                for space in range(EACH)
                if (space + number) % REFRESH_S == turn % REFRESH_S
            ]
            rows: list[tuple[str, str]] = []
            with write_transaction(engine, [site]) as conn:
                for index, room in enumerate(rooms):
                    taken = (turn * len(rooms) + index + number) % TURNS == 0
                    values: dict[str, Any] = {
                        "evidence_at": now,
                        "at": now,
                        "level_db": 36.0 + (turn + index) % 9 / 4,
                    }
                    if taken:
                        values |= {
                            "state": ("occupied", "vacant")[turn % 2],
                            "probability": (0.97, 0.02)[turn % 2],
                        }
                        rows.append(("occupancy", f"{room}/{now}"))
                        belief = {
                            "site": site,
                            "space": room,
                            "since": now,
                            "state": values["state"],
                            "evidence": "",
                        }
                        conn.execute(insert(schema.occupancy).values(**belief))
                    here = (schema.spaces.c.site == site) & (schema.spaces.c.space == room)
                    conn.execute(update(schema.spaces).where(here).values(**values))
                    mine = (schema.series.c.site == site) & (schema.series.c.space == room)
                    conn.execute(update(schema.series).where(mine).values(last_at=now))
                    rows.append(("spaces", room))
                if (turn + number) % TURNS == 0:
                    door = f"door-{turn // TURNS * 4 % EACH:02d}"
                    here = (schema.doors.c.site == site) & (schema.doors.c.door == door)
                    opened = ("Open", "Closed")[turn // TURNS % 2]
                    conn.execute(update(schema.doors).where(here).values(physical=opened, since=now, at=now))
                    rows.append(("doors", door))
                rows.append(("agents", f"a-{number:02d}"))
                record_changes(conn, site, rows, now)
        turn += 1
        stop.wait(max(0.0, 1 - (world.monotonic() - began) / 1000))


@dataclass
class Client:
    """A page without a browser: it loads, then reads its stream."""

    bytes: int = 0
    frames: int = 0
    page_bytes: int = 0
    page_ms: int = 0
    errors: list[str] = field(default_factory=list)


def logged_in(address: str) -> httpx.Client:
    client = httpx.Client(base_url=address, timeout=60, follow_redirects=True)
    found = re.search(r'name="csrf" value="([^"]*)"', client.get("/login").text)
    assert found is not None
    client.post("/login", data={"name": "bench", "password": PASSWORD, "csrf": found[1], "next": "/more"})
    return client


def read(
    cookies: httpx.Cookies, address: str, mine: Client, world: SystemWorld, stop: threading.Event
) -> None:
    with httpx.Client(base_url=address, timeout=60, cookies=cookies) as client:
        began = world.monotonic()
        page = client.get("/")
        mine.page_ms, mine.page_bytes = world.monotonic() - began, len(page.content)
        found = re.search(r'data-frame="([^"]+)"', page.text)
        assert found is not None, page.status_code
        with client.stream("GET", f"/api/v1/live?have={found[1]}") as answer:
            for chunk in answer.iter_raw():
                mine.bytes += len(chunk)
                mine.frames += chunk.count(b"event: frame")
                if stop.is_set():
                    return


@contextmanager
def serving(folder: Path, sites: int) -> Iterator[tuple[subprocess.Popen[bytes], str, Engine]]:
    port = find_free_port()
    config = folder / "gateway.toml"
    config.write_text(toml(sites, port))
    init = [COMMAND, "init", "--config", str(config), "--demo"]
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL)
    add = [COMMAND, "user", "add", "--config", str(config), "--role", "caretaker", "bench"]
    subprocess.run(add, check=True, input=PASSWORD.encode() + b"\n", stdout=subprocess.DEVNULL)
    engine = open_engine(f"sqlite:///{folder / 'state' / 'gateway.db'}")
    fill(engine, sites, SystemWorld().now())
    log = (folder / "web.log").open("wb")
    process = subprocess.Popen([COMMAND, "web", "--config", str(config)], stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{address}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_for(answers, within_s=60, what="web")
        yield process, address, engine
    finally:
        process.terminate()
        process.wait(20)
        engine.dispose()
        log.close()


def browse(address: str, seconds: int) -> dict[str, Any]:
    """Frames a second while the page lives, and its first paints, in Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as runner:
        chromium = runner.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{address}/login")
        page.fill("input[name=name]", "bench")
        page.fill("input[name=password]", PASSWORD)
        page.click("main button")
        page.wait_for_selector(".tile")
        paints: dict[str, list[float]] = {"/?site=site-00": [], "/": []}
        for path, times in paints.items():
            for _ in range(7):
                page.goto(f"{address}{path}")
                times.append(page.evaluate(PAINT))
        page.wait_for_timeout(2_000)
        rates = [page.evaluate(FRAMES, seconds / 3) for _ in range(3)]
        found = {
            "tiles": page.locator(".tile").count(),
            "browser_fps": round(statistics.median(rate for rate, _ in rates), 1),
            "longest_frame_ms": round(statistics.median(longest for _, longest in rates)),
            "first_paint_all_ms": round(statistics.median(paints["/"])),
            "first_paint_one_building_ms": round(statistics.median(paints["/?site=site-00"])),
        }
        chromium.close()
    return found


def measure(sites: int, viewers: int, seconds: int) -> dict[str, Any]:
    world, stop = SystemWorld(), threading.Event()
    clients = [Client() for _ in range(viewers)]
    with (
        tempfile.TemporaryDirectory(prefix="pleintemps-bench-") as name,
        serving(Path(name), sites) as served,
    ):
        process, address, engine = served
        cookies = logged_in(address).cookies
        threads = [threading.Thread(target=write, args=(engine, sites, world, stop))]
        threads += [
            threading.Thread(target=read, args=(cookies, address, each, world, stop)) for each in clients
        ]
        for thread in threads:
            thread.start()
        try:
            wait_for(lambda: all(each.frames > 2 for each in clients), within_s=120, what="frames")
            before = [(each.bytes, each.frames) for each in clients]
            used, began = cpu_s(process.pid), world.monotonic()
            stop.wait(seconds)
            passed = (world.monotonic() - began) / 1000
            used = cpu_s(process.pid) - used
            bytes_, frames = zip(
                *((each.bytes - b, each.frames - f) for each, (b, f) in zip(clients, before, strict=True)),
                strict=True,
            )
            found = {
                "spaces": sites * EACH,
                "pages": viewers,
                "gateway_cpu_percent_of_a_core": round(100 * used / passed, 1),
                "bytes_per_s_and_page": round(statistics.median(bytes_) / passed),
                "stream_frames_per_s": round(statistics.median(frames) / passed, 2),
                "page_ms": round(statistics.median(each.page_ms for each in clients)),
                "page_kb": round(statistics.median(each.page_bytes for each in clients) / 1000),
                "resident_mb": round(memory_mb(process.pid, "VmRSS")),
                "seconds": round(passed, 1),
            }
            return found | browse(address, seconds)
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.live", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--sites", type=int, default=25, help=f"of {EACH} spaces each")
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    if shutil.which("chromium") is None:
        print("chromium is missing", file=sys.stderr)
        return 1
    result = {"bench": "live", **measure(options.sites, options.pages, options.seconds)}
    print(json.dumps(result) if options.json else "\n".join(f"{k}: {v}" for k, v in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
