"""``init``: keys made once, usable by agent and broker, never overwritten."""

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.keyfiles import load_agent_keys
from pleintemps_gateway.cli import main
from pleintemps_gateway.config import load
from pleintemps_gateway.keys import load_gateway_keys, load_peppers, load_purpose

EXAMPLE = Path(__file__).parents[2] / "gateway/pleintemps_gateway/examples/gateway.toml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    copy = tmp_path / "gateway.toml"
    copy.write_bytes(EXAMPLE.read_bytes())
    return copy


def test_init_makes_everything_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--config", str(file), "--demo", "--agent", "roof"]) == 0
    assert "store at revision" in capsys.readouterr().out
    keys = file.parent / "keys"
    gateway = load_gateway_keys(keys)
    assert gateway.purpose == "demo"
    agent = load_agent_keys(keys / "agents" / "entrance")
    assert (agent.site, agent.agent, agent.purpose) == ("saint-aubin", "entrance", "demo")
    assert agent.trusted.open("topic", gateway.signer.seal("topic", b"body")) == b"body"
    assert load_peppers(keys, "saint-aubin").keys() == {"entrance", "upstairs", "roof"}
    assert len(set(load_peppers(keys, "saint-aubin").values())) == 3
    assert load_peppers(keys, "elsewhere") == {}
    before = {path: path.read_bytes() for path in keys.rglob("*") if path.is_file()}
    secrets = [path for path in before if path.suffix == ".key" or path.name == "identity.json"]
    assert len(secrets) == 1 + 4 + 1 + 1 + 3 * 2  # authority, gateway, broker, desk, agents
    assert all(path.stat().st_mode & 0o077 == 0 for path in secrets)
    assert main(["init", "--config", str(file), "--demo", "--agent", "cellar"]) == 0
    lists = {keys / "site-ca" / "issued.jsonl", keys / "broker" / "acl"}  # the new agent stands on them too
    assert {path: path.read_bytes() for path in before.keys() - lists} == {
        path: data for path, data in before.items() if path not in lists
    }
    assert all("cellar" in path.read_text() for path in lists)
    assert load_agent_keys(keys / "agents" / "cellar").agent == "cellar"


def test_certificates_are_the_sites(file: Path) -> None:
    assert main(["init", "--config", str(file), "--agent", "entrance"]) == 0
    keys = file.parent / "keys"
    assert load_purpose(keys) == "production"
    assert [folder.name for folder in (keys / "agents").iterdir()] == ["entrance"]  # the others enrol
    authority = x509.load_pem_x509_certificate((keys / "site-ca/ca.crt").read_bytes())
    for path in (keys / "gateway/gateway.crt", keys / "agents/entrance/agent.crt"):
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        certificate.verify_directly_issued_by(authority)
        assert certificate.not_valid_after_utc - certificate.not_valid_before_utc > datetime.timedelta(
            days=365
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(keys / "site-ca/ca.crt"))
        context.load_cert_chain(path, path.with_suffix(".key"))
    assert (keys / "agents/entrance/ca.crt").read_bytes() == (keys / "site-ca/ca.crt").read_bytes()


def test_purposes_do_not_mix(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--config", str(file), "--demo"]) == 0
    assert main(["init", "--config", str(file)]) == 2
    assert "demo keys" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Roof", "gateway", "a/b", ""])
def test_an_agent_needs_a_good_name(file: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--config", str(file), "--demo", "--agent", name]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("part", "data"),
    [
        ("signing.key", b"nonsense"),
        ("sealing.key", b"short"),
        ("purpose", b"fun"),
        ("purpose", b"\xff"),
        ("signing.key", None),
        ("sealing.key", None),
        ("purpose", None),
    ],
)
def test_damaged_keys_are_named(file: Path, part: str, data: bytes | None) -> None:
    assert main(["init", "--config", str(file), "--demo"]) == 0
    path = file.parent / "keys" / "gateway" / part
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)
    with pytest.raises(KeyFileError, match=part):
        load_gateway_keys(file.parent / "keys")


def test_a_key_that_others_may_read_is_refused(file: Path) -> None:
    assert main(["init", "--config", str(file), "--demo"]) == 0
    (file.parent / "keys/gateway/signing.key").chmod(0o644)
    with pytest.raises(KeyFileError, match="others may read"):
        load_gateway_keys(file.parent / "keys")


def test_the_example_is_complete_and_its_paths_are_found(file: Path) -> None:
    config = load(file)
    assert config.database_url == f"sqlite:///{file.parent}/state/gateway.db"
    assert config.sites[0].feeds[0]["url"] == str(file.parent / "bookings.ics")
    assert Path(config.keys) == file.parent / "keys"
