"""``pleintemps-sim fleet``: its figures, its files, one line for a mistake."""

import json
from pathlib import Path

import pytest

from pleintemps_contract.keyfiles import Identity, save_agent_keys
from pleintemps_firmware_sim.cli import main
from pleintemps_firmware_sim.fleet.days import visits
from pleintemps_gateway.bookings.sources.ical import parse
from pleintemps_gateway.config import load
from tests.support.ports import find_free_port

from .place import SIGNER


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    status = main(["fleet", *arguments])
    return status, capsys.readouterr().out.splitlines()


def test_a_dry_run_counts_every_reading(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = run(capsys, "--dry", "--sites", "2", "--spaces", "30", "--for", "20", "--rate", "2")
    found = json.loads(lines[-1])
    assert (status, len(lines)) == (0, 7)
    assert found["spaces"] == 60
    assert found["agents"] == 16
    assert found["readings"] == found["receipted"]["readings"] == 60 * 3 * 40
    assert found["waiting"] == {"readings": 0, "events": 0}
    assert found["sent"]["bytes"] > found["readings"] * 6


def test_the_configuration_is_one_that_a_gateway_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines = run(capsys, "--sites", "3", "--spaces", "5", "--write-config", str(tmp_path / "g"))
    assert status == 0
    path = tmp_path / "g" / "gateway.toml"
    assert str(path) in lines[0]
    config = load(path)
    assert [site.site for site in config.sites] == ["site-1", "site-2", "site-3"]
    for site in config.sites:
        assert [door.to for door in site.doors] == [space.space for space in site.spaces]
        assert {door.agent for door in site.doors} == {f"{site.site}-1", f"{site.site}-2"}
        (feed,) = site.sources
        assert feed.feed == "fleet"
    calendar = (tmp_path / "g" / "site-1.ics").read_bytes()
    parsed = parse(calendar, "UTC", 0, 2**42)
    assert not parsed.rejected
    day = min(one.start for one in parsed.bookings) // 86_400_000
    wanted = {
        (f"room-{n}", visit.start, visit.end)
        for n in range(1, 6)
        for each in (day, day + 1)
        for visit in visits(1, "site-1", f"room-{n}", each)
    }
    assert {(one.location, one.start, one.end) for one in parsed.bookings} == wanted


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sites", "0"],
        ["--spaces", "many"],
        ["--rate", "0"],
        ["--per-agent", "65"],
        ["--lose", "1"],
        ["--receipts", "nobody"],
    ],
)
def test_a_wrong_command_line_is_exit_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fleet", *arguments])
    assert ended.value.code == 2


@pytest.mark.parametrize("url", ["mqtts://host", "mqtt://host:port", "host:1883", "mqtt://"])
def test_an_address_that_is_none_is_one_line(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "--broker", url]) == 2
    assert capsys.readouterr().err.startswith("pleintemps-sim: --broker: ")


def test_keys_of_another_fleet_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "--keys", str(tmp_path)]) == 1
    assert "identity.json" in capsys.readouterr().err
    identity = Identity(site="elsewhere", agent="site-1-1", purpose="demo", pepper=f"{'A' * 43}=")
    save_agent_keys(tmp_path / "agents" / "site-1-1", identity, [SIGNER.public])
    assert main(["fleet", "--keys", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_no_broker_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    address = f"mqtt://127.0.0.1:{find_free_port()}"
    assert main(["fleet", "--broker", address, "--for", "0.1", "--drain", "0"]) == 1
    assert capsys.readouterr().err.startswith("pleintemps-sim: no line to the broker: ")
