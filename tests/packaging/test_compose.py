"""The gateway's company in containers: what compose.yaml mounts is there, and agrees with our own files."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from pleintemps_gateway.enrolment.broker_files import conf_text

from .packages import HOUSE
from .test_packages import packaged_config

COMPOSE: dict[str, Any] = yaml.safe_load((HOUSE / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def mounts(service: str) -> list[tuple[str, str, bool]]:
    """Source, target, read-only, with every variable that has a default replaced by it."""
    found = []
    for each in SERVICES[service]["volumes"]:
        if isinstance(each, str):
            source, target, *mode = plain(each).split(":")
            found.append((source, target, mode == ["ro"]))
        else:
            found.append((plain(each["source"]), plain(each["target"]), each.get("read_only", False)))
    return found


def plain(text: str) -> str:
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", text)


def test_it_is_the_broker_the_series_and_the_dashboards() -> None:
    assert SERVICES.keys() == {"mosquitto", "influxdb", "grafana"}


@pytest.mark.parametrize("service", SERVICES)
def test_every_image_has_a_version_and_no_rights_to_spare(service: str) -> None:
    told = SERVICES[service]
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+\.\d+", told["image"]), told["image"]
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in told
    outside = [port for port in told["ports"] if not port.startswith("127.0.0.1:")]
    assert outside == (["8883:8883"] if service == "mosquitto" else [])


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_from_here_is_here(service: str) -> None:
    for source, _, read_only in mounts(service):
        if source.startswith("./"):
            assert (HOUSE / source).is_dir(), source
            assert any((HOUSE / source).iterdir())
            assert read_only
        elif not source.startswith("/"):
            assert source in COMPOSE["volumes"]


def test_mosquitto_finds_every_file_that_its_configuration_names(tmp_path: Path) -> None:
    """Init writes paths as the gateway sees them."""
    config = packaged_config(tmp_path)
    config = replace(config, broker=replace(config.broker, user="pleintemps-gateway"))
    named = re.findall(r"^\w+ (/\S+?)/?$", conf_text(config), re.MULTILINE)
    assert len(named) >= 6
    placed = [(source, read_only) for source, target, read_only in mounts("mosquitto") if source == target]
    for path in named:
        inside = [read_only for source, read_only in placed if f"{path}/".startswith(f"{source}/")]
        assert inside, f"{path} is not mounted"
        # what it writes lies apart from what it must not change
        assert inside[0] == ("/keys/" in path)
    assert plain(SERVICES["mosquitto"]["command"][-1]) in {f"{source}/mosquitto.conf" for source, _ in placed}


def test_grafana_gets_our_provisioning_and_what_it_asks_for() -> None:
    places = {target: source for source, target, _ in mounts("grafana")}
    folder = HOUSE / places["/etc/grafana/provisioning"]
    asked: set[str] = set()
    for file in sorted(folder.glob("*/*.yaml")):
        assert yaml.safe_load(file.read_text())["apiVersion"] == 1
        asked |= set(re.findall(r"\$(PLEINTEMPS_\w+)", file.read_text()))
    environment = SERVICES["grafana"]["environment"]
    secret = set(re.findall(r"(PLEINTEMPS_\w+)=", SERVICES["grafana"]["entrypoint"][-1]))
    assert asked == {name for name in environment if name.startswith("PLEINTEMPS_")} | secret
    dashboards = HOUSE / places[environment["PLEINTEMPS_DASHBOARDS"]]
    assert all(json.loads(file.read_text())["panels"] for file in dashboards.glob("*.json"))


def test_the_series_have_one_name_on_both_sides() -> None:
    influx, grafana = (SERVICES[name]["environment"] for name in ("influxdb", "grafana"))
    assert influx["DOCKER_INFLUXDB_INIT_BUCKET"] == grafana["PLEINTEMPS_INFLUX_DATABASE"]
    script = (HOUSE / "dashboards/influxdb/database.sh").read_text()
    for name in re.findall(r"\$(DOCKER_INFLUXDB_\w+)", script):
        # the image itself says the bucket's number
        assert name in influx or name == "DOCKER_INFLUXDB_INIT_BUCKET_ID"


def test_no_secret_stands_in_the_file() -> None:
    used = {name for told in SERVICES.values() for name in told.get("secrets", [])}
    assert used == COMPOSE["secrets"].keys()
    assert all(told["file"].startswith("${PLEINTEMPS_SECRETS:?") for told in COMPOSE["secrets"].values())
    for told in SERVICES.values():
        for name, value in told.get("environment", {}).items():
            assert not re.search("PASSWORD|TOKEN", name) or value.startswith("/run/secrets/"), name
