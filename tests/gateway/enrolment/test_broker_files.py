"""The broker's files: nobody may anything but for what a line allows."""

import os
from pathlib import Path

from pleintemps_contract.topics import PREFIX
from pleintemps_gateway.config import load
from pleintemps_gateway.enrolment.broker_files import MAX_PACKET, acl_text, conf_text, reload_broker
from tests.gateway.house import TOML


def settings(folder: Path, extra: str = "") -> Path:
    file = folder / "gateway.toml"
    text = TOML.format(url=f"sqlite:///{folder}/gateway.db", port=8883, extra=extra)
    file.write_text(text.replace("mqtt://127.0.0.1", "mqtts://broker.example"), encoding="utf-8")
    (folder / "keys").mkdir(exist_ok=True)
    return file


def test_an_agent_writes_five_channels_and_reads_its_own(tmp_path: Path) -> None:
    text = acl_text(load(settings(tmp_path)), [("ecole", "entrance"), ("ecole", "upstairs")])
    rights: dict[str, set[str]] = {}
    for line in text.splitlines():
        if line.startswith("user "):
            mine = rights.setdefault(line.removeprefix("user "), set())
        elif line and not line.startswith("#"):
            mine.add(line.removeprefix("topic "))
    own = f"{PREFIX}/ecole/entrance"
    assert rights.keys() == {"gateway", "ecole/entrance", "ecole/upstairs"}
    assert rights["ecole/entrance"] == {
        *(f"write {own}/{name}" for name in ("availability", "birth", "events", "samples", "response")),
        *(f"read {own}/{name}" for name in ("receipt", "grants/#", "command", "config")),
        f"read {PREFIX}/ecole/gateway",
    }
    assert rights["gateway"] == {f"readwrite {PREFIX}/#"}


def test_home_assistant_and_lines_of_ones_own_come_behind(tmp_path: Path) -> None:
    (tmp_path / "more.acl").write_text("user display\ntopic read pleintemps/v1/+/state/+\n")
    config = load(settings(tmp_path, '[broker]\nalso = "more.acl"\n[home_assistant]\n'))
    text = acl_text(config, [])
    assert text.endswith("user display\ntopic read pleintemps/v1/+/state/+\n")
    assert "user homeassistant\n" in text


def test_the_configuration_lets_in_certificates_only(tmp_path: Path) -> None:
    lines = conf_text(load(settings(tmp_path))).splitlines()
    for wanted in (
        "listener 8883",
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
        "tls_version tlsv1.2",
        f"acl_file {tmp_path}/keys/broker/acl",
        f"crlfile {tmp_path}/keys/broker/crl.pem",
        f"max_packet_size {MAX_PACKET}",
        "set_tcp_nodelay true",
        "autosave_on_changes true",
    ):
        assert wanted in lines
    assert sum(line.startswith("listener") for line in lines) == 1


def test_nobody_but_the_broker_gets_its_signal(tmp_path: Path) -> None:
    config = load(settings(tmp_path))
    pid = Path(config.broker.pid_file)
    assert "SIGHUP" in reload_broker(config)
    pid.parent.mkdir(parents=True)
    for text in (str(os.getpid()), "1", "-1", "words"):  # a signal would end this very process
        pid.write_text(text)
        assert "SIGHUP" in reload_broker(config)


def test_a_command_of_ones_own_is_run_instead(tmp_path: Path) -> None:
    done = tmp_path / "done"
    assert reload_broker(load(settings(tmp_path, f'[broker]\nreload = ["touch", "{done}"]\n'))) == ""
    assert done.exists()
    for command in ('"false"', '"/no/such/program"'):
        said = reload_broker(load(settings(tmp_path, f"[broker]\nreload = [{command}]\n")))
        assert "has failed" in said and "SIGHUP" in said
