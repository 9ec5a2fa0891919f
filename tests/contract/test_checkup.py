"""What both doctors look at on their machine: each rule, and the readers on real files."""

import datetime
import socket
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pleintemps_contract.checkup import machine
from pleintemps_contract.checkup.broker import BrokerFacts, judge_broker, read_broker
from pleintemps_contract.checkup.findings import Finding, Level, exit_code

NOW = 1_795_400_000_000
DAY = machine.DAY_MS
GB = 10**9
DISK = machine.DiskFacts("/var", 100 * GB, 50 * GB, GB)
BROKER = BrokerFacts(
    NOW, "broker.example", 8883, True, code=0, names=("broker.example",), ends=NOW + 400 * DAY
)
LOCAL = BrokerFacts(NOW, "127.0.0.1", 1883, False, code=0)
certificates = partial(machine.judge_certificates, renew="take a new one")


def of(*ends: int, unreadable: bool = False) -> machine.CertificateFacts:
    named = tuple((f"c{index}.crt", NOW + end) for index, end in enumerate(ends))
    return machine.CertificateFacts(NOW, named, (("x.crt", "no PEM"),) if unreadable else ())


CASES: list[tuple[Any, Any, Level, str]] = [
    (machine.judge_clock, machine.ClockFacts("system", True), Level.OK, "NTP"),
    (machine.judge_clock, machine.ClockFacts("system", False), Level.FAIL, "no time server"),
    (machine.judge_clock, machine.ClockFacts("simulated", False), Level.WARN, "demonstration"),
    (machine.judge_disk, DISK, Level.OK, "50.0 GB of 100.0 GB free, ours 1.0 GB"),
    (machine.judge_disk, machine.DiskFacts("/", 100 * GB, 9 * GB, 0), Level.WARN, "9.0 GB"),
    (machine.judge_disk, machine.DiskFacts("/", 100 * GB, GB, 0), Level.FAIL, "1.0 GB"),
    (machine.judge_disk, machine.DiskFacts("/", GB, 190_000_000, 0), Level.WARN, "190.0 MB"),
    (machine.judge_disk, machine.DiskFacts("/", GB // 10, 40_000_000, 0), Level.FAIL, "40.0 MB"),
    (machine.judge_disk, machine.DiskFacts("/", 100 * GB, 50 * GB, GB, GB), Level.WARN, "a day: 50 days"),
    (machine.judge_disk, machine.DiskFacts("/", 100 * GB, 50 * GB, GB, -GB), Level.OK, "ours 1.0 GB"),
    (certificates, of(400 * DAY, 90 * DAY), Level.OK, "2, the first ends in 90 days"),
    (certificates, of(400 * DAY, 29 * DAY), Level.WARN, "c1.crt: ends in 29 days"),
    (certificates, of(-DAY), Level.FAIL, "c0.crt: ended 24 h ago"),
    (certificates, of(400 * DAY, unreadable=True), Level.FAIL, "x.crt: no PEM"),
    (machine.judge_secrets, machine.SecretFacts(3, ()), Level.OK, "3 files"),
    (
        machine.judge_secrets,
        machine.SecretFacts(3, ("/k: others may read it: chmod 600",)),
        Level.FAIL,
        "/k: others",
    ),
    (machine.judge_zones, machine.ZoneFacts(("Europe/Paris",), (), 2026, 2026), Level.OK, "data of 2026"),
    (machine.judge_zones, machine.ZoneFacts(("Europe/Paris",), (), None, 2026), Level.OK, "Europe/Paris"),
    (machine.judge_zones, machine.ZoneFacts(("Europe/Paris",), (), 2023, 2026), Level.WARN, "data of 2023"),
    (machine.judge_zones, machine.ZoneFacts(("A/B",), ("A/B",), 2026, 2026), Level.FAIL, "A/B is not known"),
    (judge_broker, BROKER, Level.OK, "its certificate names broker.example, ends in 400 days"),
    (judge_broker, LOCAL, Level.OK, "lets us in"),
    (judge_broker, BrokerFacts(NOW, "broker.example", 1883, False, code=0), Level.WARN, "in clear"),
    (judge_broker, BrokerFacts(NOW, "b", 8883, True, code=0, ends=NOW + DAY), Level.WARN, "ends in 24 h"),
    (judge_broker, BrokerFacts(NOW, "b", 8883, True, code=5), Level.FAIL, "does not let us in"),
    (judge_broker, BrokerFacts(NOW, "b", 8883, True, code=77), Level.FAIL, "it answers 77"),
    (judge_broker, BrokerFacts(NOW, "b", 8883, True, "connection refused"), Level.FAIL, "connection refused"),
]


@pytest.mark.parametrize(("judge", "facts", "level", "said"), CASES)
def test_each_rule(judge: Any, facts: Any, level: Level, said: str) -> None:
    found: list[Finding] = list(judge(facts))
    assert any(said in each.measured for each in found if each.level is level)
    assert exit_code(found) == list(Level).index(level)
    assert all(bool(each.todo) == (each.level is not Level.OK) for each in found)


def certificate(end: datetime.datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(end - datetime.timedelta(days=9)).not_valid_after(end)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_real_files(tmp_path: Path) -> None:
    end = datetime.datetime(2031, 1, 2, tzinfo=datetime.UTC)
    good, bad = tmp_path / "good.crt", tmp_path / "bad.crt"
    good.write_bytes(certificate(end))
    bad.write_text("nothing")
    found = machine.read_certificates([good, bad, tmp_path / "missing.crt"], NOW)
    assert found.ends == ((str(good), round(end.timestamp() * 1000)),)
    assert [name for name, _ in found.unreadable] == [str(bad)]

    for path, mode in ((good, 0o600), (bad, 0o640)):
        path.chmod(mode)
    tmp_path.chmod(0o700)
    secrets = machine.read_secrets([good, bad, tmp_path / "missing"])
    assert secrets.looked == 2 and len(secrets.wrong) == 1 and str(bad) in secrets.wrong[0]

    data = tmp_path / "tzdata.zi"
    data.write_text("# version 2024b\n# more\n")
    zones = machine.read_zones(["Europe/Paris", "Europe/Paris", "No/Where", "../etc"], 2026, data)
    assert zones == machine.ZoneFacts(
        ("../etc", "Europe/Paris", "No/Where"), ("../etc", "No/Where"), 2024, 2026
    )
    assert machine.read_zones([], 2026, tmp_path / "none").year is None
    assert machine.read_disk(tmp_path / "not" / "yet", 7).total > 0


@pytest.mark.parametrize(
    ("answer", "code", "fault"),
    [
        (b"\x20\x02\x00\x05", 5, ""),
        (b"", None, "closes the connection"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", None, "speaks no MQTT"),
    ],
)
def test_whatever_answers_is_a_fact(answer: bytes, code: int | None, fault: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def once() -> None:
            line, _ = server.accept()
            with line:
                line.recv(200)
                line.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        facts = read_broker("127.0.0.1", server.getsockname()[1], None, "doctor", NOW)
        thread.join()
    assert facts.code == code and fault in facts.fault and bool(facts.fault) == bool(fault)
