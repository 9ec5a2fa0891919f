import asyncio
import logging
import threading
from pathlib import Path

import pytest

from pleintemps_contract.configfile import load_toml
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.units import Quantity
from pleintemps_contract.world import ManualWorld, SystemWorld
from pleintemps_gateway import config as gateway_config
from pleintemps_gateway.config import GatewayConfig, SeriesConfig
from pleintemps_gateway.errors import LinesRefusedError, SeriesDownError
from pleintemps_gateway.series.outbox import Batch, Counts, Outbox, pack, unpack
from pleintemps_gateway.series.rows import Samples
from pleintemps_gateway.series.sink import SeriesSink
from pleintemps_gateway.series.writer import FIRST_PAUSE_MS, LONGEST_PAUSE_MS, MAX_HALVINGS, SeriesWriter

FLUSH_MS = 5_000


class Server:
    """Takes lines, unless it is down or finds one that it does not like."""

    host = "series.example"

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.requests = 0
        self.down: SeriesDownError | None = None
        self.bad = "bad"
        self.closed = False

    def send(self, body: bytes) -> None:
        lines = unpack(body)
        self.requests += 1
        if self.down is not None:
            raise self.down
        if any(self.bad in line for line in lines):
            raise LinesRefusedError("HTTP 400 unable to parse")
        self.lines += lines

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "series.db", 10_000_000)


@pytest.fixture
def writer(outbox: Outbox, server: Server) -> SeriesWriter:
    return SeriesWriter(outbox, server, ManualWorld(), FLUSH_MS / 1000)


def _samples(first: int, count: int = 1) -> Samples:
    return Samples(
        space="hall",
        agent="entrance",
        series="hall-meter",
        quantity=Quantity.LEVEL,
        ats=range(first, first + count),
        values=[50.0] * count,
    )


def _batch(lines: list[str]) -> Batch:
    return Batch(len(lines), True, pack(lines))


def _times(server: Server) -> list[int]:
    return [int(line.rsplit(" ", 1)[1]) for line in server.lines]


def test_what_is_added_is_delivered_in_order(writer: SeriesWriter, server: Server) -> None:
    for first in (100, 200, 300):
        writer.sink.add("saint-aubin", [_samples(first, 10)])
    assert writer.drain() == FLUSH_MS
    assert _times(server) == [*range(100, 110), *range(200, 210), *range(300, 310)]
    assert server.requests == 1
    assert writer.drain() == FLUSH_MS
    assert server.requests == 1


def test_an_outage_is_two_log_lines_growing_pauses_and_no_loss(
    writer: SeriesWriter, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.down = SeriesDownError("connection refused")
    pauses = []
    for first in range(8):
        writer.sink.add("saint-aubin", [_samples(first)])
        pauses.append(writer.drain())
    assert pauses == [min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2**step) for step in range(8)]
    server.down = None
    assert writer.drain() == FLUSH_MS
    assert _times(server) == list(range(8))
    assert [record.getMessage().split()[0] for record in caplog.records] == ["series-down", "series-back"]
    server.down = SeriesDownError("again")
    writer.sink.add("saint-aubin", [_samples(9)])
    assert writer.drain() == FIRST_PAUSE_MS


def test_a_server_that_names_a_time_is_left_alone_until_then(writer: SeriesWriter, server: Server) -> None:
    server.down = SeriesDownError("HTTP 429", retry_after_s=17)
    writer.sink.add("saint-aubin", [_samples(1)])
    assert writer.drain() == 17_000
    server.down = SeriesDownError("HTTP 503", retry_after_s=1e9)
    assert writer.drain() == LONGEST_PAUSE_MS


def test_a_bad_line_harms_itself_only_and_is_not_sent_for_ever(
    writer: SeriesWriter, outbox: Outbox, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [f"m v={number} {number}" for number in range(1000)]
    lines[617] = "bad"
    outbox.add([_batch(lines)])
    assert writer.drain() == FLUSH_MS
    assert server.lines == lines[:617] + lines[618:]
    assert writer.counts() == Counts(written=999, refused=1, dropped=0, waiting=0)
    requests = server.requests
    writer.drain()
    assert server.requests == requests
    assert [record.getMessage().split()[0] for record in caplog.records] == ["series-refused"]


def test_a_server_that_refuses_everything_is_not_asked_for_every_line(
    writer: SeriesWriter, outbox: Outbox, server: Server
) -> None:
    server.bad = "m"
    outbox.add([_batch([f"m v={number} {number}" for number in range(5000)])])
    writer.drain()
    assert writer.counts() == Counts(written=0, refused=5000, dropped=0, waiting=0)
    assert server.requests <= 2 * MAX_HALVINGS + 1


def test_an_outage_in_the_middle_of_a_search_loses_nothing(outbox: Outbox) -> None:
    class Falling(Server):
        def send(self, body: bytes) -> None:
            if self.requests == 4:
                self.requests += 1
                raise SeriesDownError("gone")
            super().send(body)

    server = Falling()
    writer = SeriesWriter(outbox, server, ManualWorld(), 5)
    lines = [f"m v={number} {number}" for number in range(64)]
    lines[63] = "bad"
    outbox.add([_batch(lines)])
    assert writer.drain() == FIRST_PAUSE_MS
    assert writer.counts().waiting == 64
    writer.drain()
    assert set(server.lines) == set(lines[:63])
    assert writer.counts() == Counts(written=63, refused=1, dropped=0, waiting=0)


def test_a_disk_that_fails_never_reaches_who_adds(
    writer: SeriesWriter, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    outbox.close()
    for number in range(2):
        writer.sink.add("saint-aubin", [_samples(number)])
        writer.sink.pack()
    assert [record.getMessage().split()[0] for record in caplog.records] == ["series-outbox-failed"]
    assert writer.drain() == LONGEST_PAUSE_MS


def test_run_delivers_until_it_is_cancelled(outbox: Outbox, server: Server) -> None:
    async def scenario() -> None:
        writer = SeriesWriter(outbox, server, SystemWorld(), flush_s=0.01)
        running = asyncio.create_task(writer.run())
        world = SystemWorld()
        for first in range(3):
            writer.sink.add("saint-aubin", [_samples(first)])
            deadline = world.monotonic() + 5_000
            while len(server.lines) <= first and world.monotonic() < deadline:
                await world.sleep_until(world.monotonic() + 5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        writer.close()

    asyncio.run(scenario())
    assert _times(server) == [0, 1, 2]
    assert server.closed


def test_a_request_that_hangs_does_not_hold_up_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked, answer, ended = threading.Event(), threading.Event(), threading.Event()

    class Hanging(Server):
        def send(self, body: bytes) -> None:
            asked.set()
            answer.wait(10)
            super().send(body)
            ended.set()

    async def scenario() -> None:
        outbox = Outbox(tmp_path / "series.db", 10_000_000)
        writer = SeriesWriter(outbox, Hanging(), SystemWorld(), flush_s=0.01)
        writer.sink.add("saint-aubin", [_samples(1)])
        running = asyncio.create_task(writer.run())
        assert await asyncio.to_thread(asked.wait, 10)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        writer.close()

    asyncio.run(scenario())
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "series")
    answer.set()
    assert ended.wait(10)
    thread.join(10)
    assert not thread.is_alive()
    assert caplog.records == []
    assert Outbox(tmp_path / "series.db", 10_000_000).counts().waiting == 1


CONFIG = """
[[sites]]
site = "saint-aubin"
name = "Saint-Aubin"
spaces = []
doors = []
"""


def test_nothing_leaves_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG)
    assert gateway_config.load(path).series is None
    path.write_text('[series]\nurl = "https://influx.example:8086"\ntoken_file = "keys/influx"\n' + CONFIG)
    assert gateway_config.load(path).series == SeriesConfig(
        url="https://influx.example:8086", token_file=str(tmp_path / "keys/influx")
    )


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ('url = "http://x"\nurll = "http://y"', "urll"),
        ("", "url"),
        ('url = "ftp://x"', "url"),
        ('url = "http://name:password@x"', "url"),
        ('url = "http://x"\nbudget_mb = 0', "budget_mb"),
        ('url = "http://x"\nflush_s = 0', "flush_s"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, table: str, named: str) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(f"[series]\n{table}\n{CONFIG}")
    with pytest.raises(ConfigError, match=named):
        load_toml(path, GatewayConfig)


def test_what_comes_meanwhile_goes_before_what_has_waited(outbox: Outbox) -> None:
    class Busy(Server):
        sink: SeriesSink

        def send(self, body: bytes) -> None:
            super().send(body)
            if self.requests <= 4:  # the gateway goes on measuring while the past is told
                self.sink.add("saint-aubin", [_samples(1_000 * self.requests)])
                self.sink.pack()

    server = Busy()
    writer = SeriesWriter(outbox, server, ManualWorld(), FLUSH_MS / 1000)
    server.sink = writer.sink
    old = [[f"m v=0.0 {group}"] * 3_000 for group in range(3)]
    for lines in old:
        outbox.add([_batch(lines)])
    server.down = SeriesDownError("away")
    assert writer.drain() == FIRST_PAUSE_MS
    server.down = None
    server.requests = 0
    assert writer.drain() == FLUSH_MS
    times = _times(server)
    assert [at for at, before in zip(times, [-1, *times], strict=False) if at != before] == [
        0,
        *(1000, 2000, 3000, 4000),
        1,
        2,
    ]
    assert writer.counts() == Counts(written=9_004, refused=0, dropped=0, waiting=0)
