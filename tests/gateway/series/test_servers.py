"""The write paths, against real servers and against answers that this server never gives."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pleintemps_contract.keyfiles import write_secret
from pleintemps_contract.units import Quantity
from pleintemps_contract.world import SystemWorld
from pleintemps_gateway.config import SeriesConfig
from pleintemps_gateway.errors import LinesRefusedError, SeriesDownError
from pleintemps_gateway.series.outbox import Batch, Counts, Outbox, pack
from pleintemps_gateway.series.rows import NoiseWindow, Row, Samples, SpaceHour
from pleintemps_gateway.series.sender import Sender
from pleintemps_gateway.series.writer import SeriesWriter
from tests.support.series_servers import InfluxDB1, VictoriaMetrics

AT = 1_700_000_000_000


def _row(number: int) -> Row:
    return Samples(
        space="hall",
        agent="entrance",
        series="hall-meter",
        quantity=Quantity.LEVEL,
        ats=[AT + number * 1000, AT + number * 1000 + 500],
        values=[number, number + 0.5],
    )


def test_the_server_goes_and_comes_back_and_holds_every_point(
    victoria_metrics: VictoriaMetrics, tmp_path: Path
) -> None:
    config = SeriesConfig(url=victoria_metrics.url, org="town")
    writer = SeriesWriter.open(config, tmp_path / "state", SystemWorld())

    def add(first: int, last: int) -> None:
        for number in range(first, last):
            writer.sink.add("saint-aubin", [_row(number)])

    add(0, 100)
    writer.drain()
    victoria_metrics.stop()
    add(100, 200)
    writer.drain()
    assert writer.counts().waiting == 200
    writer.close()
    # the gateway too is started anew while the server is away
    writer = SeriesWriter.open(config, tmp_path / "state", SystemWorld())
    add(200, 300)
    writer.drain()
    victoria_metrics.start()
    add(300, 400)
    writer.sink.add("saint-aubin", [NoiseWindow(space="hall", at=AT, laeq_db=70.5, limit_db=65)])
    hour = {"known_ms": 3_600_000, "used_ms": 1_800_000, "booked_ms": 0, "both_ms": 0}
    writer.sink.add("saint-aubin", [SpaceHour(space="hall", at=AT, **hour)])
    writer.drain()
    assert writer.counts()[1:] == (0, 0, 0)
    writer.close()

    (series,) = victoria_metrics.export("sound_value")
    assert series["metric"] == {
        "__name__": "sound_value",
        "kind": "level",
        "sensor": "entrance/hall-meter",
        "site": "saint-aubin",
        "space": "hall",
    }
    assert series["timestamps"] == [AT + half * 500 for half in range(800)]
    assert series["values"] == [half / 2 for half in range(800)]
    noise = victoria_metrics.export('{__name__=~"noise_.*"}')
    assert {one["metric"]["__name__"]: one["values"] for one in noise} == {
        "noise_laeq_db": [70.5],
        "noise_limit_db": [65],
    }
    hours = victoria_metrics.export('{__name__=~"hours_.*"}')
    assert {one["metric"]["__name__"]: one["values"] for one in hours} == {
        "hours_known_min": [60],
        "hours_used_min": [30],
        "hours_booked_min": [0],
        "hours_both_min": [0],
    }


def test_influxdb_before_1_8_takes_its_own_api_and_refuses_one_line_alone(
    influxdb: InfluxDB1, tmp_path: Path
) -> None:
    influxdb.create_database("rooms")
    config = SeriesConfig(url=influxdb.url, api="v1", bucket="rooms/autogen")
    writer = SeriesWriter.open(config, tmp_path / "state", SystemWorld())
    writer.sink.add("saint-aubin", [_row(number) for number in range(50)])
    writer.drain()
    outbox = Outbox(tmp_path / "state" / "series.db", 1_000_000)
    outbox.add(
        [Batch(3, True, pack([f"sound,site=x value=1.0 {AT}", "sound,", f"sound,site=x value=2.0 {AT + 1}"]))]
    )
    outbox.close()
    writer.drain()
    assert writer.counts() == Counts(written=102, refused=1, dropped=0, waiting=0)
    writer.close()
    (series,) = influxdb.query("rooms", "SELECT value FROM sound WHERE site = 'saint-aubin'")
    assert series["values"] == [[AT + half * 500, half / 2] for half in range(100)]
    (others,) = influxdb.query("rooms", "SELECT value FROM sound WHERE site = 'x'")
    assert others["values"] == [[AT, 1], [AT + 1, 2]]
    # a database that is not there is a mistake of the configuration: nothing is lost by it
    with pytest.raises(SeriesDownError, match="404"):
        Sender(SeriesConfig(url=influxdb.url, api="v1", bucket="nothing")).send(pack(["m v=1.0 1"]))


class Answering:
    """A server that gives one answer to every write, and keeps what it was asked."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.paths: list[str] = []
        self.tokens: list[str | None] = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                owner.paths.append(self.path)
                owner.tokens.append(self.headers["Authorization"])
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Tests are quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[Answering]:
    server = Answering(*request.param)
    yield server
    server.close()


@pytest.mark.parametrize("answering", [(204, {}, b"")], indirect=True)
def test_request_and_token_are_those_of_the_v2_api(answering: Answering, tmp_path: Path) -> None:
    token = tmp_path / "token"
    write_secret(token, b"t0ken\n")
    config = SeriesConfig(url=answering.url, org="town", bucket="rooms", token_file=str(token))
    sender = Sender(config)
    sender.send(pack(["m v=1.0 1"]))
    sender.close()
    (path,) = answering.paths
    assert path.startswith("/api/v2/write?")
    assert {"org=town", "bucket=rooms", "precision=ms"} <= set(path.split("?")[1].split("&"))
    assert answering.tokens == ["Token t0ken"]


@pytest.mark.parametrize("answering", [(204, {}, b"")], indirect=True)
def test_request_and_password_are_those_of_the_v1_api(answering: Answering, tmp_path: Path) -> None:
    token = tmp_path / "token"
    write_secret(token, b"gateway:t0ken\n")
    config = SeriesConfig(url=answering.url, api="v1", bucket="rooms/year", token_file=str(token))
    Sender(config).send(pack(["m v=1.0 1"]))
    assert answering.paths == ["/write?db=rooms&rp=year&precision=ms"]
    assert answering.tokens == ["Basic Z2F0ZXdheTp0MGtlbg=="]


@pytest.mark.parametrize(
    "answering",
    [(status, {}, b'{"code":"invalid","message":"unable to parse"}') for status in (400, 413, 422)],
    indirect=True,
)
def test_answers_about_the_lines(answering: Answering) -> None:
    with pytest.raises(LinesRefusedError, match="unable to parse"):
        Sender(SeriesConfig(url=answering.url)).send(pack(["m v="]))


@pytest.mark.parametrize(
    "answering",
    [(status, {"Retry-After": "30"}, b"no") for status in (401, 403, 404, 429, 500, 503)],
    indirect=True,
)
def test_answers_that_say_later(answering: Answering) -> None:
    with pytest.raises(SeriesDownError, match="HTTP") as caught:
        Sender(SeriesConfig(url=answering.url)).send(pack(["m v=1.0 1"]))
    assert caught.value.retry_after_s == 30


@pytest.mark.parametrize("answering", [(204, {}, b"")], indirect=True)
def test_a_token_that_others_may_read_is_not_sent_and_a_corrected_one_is(
    answering: Answering, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken")
    token.chmod(0o644)
    sender = Sender(SeriesConfig(url=answering.url, token_file=str(token)))
    with pytest.raises(SeriesDownError, match="token_file") as caught:
        sender.send(pack(["m v=1.0 1"]))
    assert "t0ken" not in str(caught.value)
    assert answering.paths == []
    token.chmod(0o600)
    sender.send(pack(["m v=1.0 1"]))
    sender.close()
    assert answering.tokens == ["Token t0ken"]
