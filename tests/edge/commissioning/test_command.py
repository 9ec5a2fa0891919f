"""The commands: exit statuses, files, proofs, the terminal's words."""

import asyncio
import io
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.commissioning import (
    NO,
    SKIP,
    YES,
    Ask,
    DeviceResult,
    Prompt,
    Report,
    Verdict,
)
from pleintemps_contract.world import ManualWorld
from pleintemps_edge import cli
from pleintemps_edge.commissioning.report import prove, write
from pleintemps_edge.commissioning.terminal import answer_of
from pleintemps_edge.door.states import FIRE
from pleintemps_edge.errors import CommissioningError
from pleintemps_edge.journal.claim import claim
from pleintemps_edge.journal.events import EventJournal, Stamp
from pleintemps_edge.keeper import Keeper

from .own_keys import enrolled


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(
    subject: str, issuer: str, own: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey
) -> bytes:
    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(own.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=20_000))
        .sign(by, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An agent without devices, its key and the certificate of its CA."""
    own = enrolled(tmp_path / "keys")
    authority = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "keys" / "agent.crt").write_bytes(certificate("a.s", "ca", own, authority))
    (tmp_path / "ca.crt").write_bytes(certificate("ca", "ca", authority, authority))
    (tmp_path / "other.crt").write_bytes(certificate("ca", "ca", own, own))
    (tmp_path / "edge.toml").write_text('site = "s"\nagent = "a"\nkeys = "keys"\nstate = "state"\n')
    return tmp_path


@pytest.mark.parametrize("enrolled_itself", [False, True])
def test_a_report_is_written_and_proved_by_the_site_s_authority_and_no_other(
    place: Path, capsys: pytest.CaptureFixture[str], enrolled_itself: bool
) -> None:
    out = place / "out"
    if enrolled_itself:  # then key and certificate are one file
        parts = [place / "keys" / each for each in ("agent.key", "agent.crt")]
        (place / "keys" / "agent.pem").write_bytes(b"".join(each.read_bytes() for each in parts))
        for each in parts:
            each.unlink()
    test = ["selftest", "--config", str(place / "edge.toml"), "--non-interactive", "--lang", "en", "--json"]
    assert cli.main([*test, "--out", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["site"], told["agent"], told["complete"]) == ("s", "a", True)
    page, data = sorted(map(str, out.iterdir()))
    assert b"PRIVATE KEY" not in Path(page).read_bytes() + Path(data).read_bytes()
    for file in (page, data):
        assert cli.main(["selftest", "verify", file, "--ca", str(place / "ca.crt"), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["issued"] is True
        assert cli.main(["selftest", "verify", file, "--ca", str(place / "other.crt")]) == 1
    assert cli.main(["selftest", "verify", str(place / "absent")]) == 2


def test_an_agent_that_runs_or_a_wrong_file_ends_it_at_once(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = place / "edge.toml"
    (place / "state").mkdir()
    held = claim(place / "state")
    assert cli.main(["selftest", "--config", str(config), "--non-interactive", "--out", str(place)]) == 1
    assert "another agent" in capsys.readouterr().err
    held.close()
    config.write_text(config.read_text() + 'wrong = "key"\n')
    assert cli.main(["selftest", "--config", str(config)]) == 2


def test_a_report_without_a_key_says_that_it_is_not_signed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "keys" / "agent.key").unlink()
    assert (
        cli.main(["selftest", "--config", str(place / "edge.toml"), "--non-interactive", "--out", str(place)])
        == 0
    )
    (data,) = place.glob("selftest-*.json")
    assert cli.main(["selftest", "verify", str(data)]) == 1
    assert "not signed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "ask", "answers", "meant"),
    [
        ("\n", Ask.PULL, (YES, NO), YES),
        ("\n", Ask.AGREE, (YES, NO), None),
        ("oui\n", Ask.AGREE, (YES, NO), YES),
        ("N\n", Ask.LIT, (YES, NO), NO),
        ("s\n", Ask.KEYS, (), SKIP),
        ("y\n", Ask.KEYS, (), None),
        ("what\n", Ask.PULL, (YES, NO), None),
    ],
)
def test_a_lock_is_moved_on_a_word_never_on_enter(
    line: str, ask: Ask, answers: tuple[str, ...], meant: str | None
) -> None:
    prompt = Prompt(number=1, device="d", driver="x", step="s", ask=ask, text="", answers=answers)
    assert answer_of(io.StringIO(line).readline(), prompt) == meant


def test_discover_with_no_ports_suggests_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["discover", "--only-ports", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ports"] == []


def test_the_page_asks_for_nothing_and_takes_no_markup_from_outside(place: Path) -> None:
    test = ["selftest", "--config", str(place / "edge.toml"), "--non-interactive", "--out", str(place)]
    assert cli.main([*test, "--technician", "<script>alert(1)</script>", "--lang", "fr"]) == 0
    (page,) = place.glob("selftest-*.html")
    text = page.read_text()
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    assert not [each for each in ("src=", "href=", "url(", "@import", "http://", "https://") if each in text]
    assert '<html lang="fr">' in text
    assert text.count("<th") == text.count("scope=") + text.count("<thead")


async def burnt(state: Path) -> None:
    """What an agent keeps of a fire at its door ``front``."""
    journal = EventJournal.open(state, ManualWorld(), lambda: Stamp(0, False, 0, "0" * 32))
    journal.append([], {Keeper.state_key("front"): FIRE.encode()})
    journal.close()


def test_while_a_fire_is_not_confirmed_as_over_no_test_begins(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = place / "edge.toml"
    config.write_text(
        config.read_text()
        + '[[devices]]\ndevice = "strike"\ndriver = "strike"\npin = 17\n'
        + '[[doors]]\ndoor = "front"\nfrom = "street"\nto = "hall"\nlock = "strike"\n'
    )
    (place / "state").mkdir()
    asyncio.run(burnt(place / "state"))
    assert cli.main(["selftest", "--config", str(config), "--non-interactive", "--out", str(place)]) == 1
    assert "a fire is not confirmed as over" in capsys.readouterr().err
    assert not list(place.glob("selftest-*"))


def signed() -> tuple[bytes, bytes, str]:
    """A report as JSON and as a page, and the name of its key."""
    report = Report(
        site="s",
        agent="a",
        version="1",
        started=1_700_000_000_000,
        ended=1_700_000_060_000,
        complete=True,
        verdict=Verdict.PASS,
        devices=[DeviceResult(device="reed", driver="reed", verdict=Verdict.PASS)],
    )
    with tempfile.TemporaryDirectory() as folder:
        enrolled(Path(folder) / "keys")
        data, page = (path.read_bytes() for path in write(Path(folder), report, Path(folder) / "keys"))
    return data, page, prove(data).kid


DATA, PAGE, KID = signed()


@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), page=st.booleans())
def test_whatever_is_changed_in_a_report_is_noticed(at: int, byte: int, page: bool) -> None:
    data = PAGE if page else DATA
    at %= len(data)
    changed = data[:at] + bytes((byte,)) + data[at + 1 :]
    if changed == data:
        assert prove(changed).kid == KID
        return
    with pytest.raises(CommissioningError):
        prove(changed)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_what_is_no_report_is_refused_in_words(data: bytes) -> None:
    for each in (data, b"<html>" + data, b'{"report":' + data + b"}"):
        with pytest.raises(CommissioningError):
            prove(each)
