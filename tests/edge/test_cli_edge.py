"""``pleintemps-edge`` as a process: what it prints, how it ends, and what a power cut leaves."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pleintemps_contract.agent_messages import CommandExecuted
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel
from pleintemps_edge.cli import main
from pleintemps_edge.journal.claim import claim
from tests.support.broker import Mosquitto

from .actors import gateway_on, until, write_setup

PROGRAM = [sys.executable, "-c", "import sys; from pleintemps_edge.cli import main; sys.exit(main())"]
ENVIRONMENT = os.environ | {"GPIOZERO_PIN_FACTORY": "mock"}


def start(config: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as sink:
        return subprocess.Popen(
            [*PROGRAM, "run", "--config", str(config)], env=ENVIRONMENT, stdout=sink, stderr=sink
        )


def test_check_says_ok_or_what_to_mend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_setup(tmp_path, 1883)
    assert main(["check", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "ok\n"
    config.write_text(config.read_text().replace('lock = "hall-strike"', 'lock = "bolt"'))
    assert main(["check", "--config", str(config)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"{config}: door hall: lock: there is no device 'bolt'\n"


@pytest.mark.parametrize("arguments", [[], ["dance"], ["run"]])
def test_a_wrong_command_line_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: pleintemps-edge" in capsys.readouterr().err


def test_version_and_help_help(capsys: pytest.CaptureFixture[str]) -> None:
    for argument, expected in (("--version", "pleintemps-edge 0."), ("--help", "check")):
        with pytest.raises(SystemExit) as caught:
            main([argument])
        assert caught.value.code == 0
        assert expected in capsys.readouterr().out


def test_a_state_folder_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    config = write_setup(tmp_path, 1883)
    (tmp_path / "state").write_text("a file")
    done = subprocess.run(
        [*PROGRAM, "run", "--config", str(config)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert str(tmp_path / "state") in done.stderr


def test_a_second_agent_on_one_state_folder_is_one_line(tmp_path: Path) -> None:
    config = write_setup(tmp_path, 9)
    (tmp_path / "state").mkdir()
    held = claim(tmp_path / "state")
    done = subprocess.run(
        [*PROGRAM, "run", "--config", str(config)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    held.close()
    assert done.returncode == 1
    assert "another agent uses this state folder" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_within_two_seconds(tmp_path: Path, number: signal.Signals) -> None:
    # nobody answers on this port: the agent runs without a line
    config = write_setup(tmp_path, 9)
    log = tmp_path / "log"
    process = start(config, log)

    def wait(text: str) -> None:
        deadline = time.monotonic() + 15
        while text not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)

    wait("line-down")
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
    assert time.monotonic() - began < 2
    assert "agent-stopped" in log.read_text()


def status_of(config: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, "status", "--config", str(config), *options],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_status_of_a_running_agent_and_of_none(tmp_path: Path) -> None:
    config = write_setup(tmp_path, 9)
    done = status_of(config)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    process = start(config, tmp_path / "log")
    try:
        deadline = time.monotonic() + 15
        while (done := status_of(config, "--json")).returncode == 3:
            assert process.poll() is None and time.monotonic() < deadline, done.stderr
        told = msgspec.json.decode(done.stdout)
        assert (told["site"], told["agent"], told["line"]) == ("saint-aubin", "entrance", False)
        assert [door["door"] for door in told["doors"]] == ["hall"]
        assert [(each["stream"], each["health"]) for each in told["storage"]] == [
            ("events", "ok"),
            ("samples", "ok"),
        ]
        # the port is nobody's: without a line something is ill
        assert done.returncode == 1
        assert "ill: no line to the broker" in done.stderr
        person = status_of(config)
        assert person.returncode == 1
        assert "door     hall: Locked" in person.stdout
        words = [*told, *person.stdout.split()]
        assert not any("nonce" in word or "pepper" in word for word in words)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    assert status_of(config).returncode == 3


def test_sigkill_loses_nothing_that_was_committed(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """What the gateway has heard of was committed: killed in the middle, all of it is still there."""
    config = write_setup(tmp_path, mosquitto.port)

    boots: set[str] = set()

    async def life(process: subprocess.Popen[bytes], receipts: bool) -> dict[int, Any]:
        async with gateway_on(mosquitto.port) as gateway:
            gateway.receipts = receipts
            # the broker still holds the birth of the life before
            await until(lambda: gateway.births and gateway.births[-1].boot not in boots)
            boot = gateway.births[-1].boot
            boots.add(boot)
            topic = gateway.topic(Channel.COMMAND)
            for counter in range(1, 41):
                action = DoorAction.UNLOCK if counter % 2 else DoorAction.LOCK
                await gateway.send(topic, gateway.command(action, counter, boot=boot))
            if not receipts:
                await until(lambda: len(gateway.events(CommandExecuted)) >= 6, within_s=15)
                process.send_signal(signal.SIGKILL)
                process.wait()
            else:
                await until(lambda: len(gateway.events(CommandExecuted)) >= 40, within_s=15)
            return {seq: record.event for (_, seq), record in gateway.records.items()}

    log = tmp_path / "log"
    process = start(config, log)
    try:
        heard = asyncio.run(life(process, receipts=False))
    finally:
        process.kill()
        process.wait()
    database = sqlite3.connect(tmp_path / "state" / "events.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    kept = {seq for (seq,) in database.execute("SELECT seq FROM events")}
    database.close()
    assert heard.keys() <= kept
    assert kept == set(range(1, max(kept) + 1))
    process = start(config, log)
    try:
        again = asyncio.run(life(process, receipts=True))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    assert {seq: again[seq] for seq in heard} == heard
    assert set(range(1, max(again) + 1)) == again.keys()
