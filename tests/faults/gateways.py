"""Several gateways on one PostgreSQL and one broker, and what the store must say of them afterwards."""

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import Engine, create_engine, func, select, text, tuple_

from pleintemps_firmware_sim.fleet.installing import gateway_toml
from pleintemps_firmware_sim.fleet.plan import FleetPlan
from pleintemps_gateway.store import schema
from tests.support.broker import Mosquitto
from tests.support.ports import find_free_port
from tests.support.waiting import wait_for

BIN: Final = Path(sys.executable).parent
BROKER: Final = """
autosave_on_changes false
autosave_interval 60
max_queued_messages 100000
max_inflight_messages 1000
"""
DAY_MIN: Final = 6
NAMES: Final = ("a", "b", "c")
# who wrote each change, by the name that its connection bears, beside the lease that was in force
_WITNESS: Final = """
CREATE TABLE witness (
    site text, seq bigint, writer text, gateway text, run text, token bigint, at timestamptz
);
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO witness
    SELECT NEW.site, NEW.seq, current_setting('application_name'),
           leases.gateway, leases.run, leases.token, clock_timestamp()
    FROM (SELECT 1) AS one LEFT JOIN leases ON leases.site = NEW.site AND leases.ended IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT ON changes FOR EACH ROW EXECUTE FUNCTION witness();
"""


class Findings(NamedTuple):
    """What the store says of a fleet and of who wrote; the lists are of what must not be."""

    readings: int
    batches: int
    events: int
    lost: int
    twice: int
    alerts: int
    double_alerts: list[tuple[str, str]]
    overlapping_terms: list[str]
    foreign_writes: list[tuple[str, int, str]]
    falling_tokens: list[str]
    terms: int
    writes: int


class Gateways:
    """Up to three ingest processes; ``program`` is the module that each runs."""

    def __init__(
        self,
        folder: Path,
        url: str,
        broker: Mosquitto,
        plan: FleetPlan,
        *,
        program: str = "pleintemps_gateway.cli",
    ) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self._program = program
        self._broker = f"mqtt://127.0.0.1:{broker.port}"
        self._plan = plan
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        toml = gateway_toml(
            plan,
            mqtt_url=self._broker,
            web_port=find_free_port(),
            day_ms=DAY_MIN * 60_000,
            booked=False,
        )
        for name in NAMES:
            own = toml.replace('state = "state"', f'state = "state-{name}"', 1)
            self._config(name).write_text(f'gateway = "{name}"\ndatabase_url = "{url}"\n{own}')
        self._run("pleintemps-gateway", "init", "--demo", "--config", str(self._config("a")))
        self.engine: Engine = create_engine(url)
        with self.engine.begin() as conn:
            conn.execute(text(_WITNESS))

    def _config(self, name: str) -> Path:
        return self.folder / f"{name}.toml"

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    @staticmethod
    def _run(*command: str) -> None:
        found = subprocess.run([BIN / command[0], *command[1:]], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr + found.stdout

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", self._program, "ingest", "--config", str(self._config(name))]
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        """As a machine that loses its power."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def pause(self, name: str) -> None:
        """As a machine that is suspended: it knows nothing of the time in between."""
        self._running[name].send_signal(signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        self._running[name].send_signal(signal.SIGCONT)

    def is_alive(self, name: str) -> bool:
        return name in self._running and self._running[name].poll() is None

    def stop(self) -> None:
        for name, process in self._running.items():
            self.go_on(name)
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
        self.engine.dispose()

    def logs(self) -> str:
        """The end of every log."""
        there = [self._log(name) for name in NAMES if self._log(name).exists()]
        return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in there)

    def holders(self) -> dict[str, int]:
        """How many sites each gateway holds."""
        table = schema.leases.c
        with self.engine.connect() as conn:
            query = select(table.gateway, func.count()).where(table.ended.is_(None)).group_by(table.gateway)
            return {str(name): int(count) for name, count in conn.execute(query)}

    def settle(self, names: tuple[str, ...], within_s: float = 60) -> None:
        """Wait until ``names`` share all sites equally."""
        sites = len(self._plan.site_names())

        def shared() -> bool:
            held = self.holders()
            even = max(held.values(), default=0) - min(held.values(), default=0) <= 1
            return set(held) == set(names) and sum(held.values()) == sites and even

        wait_for(shared, within_s=within_s, what=f"equal shares of {names}, see {self.folder}")

    @contextmanager
    def fleet(self, seconds: float, rate: float) -> Iterator["subprocess.Popen[str]"]:
        """The agents of all sites; its output ends with what they sent."""
        sites, spaces = len(self._plan.site_names()), self._plan.spaces
        command = [str(BIN / "pleintemps-sim"), "fleet", "--sites", str(sites), "--spaces", str(spaces)]
        command += ["--per-agent", str(self._plan.per_agent), "--day", str(DAY_MIN), "--drain", "60"]
        command += ["--broker", self._broker, "--keys", str(self.keys), "--for", str(seconds)]
        command += ["--rate", str(rate), "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def findings(self) -> Findings:
        batches, events, journals = schema.sample_batches, schema.events, schema.journals
        key = tuple_(batches.c.site, batches.c.journal, batches.c.seq)
        with self.engine.connect() as conn:
            count = conn.scalar(select(func.count()).select_from(batches)) or 0
            single = conn.scalar(select(func.count()).select_from(select(key).distinct().subquery())) or 0
            rows = conn.execute(text("SELECT * FROM witness ORDER BY site, seq")).all()
            terms = conn.execute(select(schema.leases).order_by(*schema.leases.primary_key.columns)).all()
            alerts = conn.execute(select(schema.alerts).order_by(schema.alerts.c.opened)).all()
            return Findings(
                readings=int(conn.scalar(select(func.sum(batches.c.readings))) or 0),
                batches=count,
                events=conn.scalar(select(func.count()).select_from(events)) or 0,
                lost=int(conn.scalar(select(func.sum(journals.c.lost))) or 0),
                twice=count - single,
                alerts=len(alerts),
                double_alerts=_overlapping_alerts(alerts),
                overlapping_terms=_overlapping_terms(terms),
                foreign_writes=[
                    (row.site, row.seq, row.writer)
                    for row in rows
                    if row.writer.startswith("ingest ")
                    and row.writer != f"ingest {row.gateway} {(row.run or '')[:12]}"
                ],
                falling_tokens=_falling(rows),
                terms=len(terms),
                writes=len(rows),
            )


def _overlapping_alerts(rows: Any) -> list[tuple[str, str]]:
    """(site, subject) of alerts that were there twice at one moment."""
    until: dict[tuple[str, str], int] = {}
    found = []
    for row in rows:
        key = (row.site, row.subject)
        if row.opened < until.get(key, 0):
            found.append(key)
        until[key] = row.resolved if row.resolved is not None else 1 << 62
    return found


def _overlapping_terms(rows: Any) -> list[str]:
    """Sites of which two gateways held the lease at one moment."""
    last: dict[str, int | None] = {}
    found = []
    for row in rows:
        if row.site in last and ((ended := last[row.site]) is None or ended > row.taken):
            found.append(row.site)
        last[row.site] = row.ended
    return found


def _falling(rows: Any) -> list[str]:
    """Sites in whose feed an older token stands after a younger one."""
    highest: dict[str, int] = defaultdict(int)
    found = []
    for row in rows:
        token = row.token or 0
        if token and token < highest[row.site]:
            found.append(row.site)
        highest[row.site] = max(highest[row.site], token)
    return found


def report(fleet: dict[str, Any], found: Findings) -> str:
    """One JSON line."""
    lists = ("double_alerts", "overlapping_terms", "foreign_writes", "falling_tokens")
    counted = {name: len(value) if name in lists else value for name, value in found._asdict().items()}
    sent = {name: fleet[name] for name in ("agents", "readings", "batches", "events", "receipt_ms", "sent")}
    return json.dumps({"fleet": sent, "store": counted, "load": os.getloadavg()[0]})
