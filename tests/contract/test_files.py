"""Keys, configuration files, codes and logs of the contract."""

import base64
import logging
from pathlib import Path

import msgspec
import pytest
from argon2.low_level import Type, hash_secret_raw
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract import logs
from pleintemps_contract.configfile import load_toml
from pleintemps_contract.credentials import hash_code, lookup
from pleintemps_contract.errors import ConfigError, KeyFileError
from pleintemps_contract.gateway_messages import HashSet
from pleintemps_contract.keyfiles import Identity, load_agent_keys, save_agent_keys

from .examples import SIGNER

CHEAP = HashSet(salt_id="s", salt="00" * 16, memory_kib=8, iterations=1, lanes=1)


def save(folder: Path, pepper: bytes = bytes(32)) -> None:
    identity = Identity(site="s", agent="a", purpose="demo", pepper=base64.b64encode(pepper).decode())
    save_agent_keys(folder, identity, [SIGNER.public])


def test_keys_survive_a_round_trip_and_stay_private(tmp_path: Path) -> None:
    save(tmp_path / "a", bytes(range(32)))
    keys = load_agent_keys(tmp_path / "a")
    assert (keys.site, keys.agent, keys.purpose, keys.pepper) == ("s", "a", "demo", bytes(range(32)))
    assert keys.trusted.kids == {SIGNER.kid}
    assert (tmp_path / "a" / "identity.json").stat().st_mode & 0o777 == 0o600


def test_key_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"identity\.json"):
        load_agent_keys(tmp_path)
    save(tmp_path, b"short")
    with pytest.raises(KeyFileError, match="5 bytes, 32 wanted"):
        load_agent_keys(tmp_path)
    save(tmp_path)
    (tmp_path / "gateway-keys.json").write_text("{}")
    with pytest.raises(KeyFileError, match=r"gateway-keys\.json.*keys"):
        load_agent_keys(tmp_path)
    (tmp_path / "gateway-keys.json").write_text('{"keys":[]}')
    with pytest.raises(KeyFileError, match=r"gateway-keys\.json.*0 keys"):
        load_agent_keys(tmp_path)
    save(tmp_path)
    file = tmp_path / "gateway-keys.json"
    file.write_text(file.read_text().replace(SIGNER.kid, "0" * 16))
    with pytest.raises(KeyFileError, match=f"kid {'0' * 16} is not that of its key, {SIGNER.kid}"):
        load_agent_keys(tmp_path)
    save(tmp_path)
    (tmp_path / "identity.json").chmod(0o644)
    with pytest.raises(KeyFileError, match="others may read it"):
        load_agent_keys(tmp_path)


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    pin: int


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    inner: Inner


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('name = "x"\ninner = { pin = 1, pim = 2 }', "unknown field `pim` - at `inner`"),
        ('name = "x"\nnmae = "y"\ninner = { pin = 1 }', "unknown field `nmae`"),
        ('name = "x"\ninner = { pin = "1" }', "Expected `int`, got `str` - at `inner.pin`"),
        ("name = ", "not TOML"),
    ],
)
def test_configuration_errors_name_the_key(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_toml(path, Outer)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('name = "x"\ninner = { pin = 1 }')
    assert load_toml(path, Outer) == Outer(name="x", inner=Inner(pin=1))
    with pytest.raises(ConfigError, match="No such file"):
        load_toml(tmp_path / "y.toml", Outer)


def test_an_independent_argon2id_agrees() -> None:
    theirs = hash_secret_raw(
        b"12345678", bytes(16), time_cost=1, memory_cost=8, parallelism=1, hash_len=32, type=Type.ID
    )
    assert hash_code("12345678", CHEAP) == theirs


@given(st.from_regex(r"[0-9]{4,12}", fullmatch=True), st.from_regex(r"[0-9]{4,12}", fullmatch=True))
def test_codes_and_peppers_separate(one: str, other: str) -> None:
    assert (hash_code(one, CHEAP) == hash_code(other, CHEAP)) == (one == other)
    assert lookup(bytes(32), hash_code(one, CHEAP)) != lookup(bytes(31) + b"\1", hash_code(one, CHEAP))


def test_a_leading_zero_counts() -> None:
    assert hash_code("01234567", CHEAP) != hash_code("1234567", CHEAP)


def test_log_lines_stay_lines() -> None:
    assert logs.line("broker-down", host="h", tries=3) == "broker-down host=h tries=3"
    assert "\n" not in logs.line("x", detail="a\nb c")


def test_setup_replaces_handlers(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        logs.setup()
        logs.setup()
        logging.getLogger("pleintemps").info(logs.line("up", port=1))
        assert capsys.readouterr().err == "INFO pleintemps up port=1\n"
    finally:
        root.handlers[:] = before
        root.setLevel(level)
