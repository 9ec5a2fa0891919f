"""Real series databases: VictoriaMetrics for the v2 write API, InfluxDB 1.6 for lines and InfluxQL."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from .ports import find_free_port
from .processes import wait_until_up

# one for all requests: to make a client loads every certificate authority of the machine
_HTTP: Final = httpx.Client(
    verify=False, trust_env=False, timeout=60, limits=httpx.Limits(max_keepalive_connections=0)
)
DASHBOARD_FLAGS: Final = ("-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms")
"""What docs/series.md asks of a VictoriaMetrics that dashboards read."""


class _Server:
    """A program that keeps its data in ``folder`` and answers 2xx at ``health`` when it is up."""

    def __init__(self, folder: Path, health: str) -> None:
        folder.mkdir()
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._health = health
        self._command: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=output)
        wait_until_up(self._answers, self._process, log, within_s=20)

    def stop(self) -> None:
        """Ends it in order, so that all it acknowledged is on disk; nothing happens if it is not running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        try:
            return _HTTP.get(self.url + self._health, timeout=2).is_success
        except httpx.TransportError:
            return False


class VictoriaMetrics(_Server):
    def __init__(self, program: str, folder: Path, flags: Sequence[str] = ("-retentionPeriod=100y",)) -> None:
        super().__init__(folder, "/health")
        self._command = [
            program,
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-storageDataPath={self._folder / 'data'}",
            *flags,
        ]

    def export(self, match: str) -> list[dict[str, Any]]:
        """Every series that ``match`` selects, with ``metric``, ``values`` and ``timestamps`` (ms)."""
        self.flush()
        answer = _HTTP.get(self.url + "/api/v1/export", params={"match[]": match}).raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]

    def write(self, lines: list[str]) -> None:
        """Write lines in milliseconds; :meth:`flush` makes them readable."""
        body = "\n".join(lines).encode()
        _HTTP.post(self.url + "/api/v2/write", params={"precision": "ms"}, content=body).raise_for_status()

    def flush(self) -> None:
        _HTTP.get(self.url + "/internal/force_flush").raise_for_status()

    def query(self, query: str, **when: str) -> list[dict[str, Any]]:
        """The answer to a MetricsQL query: of a range with ``start``, ``end`` and ``step``, else of ``time``,
        all in seconds; raises RuntimeError with the server's reason."""
        path = "/api/v1/query_range" if "step" in when else "/api/v1/query"
        return self.api(path, query=query, nocache="1", **when)["result"]  # type: ignore[no-any-return]

    def api(self, path: str, **parameters: str) -> Any:
        """``data`` of what a GET of Prometheus' API answers."""
        body = _HTTP.get(self.url + path, params=parameters).json()
        if body["status"] != "success":
            raise RuntimeError(f"{body['error']}: {parameters}")
        return body["data"]


class InfluxDB1(_Server):
    def __init__(self, program: str, folder: Path) -> None:
        super().__init__(folder, "/ping")
        config = folder / "influxdb.toml"
        self._command = [program, "run", "-config", str(config)]
        config.write_text(
            "\n".join(
                [
                    "reporting-disabled = true",
                    f'bind-address = "127.0.0.1:{find_free_port()}"',
                    f'[meta]\ndir = "{folder / "meta"}"',
                    f'[data]\ndir = "{folder / "data"}"\nwal-dir = "{folder / "wal"}"',
                    "query-log-enabled = false",
                    f'[http]\nbind-address = "127.0.0.1:{self.port}"\nlog-enabled = false',
                    "[monitor]\nstore-enabled = false",
                    "[subscriber]\nenabled = false",
                    "",
                ]
            )
        )

    def create_database(self, name: str) -> None:
        _HTTP.post(self.url + "/query", data={"q": f'CREATE DATABASE "{name}"'}).raise_for_status()

    def write(self, database: str, lines: list[str]) -> None:
        """Write lines in milliseconds; raises RuntimeError with the server's reason."""
        answer = _HTTP.post(
            self.url + "/write", params={"db": database, "precision": "ms"}, content="\n".join(lines).encode()
        )
        if answer.status_code != 204:
            raise RuntimeError(answer.text)

    def query(self, database: str, query: str) -> list[dict[str, Any]]:
        """The series of one InfluxQL statement (``name``, ``tags``, ``columns``, ``values``; times in ms)."""
        answer = _HTTP.get(self.url + "/query", params={"db": database, "q": query, "epoch": "ms"})
        body = answer.json()
        results = body.get("results", [{}])
        error = body.get("error") or results[0].get("error")
        if error:
            raise RuntimeError(f"{error}: {query}")
        series: list[dict[str, Any]] = results[0].get("series", [])
        return series


def find_program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def _program(name: str, package: str) -> str:
    program = find_program(name)
    if program is None:
        pytest.skip(f"{package} is not installed")
    return program


@pytest.fixture
def victoria_metrics(tmp_path: Path) -> Iterator[VictoriaMetrics]:
    """A running VictoriaMetrics that can be stopped and started; skipped where it is not installed."""
    server = VictoriaMetrics(_program("victoria-metrics", "victoria-metrics"), tmp_path / "victoria-metrics")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def dashboard_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VictoriaMetrics]:
    """A running VictoriaMetrics set as dashboards want it, without data; skipped without the program."""
    program = _program("victoria-metrics", "victoria-metrics")
    server = VictoriaMetrics(program, tmp_path_factory.mktemp("victoria") / "metrics", DASHBOARD_FLAGS)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB1]:
    """A running InfluxDB 1.6 without databases; skipped where it is not installed."""
    server = InfluxDB1(_program("influxd", "influxdb"), tmp_path_factory.mktemp("influx") / "influxdb")
    server.start()
    yield server
    server.stop()
