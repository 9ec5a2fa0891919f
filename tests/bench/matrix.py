"""A year of a hundred spaces as the matrix: the server's whole answer, as HTML and as JSON.

``python -m tests.bench.matrix --json``. The store is filled with a year of bookings and presence (and a year
before, for the trend), from which ingest's own code makes the hours. ``ms`` is the median of the whole answer
for the page: log-in looked up, store read, summed, written as HTML. No answer is kept for the next one."""

import argparse
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from fastapi.testclient import TestClient
from sqlalchemy import Connection, insert

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.api.passwords import hash_password
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.matrix import store
from pleintemps_gateway.matrix.lanes import HOUR_MS, hour_of
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction

SITES = 4
NOW = round(datetime(2026, 11, 23, 8, 30, tzinfo=UTC).timestamp() * 1000)
DAY = 24 * HOUR_MS
DAYS = 2 * 366
PASSWORD = "a lamp for each room"
SERVICES = ("stage", "kitchen", "mirrors", "piano", "tables")


def config_of(spaces: int) -> GatewayConfig:
    """Four sites, one of them a school with its hours and a fortnight in which it is closed."""

    def site(number: int) -> dict[str, Any]:
        rooms = [
            {
                "space": f"room-{number}-{n}",
                "name": f"Salle {n + 1}",
                "capacity": 10 + 5 * (n % 20),
                "services": [SERVICES[n % len(SERVICES)]],
            }
            for n in range(spaces // SITES)
        ]
        made: dict[str, Any] = {
            "site": f"site-{number}",
            "name": f"Bâtiment {number}",
            "spaces": rooms,
            "doors": [],
        }
        if number == 0:
            made["calendar"] = {
                "school_hours": [{"days": ["mon", "tue", "thu", "fri"], "from": "08:30", "to": "16:30"}],
                "closed": [{"first": "2026-07-13", "last": "2026-07-26"}],
            }
        return made

    return msgspec.convert({"sites": [site(number) for number in range(SITES)]}, GatewayConfig)


def fill(conn: Connection, config: GatewayConfig) -> int:
    """Bookings and presence of two years, and their hours; how many hours."""
    first = hour_of(NOW - DAYS * DAY, 0)
    last = hour_of(NOW, 0)
    count = 0
    for site in config.sites:
        for number, space in enumerate(site.spaces):
            booked, told = [], []
            for day in range(DAYS):
                start = first + day * DAY + (17 + number % 4) * HOUR_MS
                if (day + number) % 7 < 5:
                    name = f"{site.site[-1]}{number:03d}{day:04d}"
                    times = {"space": space.space, "start": start, "end": start + 2 * HOUR_MS}
                    booked.append({"site": site.site, "booking": name, **times})
                for at, state in ((0, "occupied"), (100, "vacant"), (400, "unknown"), (415, "vacant")):
                    if state != "unknown" or (day + number) % 50 == 0:
                        since = start + (at + (day * 7) % 20) * 60_000
                        row = {"space": space.space, "since": since, "state": state}
                        told.append({"site": site.site, "probability": 0.9, "evidence": "", **row})
            conn.execute(insert(schema.hours_booked), booked)
            conn.execute(insert(schema.occupancy), told)
            place = store.Place(site.site, space.space, 0)
            for begin in range(first, last, 28 * DAY):
                end = min(last, begin + 28 * DAY)
                found = store.worked_out(conn, place, begin, end)
                store.put(conn, place, found)
                count += len(found)
            store.put_through(conn, place, last)
    return count


def measure(spaces: int, runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        url = f"sqlite:///{Path(folder) / 'store.db'}"
        migrate(url)
        engine = open_engine(url)
        config = config_of(spaces)
        began = time.perf_counter()
        with write_transaction(engine, [site.site for site in config.sites]) as conn:
            count = fill(conn, config)
            person = {
                "name": "anne",
                "password": hash_password(PASSWORD),
                "role": "caretaker",
                "created": NOW,
            }
            conn.execute(insert(schema.users).values(site="*", **person))
        filled = time.perf_counter() - began
        app = create_app(config, ManualWorld(now=NOW), engine)
        with TestClient(app, base_url="https://testserver") as client:
            page = client.get("/login")
            csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
            form = {"name": "anne", "password": PASSWORD, "csrf": csrf, "next": "/matrix"}
            client.post("/login", data=form)

            busy: dict[str, list[float]] = {}

            def timed(path: str, times: int) -> tuple[list[float], int]:
                took, size = [], 0
                for _ in range(times):
                    begun, worked = time.perf_counter(), time.process_time()
                    answer = client.get(path)
                    took.append(1000 * (time.perf_counter() - begun))
                    busy.setdefault(path, []).append(1000 * (time.process_time() - worked))
                    if answer.status_code != 200:
                        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:200]}")
                    size = len(answer.content)
                return took, size

            first, _ = timed("/matrix?span=year", 1)
            html, html_bytes = timed("/matrix?span=year", runs)
            weeks, _ = timed("/matrix", runs)
            data, data_bytes = timed("/api/v1/matrix?span=year", runs)
            table, table_bytes = timed("/matrix.csv?span=year", 3)
            paper, paper_bytes = timed("/matrix.pdf?span=year", 2)
        engine.dispose()
    return {
        "bench": "matrix",
        "spaces": spaces,
        "hours": count,
        "fill_s": round(filled, 1),
        "ms": round(statistics.median(html)),
        "ms_best": round(min(html)),
        "ms_worst": round(max(html)),
        "cpu_ms": round(statistics.median(busy["/matrix?span=year"])),
        "first_ms": round(first[0]),
        "html_kb": html_bytes // 1000,
        "weeks_12_ms": round(statistics.median(weeks)),
        "json_ms": round(statistics.median(data)),
        "json_kb": data_bytes // 1000,
        "csv_ms": round(statistics.median(table)),
        "csv_kb": table_bytes // 1000,
        "pdf_s": round(min(paper) / 1000, 2),
        "pdf_kb": paper_bytes // 1000,
        "limit_ms": 200,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    parser.add_argument("--spaces", type=int, default=100)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    found = measure(options.spaces, options.runs)
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
