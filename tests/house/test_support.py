"""The shared fixtures do what they promise; a broken one would make other tests pass or skip for nothing."""

import queue
import socket
from pathlib import Path

import paho.mqtt.client as mqtt
import paho.mqtt.publish
import pytest
import sqlalchemy
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.broker import Mosquitto

pytest_plugins = ["pytester"]

_SKIPPING_TESTS = """
import pytest

def test_skips_itself():
    pytest.skip("no such machine")

@pytest.mark.skipif(True, reason="not today")
def test_is_marked():
    pass

@pytest.mark.xfail(reason="known")
def test_fails_as_expected():
    assert False
"""


def test_skips_are_skips_by_default(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLEINTEMPS_SKIPS", raising=False)
    pytester.makepyfile(_SKIPPING_TESTS)
    pytester.runpytest_inprocess("-p", "tests.support.skips").assert_outcomes(skipped=2, xfailed=1)


def test_skips_can_be_made_failures(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLEINTEMPS_SKIPS", "fail")
    pytester.makepyfile(_SKIPPING_TESTS)
    result = pytester.runpytest_inprocess("-p", "tests.support.skips")
    # a mark skips in the set-up, which counts as an error
    result.assert_outcomes(failed=1, errors=1, xfailed=1)
    result.stdout.fnmatch_lines(["*PLEINTEMPS_SKIPS=fail*no such machine*"])


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_a_skipped_module_fails_too(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PLEINTEMPS_SKIPS", "fail")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makepyfile(
        "import pytest\npytest.importorskip('no_such_module_anywhere')\ndef test_never(): pass\n"
    )
    result = pytester.runpytest_subprocess("-p", "tests.support.skips", *workers)
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*PLEINTEMPS_SKIPS=fail*no_such_module_anywhere*"])


def test_free_port_is_free(free_port: int) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port))


def _publish_retained(broker: Mosquitto, payload: str) -> None:
    paho.mqtt.publish.single(
        "house/test", payload, qos=1, retain=True, hostname="127.0.0.1", port=broker.port
    )


def _read_retained(broker: Mosquitto) -> bytes:
    received: queue.Queue[bytes] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _userdata, message: received.put(bytes(message.payload))
    client.connect("127.0.0.1", broker.port)
    client.subscribe("house/test")
    client.loop_start()
    try:
        return received.get(timeout=5)
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_killed_broker_comes_back_with_what_had_settled(mosquitto: Mosquitto) -> None:
    _publish_retained(mosquitto, "kept")
    mosquitto.settle()
    mosquitto.kill()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", mosquitto.port))
    mosquitto.start()
    assert _read_retained(mosquitto) == b"kept"


def test_store_url_is_a_fresh_database(store_url: str) -> None:
    engine = sqlalchemy.create_engine(store_url)
    assert sqlalchemy.inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE thing (id INTEGER)"))
    assert sqlalchemy.inspect(engine).get_table_names() == ["thing"]
    engine.dispose()


def test_each_use_of_postgres_is_its_own_database(postgres_url: str) -> None:
    engine = sqlalchemy.create_engine(postgres_url)
    assert sqlalchemy.inspect(engine).get_table_names() == []
    engine.dispose()
