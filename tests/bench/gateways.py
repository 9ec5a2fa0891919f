"""A gateway's ingest process for a fleet, beside the benches that load it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pleintemps_firmware_sim.fleet.installing import gateway_toml
from pleintemps_firmware_sim.fleet.plan import FleetPlan
from tests.support.ports import find_free_port
from tests.support.waiting import wait_for

BIN: Final = Path(sys.executable).parent
BROKER: Final = """
autosave_on_changes false
autosave_interval 60
max_queued_messages 100000
max_inflight_messages 1000
"""
"""As the demo runs it; docs/decisions.md, 10 and 14, says why."""
COMMAND: Final = str(BIN / "pleintemps-gateway")


def prepare(
    folder: Path, plan: FleetPlan, port: int, extra: str = "", *, database_url: str | None = None
) -> Path:
    """Configuration and keys of a gateway for ``plan`` without bookings, on SQLite unless another store is
    named; returns the configuration."""
    config = folder / "gateway.toml"
    url, web = f"mqtt://127.0.0.1:{port}", find_free_port()
    text = gateway_toml(plan, mqtt_url=url, web_port=web, day_ms=86_400_000, booked=False)
    store = "" if database_url is None else f'database_url = "{database_url}"\n'
    config.write_text(store + text + extra)
    subprocess.run(
        [COMMAND, "init", "--config", str(config), "--demo"], check=True, stdout=subprocess.DEVNULL
    )
    return config


@contextmanager
def ingesting(config: Path, core: int | None = None) -> Iterator[int]:
    """The ingest process runs, on ``core`` alone, and has its line to the broker; its process id."""
    path = config.parent / "gateway.log"
    with path.open("wb") as log:
        alone = [] if core is None else ["taskset", "--cpu-list", str(core)]
        command = [*alone, COMMAND, "ingest", "--config", str(config)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(lambda: b"broker-up" in path.read_bytes(), within_s=60, what="gateway")
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)  # what waits is still stored
