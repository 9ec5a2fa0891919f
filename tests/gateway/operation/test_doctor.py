"""The doctor and the status of a real gateway folder, over a real broker."""

import json
import ssl
from pathlib import Path

import pytest

from pleintemps_contract.checkup.broker import judge_broker, read_broker
from pleintemps_contract.checkup.findings import Level
from pleintemps_gateway.cli import main
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents, housekeeping
from tests.gateway.house import NOW, build
from tests.gateway.web.town import add
from tests.support.broker import Mosquitto


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.soak)])
def test_the_page_of_a_gateway_that_does_not_run(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    house = build(tmp_path, str(request.getfixturevalue(f"{kind}_url")))
    (tmp_path / "keys" / "gateway" / "sealing.key").chmod(0o644)
    with write_transaction(house.engine, ["ecole"]) as conn:
        add(conn, agents, site="ecole", agent="entrance", presence="online", last_seen=NOW, version="0.0.9")
        add(conn, housekeeping, site="ecole", at=NOW)
    house.engine.dispose()
    where = ["--config", str(house.file)]
    assert main(["doctor", *where, "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    by_check: dict[str, list[str]] = {}
    for each in told["findings"]:
        assert bool(each.get("todo")) == (each["level"] != "ok")
        by_check.setdefault(each["check"], []).append(f"{each['level']} {each['measured']}")
    assert told["level"] == "fail"
    assert any("sealing.key" in line for line in by_check["secrets"])
    assert by_check["store"][0].startswith("ok ") and ", schema 0" in by_check["store"][0]
    assert by_check["disk"][0].partition(" ")[2].count("ours 0.0 MB") == 0
    assert by_check["broker"] == ["fail 127.0.0.1:1: [Errno 111] Connection refused"]
    assert by_check["web"][0].startswith("fail nobody answers")
    assert "0.0.9" in by_check["versions"][0]
    assert by_check["backup"] == ["fail none was ever made"]
    assert main(["doctor", *where]) == 2
    assert "-> pleintemps-gateway backup" in capsys.readouterr().out
    assert main(["status", *where, "--json"]) == 2
    status = json.loads(capsys.readouterr().out)
    assert (status["web"], status["broker"], status["agents_up"]) == (False, False, 1)


def test_without_a_store_or_keys_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house = build(tmp_path, "", store=False)
    house.engine.dispose()
    (tmp_path / "keys" / "gateway" / "sealing.key").unlink()
    assert main(["doctor", "--config", str(house.file), "--json"]) == 2
    findings = json.loads(capsys.readouterr().out)["findings"]
    lines = [f"{each['check']} {each['measured']}" for each in findings]
    assert any("sealing.key is missing" in line for line in lines)
    assert any(line.startswith("store") and "is not there" in line for line in lines)
    assert sum("could not look" in line for line in lines) >= 3  # what needs the store
    assert any(line.startswith("clock") for line in lines)
    assert not (tmp_path / "state" / "gateway.db").exists()  # looking makes none


def test_a_broker_that_answers_and_one_that_is_not_believed(mosquitto: Mosquitto) -> None:
    plain = read_broker("127.0.0.1", mosquitto.port, None, "doctor", NOW)
    assert plain.code == 0 and plain.fault == ""
    assert [each.level for each in judge_broker(plain)] == [Level.OK]
    secret = read_broker("127.0.0.1", mosquitto.port, ssl.create_default_context(), "doctor", NOW)
    assert secret.code is None and secret.fault
    assert [each.level for each in judge_broker(secret)] == [Level.FAIL]
