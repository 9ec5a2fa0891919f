"""Other programs at the broker: a certificate for a name, which one command ends."""

from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import select

from pleintemps_gateway.cli import main
from pleintemps_gateway.config import load
from pleintemps_gateway.enrolment.authority import load_authority
from pleintemps_gateway.store.engine import open_engine
from pleintemps_gateway.store.schema import audit
from tests.gateway.house import build


def test_a_program_gets_a_certificate_and_loses_it(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    house = build(tmp_path, sqlite_url, extra="[home_assistant]\n")
    where = ["--config", str(house.file)]

    def run(*command: str) -> int:
        return main(["broker", *command, *where])

    assert run("user", "homeassistant", "--out", str(tmp_path / "ha")) == 0
    assert "it may nothing yet" not in capsys.readouterr().out
    assert run("user", "display", "--out", str(tmp_path / "display")) == 0
    assert "it may nothing yet" in capsys.readouterr().out
    made = x509.load_pem_x509_certificate((tmp_path / "ha" / "homeassistant.crt").read_bytes())
    authority = load_authority(Path(house.config.keys))
    made.verify_directly_issued_by(authority.certificate)
    assert [str(each.value) for each in made.subject] == ["homeassistant"]
    assert (tmp_path / "ha" / "homeassistant.key").stat().st_mode & 0o077 == 0
    assert run("user", "display", "--out", str(tmp_path / "display")) == 2  # nothing is overwritten
    for name in ("gateway", "ecole/entrance", "Upper"):
        assert run("user", name, "--out", str(tmp_path / "other")) == 2
    assert run("end", "homeassistant") == 0
    assert authority.revoked().keys() == {made.serial_number}
    assert run("end", "entrance") == 2  # an agent is no program
    assert main(["agent", "list", *where]) == 0
    engine = open_engine(load(house.file).database_url)
    with engine.connect() as conn:
        actions = [row.action for row in conn.execute(select(audit).order_by(audit.c.seq))]
    engine.dispose()
    assert actions == ["broker.user-made", "broker.user-made", "broker.user-ended"]
