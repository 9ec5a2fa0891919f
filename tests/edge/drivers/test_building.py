"""The line to the building's broker, on a real one."""

import asyncio
import logging
import signal
from pathlib import Path

import pytest

from pleintemps_contract.world import SystemWorld
from pleintemps_edge.drivers.building import BuildingBroker, BuildingLine
from tests.support.broker import Mosquitto, find_mosquitto

from .mqtt_house import a_line, at_work, say, spy, until


def test_it_says_how_the_line_is_and_comes_back_with_its_subscriptions(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        changes: list[bool] = []
        heard: list[tuple[str, bytes, bool]] = []
        async with a_line(mosquitto.port) as line:
            line.subscribe("house/+", lambda *message: heard.append(message))
            line.watch(changes.append)
            assert (changes, line.online) == ([False], False)
            await until(lambda: line.online)
            await say(mosquitto.port, "house/one", b"1")
            await until(lambda: heard == [("house/one", b"1", False)])
            mosquitto.kill()
            await until(lambda: not line.online)
            assert changes == [False, True, False]
            mosquitto.start()
            await until(lambda: line.online)
            await say(mosquitto.port, "house/two", b"2")
            await until(lambda: heard[1:] == [("house/two", b"2", False)])
            assert changes == [False, True, False, True]

    asyncio.run(story())


def test_nothing_is_kept_for_later(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with spy(mosquitto.port, "lock") as heard:
            line = BuildingLine(BuildingBroker("127.0.0.1", mosquitto.port), "test", SystemWorld())
            assert line.publish("lock", b"early") is False
            async with at_work(line.run()):
                await until(lambda: line.online)
                assert line.publish("lock", b"now") is True
                await until(lambda: heard)
            assert line.publish("lock", b"late") is False
            assert heard == [b"now"]

    asyncio.run(story())


def test_a_broker_that_hangs_is_no_line(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        process = mosquitto._process
        assert process is not None
        async with a_line(mosquitto.port) as line:
            await until(lambda: line.online)
            process.send_signal(signal.SIGSTOP)
            try:
                assert line.publish("lock", b"2") is True
                await until(lambda: not line.online, within_s=30)
                assert line.publish("lock", b"3") is False
            finally:
                process.send_signal(signal.SIGCONT)
            await until(lambda: line.online, within_s=30)

    asyncio.run(story())


def test_a_late_subscriber_hears_what_the_broker_keeps(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        await say(mosquitto.port, "state", b"kept", retain=True)
        heard: list[tuple[str, bytes, bool]] = []
        async with a_line(mosquitto.port) as line:
            line.subscribe("state", lambda *message: None)
            await until(lambda: line.online)
            line.subscribe("state", lambda *message: heard.append(message))
            await until(lambda: ("state", b"kept", True) in heard)

    asyncio.run(story())


def test_what_was_published_is_never_retained_and_keeps_its_order(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        wanted = [b"%d" % number for number in range(50)]
        async with a_line(mosquitto.port) as line, spy(mosquitto.port, "lock") as heard:
            await until(lambda: line.online)
            for payload in wanted:
                line.publish("lock", payload)
            await until(lambda: len(heard) == 50)
            assert heard == wanted
        kept: list[bool] = []
        async with a_line(mosquitto.port) as line:
            line.subscribe("lock", lambda _topic, _payload, retained: kept.append(retained))
            line.subscribe("end", lambda *_: kept.append(False))
            await until(lambda: line.online)
            line.publish("end", b"")
            await until(lambda: kept)
            assert kept == [False]

    asyncio.run(story())


def test_what_was_published_before_the_end_goes_out(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with spy(mosquitto.port, "lock") as heard:
            async with a_line(mosquitto.port) as line:
                await until(lambda: line.online)
                line.publish("lock", b"shut")
            await until(lambda: heard == [b"shut"])

    asyncio.run(story())


@pytest.mark.parametrize("password", ["right-word", "wrong-word"])
def test_the_password_is_used_and_never_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, password: str
) -> None:
    program = find_mosquitto()
    if program is None:
        pytest.skip("mosquitto is not installed")
    passwords = tmp_path / "passwords"
    # PBKDF2-SHA512 of "right-word", as mosquitto_passwd writes it
    passwords.write_text(_hashed("agent", "right-word"))
    broker = Mosquitto(program, tmp_path, extra=f"password_file {passwords}\nallow_anonymous false")
    caplog.set_level(logging.DEBUG)

    async def story() -> None:
        line = BuildingLine(
            BuildingBroker("127.0.0.1", broker.port, "agent", password), "test", SystemWorld()
        )
        async with at_work(line.run()):
            if password == "right-word":
                await until(lambda: line.online)
            else:
                await until(lambda: "building-down" in caplog.text)
                assert not line.online

    broker.start()
    try:
        asyncio.run(story())
    finally:
        broker.stop()
    assert password not in caplog.text


def _hashed(user: str, password: str) -> str:
    import base64
    import hashlib

    salt = b"s" * 12
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"{user}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


def test_one_line_in_the_log_when_down_and_one_when_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, free_port: int
) -> None:
    program = find_mosquitto()
    if program is None:
        pytest.skip("mosquitto is not installed")
    caplog.set_level(logging.INFO)
    broker = Mosquitto(program, tmp_path, port=free_port)

    async def story() -> None:
        tried = 0

        class Counted(SystemWorld):
            def random_below(self, limit: int) -> int:
                nonlocal tried
                tried += 1
                return 0

        line = BuildingLine(BuildingBroker("127.0.0.1", free_port), "test", Counted())
        async with at_work(line.run()):
            await until(lambda: tried == 3)
            assert caplog.text.count("building-down") == 1
            broker.start()
            await until(lambda: line.online)
            assert caplog.text.count("building-up") == 1

    try:
        asyncio.run(story())
    finally:
        broker.stop()
