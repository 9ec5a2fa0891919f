"""The command line: help that helps, mistakes in one line, never a traceback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from pleintemps_contract import __version__
from pleintemps_gateway.access.vault import decrypt_code
from pleintemps_gateway.api.passwords import verify_password
from pleintemps_gateway.cli import main
from pleintemps_gateway.store.schema import bookings, credentials, users
from tests.support.broker import Mosquitto
from tests.support.ports import find_free_port
from tests.support.processes import wait_until_up

from .house import House, build


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> House:
    return build(tmp_path, sqlite_url)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pleintemps-gateway: ")
    return line


@pytest.mark.parametrize(
    "command", ["", "init", "migrate", "run", "ingest", "web", "user add", "booking add", "key", "key use"]
)
def test_help_helps(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert "usage: pleintemps-gateway" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"pleintemps-gateway {__version__}\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('site = "ecole"', 'site = "gateway"', "reserved"),
        ('name = "École"', 'name = "École"\nzone = "Mars/Olympus"', "zone"),
        ('name = "École"', 'name = "École"\ncolour = "red"', "colour"),
        ('to = "class"', 'to = "attic"', "attic"),
        ('door = "class"', 'door = "gate"', "two doors"),
        ('space = "class"', 'space = "hall"', "two spaces"),
        ('space = "class"', 'space = "street"', "street"),
        ("[mqtt]", "[mqtt", "not TOML"),
        pytest.param("sqlite:", "oracle:", "database_url", marks=pytest.mark.sqlite),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line(
    house: House, old: str, new: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = house.file.read_text()
    assert old in text
    house.file.write_text(text.replace(old, new))
    assert main(["migrate", "--config", str(house.file)]) == 2
    assert said in one_line(capsys)


def test_a_missing_file_and_missing_keys_are_one_line(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--config", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in one_line(capsys)
    (Path(house.config.keys) / "gateway" / "purpose").unlink()
    assert main(["user", "add", "anne", "--generate", "--config", str(house.file)]) == 2
    assert "pleintemps-gateway init" in one_line(capsys)


def test_a_person_gets_a_password(
    house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["user", "add", "anne", "--config", str(house.file)]
    assert main([*command, "--generate"]) == 0
    password = capsys.readouterr().out.strip()
    assert len(password) == 19

    def encoded() -> str:
        with house.engine.connect() as conn:
            return str(conn.execute(select(users.c.password)).scalar_one())

    assert verify_password(encoded(), password)
    read, write = os.pipe()
    os.write(write, b"a longer sentence\n")
    os.close(write)
    with os.fdopen(read) as given:
        monkeypatch.setattr(sys, "stdin", given)
        assert main([*command, "--role", "manager"]) == 0
    assert verify_password(encoded(), "a longer sentence")
    assert "sentence" not in capsys.readouterr().out
    read, write = os.pipe()
    os.close(write)
    with os.fdopen(read) as given:
        monkeypatch.setattr(sys, "stdin", given)
        assert main(command) == 2
    assert "characters" in one_line(capsys)


def test_a_booking_is_taken_and_cancelled(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(house.file)]
    times = ["--start", "2099-07-01T18:00", "--end", "2099-07-01T20:00+02:00"]
    add = ["booking", "add", *config, "--title", "Yoga", "--space"]
    assert main([*add, "hall", *times, "--print-code"]) == 0
    said = json.loads(capsys.readouterr().out)
    with house.engine.connect() as conn:
        row = conn.execute(select(bookings)).one()
        held = conn.execute(select(credentials)).one()
    assert row.end - row.start == 2 * 3_600_000
    assert row.amplified is False
    assert decrypt_code("ecole", said["grant"], said["link"], held.encrypted_code) == said["code"]
    assert main([*add, "hall", *times]) == 0
    assert "code" not in json.loads(capsys.readouterr().out)
    assert main([*add, "class", *times, "--amplified"]) == 0
    loud = json.loads(capsys.readouterr().out)["booking"]
    with house.engine.connect() as conn:
        assert conn.scalar(select(bookings.c.amplified).where(bookings.c.booking == loud)) is True
    assert main([*add, "attic", *times]) == 2
    assert "attic" in one_line(capsys)
    cancel = ["booking", "cancel", *config, "--booking", said["booking"]]
    assert main(cancel) == 0
    capsys.readouterr()
    assert main(cancel) == 2
    assert "already" in one_line(capsys)


def test_where_there_are_several_sites_one_must_be_named(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    with house.file.open("a") as file:
        file.write('[[sites]]\nsite = "mairie"\nname = "Mairie"\n')
        file.write('[[sites.spaces]]\nspace = "hall"\nname = "Hall"\n[[sites.doors]]\ndoor = "hall"\n')
        file.write('name = "Hall"\nagent = "lobby"\nfrom = "street"\nto = "hall"\n')
    times = ["--start", "2099-07-01T18:00", "--end", "2099-07-01T20:00"]
    add = ["booking", "add", "--config", str(house.file), "--space", "hall", "--title", "Yoga", *times]
    assert main(add) == 2
    assert one_line(capsys).endswith("--site: name one of ecole, mairie")
    assert main([*add, "--site", "elsewhere"]) == 2
    assert "elsewhere" in one_line(capsys)
    assert main([*add, "--site", "ecole"]) == 0


@pytest.mark.serial
def test_run_starts_a_dead_part_again_and_ends_both(
    tmp_path: Path, sqlite_url: str, mosquitto: Mosquitto
) -> None:
    port = find_free_port()
    house = build(tmp_path, sqlite_url, port=mosquitto.port)
    house.file.write_text(house.file.read_text().replace("[mqtt]", f"[web]\nport = {port}\n[mqtt]"))
    log = tmp_path / "run.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "pleintemps_gateway.cli", "run", "--config", str(house.file)]
        process = subprocess.Popen(command, stdout=out, stderr=out)

    def children() -> dict[str, int]:
        found = {}
        for task in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            words = Path(f"/proc/{task}/cmdline").read_bytes().split(b"\0")
            if len(words) > 3:  # one that has ended and waits for its parent has none
                found[words[3].decode()] = int(task)
        return found

    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    def until(question: object) -> None:
        deadline = time.monotonic() + 30
        while not question():  # type: ignore[operator]
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    try:
        until(answers)
        until(lambda: len(children()) == 2)
        old = children()
        os.kill(old["ingest"], signal.SIGKILL)
        until(lambda: children().get("ingest") not in (None, old["ingest"]))
        until(lambda: len(children()) == 2)
        assert children()["web"] == old["web"]
        last = children()
        process.terminate()
        assert process.wait(10) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in last.values())
        assert "Traceback" not in log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_busy_port_is_one_line(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        house.file.write_text(house.file.read_text().replace("[mqtt]", f"[web]\nport = {port}\n[mqtt]"))
        command = [sys.executable, "-m", "pleintemps_gateway.cli", "web", "--config", str(house.file)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert f"127.0.0.1:{port}" in line


def test_run_ends_with_the_line_of_a_part_that_cannot_work(house: House) -> None:
    (Path(house.config.keys) / "gateway" / "sealing.key").unlink()
    command = [sys.executable, "-m", "pleintemps_gateway.cli", "run", "--config", str(house.file)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "sealing.key" in ended.stderr and "Traceback" not in ended.stderr
    assert "process-ended" not in ended.stderr


def test_a_store_of_a_later_version_is_a_mistake_of_usage(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    with house.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'r9999'")
    assert main(["migrate", "--config", str(house.file)]) == 2
    assert "newer than this program" in one_line(capsys)


@pytest.mark.serial
def test_web_ends_at_once_while_somebody_watches(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = find_free_port()
    house.file.write_text(house.file.read_text().replace("[mqtt]", f"[web]\nport = {port}\n[mqtt]"))
    assert main(["user", "add", "anne", "--generate", "--config", str(house.file)]) == 0
    password = capsys.readouterr().out.strip()
    log = tmp_path / "web.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "pleintemps_gateway.cli", "web", "--config", str(house.file)]
        process = subprocess.Popen(command, stdout=out, stderr=out)
    base = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{base}/healthz").is_success
        except httpx.TransportError:
            return False

    try:
        wait_until_up(answers, process, log, within_s=20)
        made = httpx.post(f"{base}/api/v1/sessions", json={"name": "anne", "password": password})
        token = {"Authorization": f"Bearer {made.json()['token']}"}
        with httpx.stream("GET", f"{base}/api/v1/live", headers=token, timeout=10) as live:
            text = live.iter_text()
            assert "frame" in next(text)
            began = time.monotonic()
            process.terminate()
            rest = "".join(text)  # the stream is ended, not cut
            assert process.wait(5) == -signal.SIGTERM  # Uvicorn raises it again when all is done
            assert time.monotonic() - began < 2
        assert "log-out" not in rest
        assert "Traceback" not in log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
