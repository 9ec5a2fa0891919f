"""Tokens, certificates and shutting out, on a store and a key folder."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from pleintemps_contract.enrolment import Confirmed, Denied, Enrolled, Renewed, make_token, read_token
from pleintemps_contract.errors import KeyFileError, TokenError
from pleintemps_contract.keyfiles import load_agent_keys
from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.enrolment import roster
from pleintemps_gateway.enrolment.authority import load_authority, make_authority
from pleintemps_gateway.enrolment.service import Office, Peer, peer_of
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.store.changes import changes_since
from pleintemps_gateway.store.enrolment import shut_out_agents
from pleintemps_gateway.store.schema import audit, enrolments

from .office import HOUR, make_office, request


@pytest.fixture
def office(tmp_path: Path, sqlite_url: str) -> Iterator[Office]:
    made = make_office(tmp_path, sqlite_url)
    yield made
    made._engine.dispose()


@pytest.fixture
def either(tmp_path: Path, store_url: str) -> Iterator[Office]:
    """On SQLite and on PostgreSQL."""
    made = make_office(tmp_path, store_url)
    yield made
    made._engine.dispose()


def world(office: Office) -> ManualWorld:
    assert isinstance(office.world, ManualWorld)
    return office.world


def peer(given: Enrolled | Renewed) -> Peer:
    found = x509.load_pem_x509_certificate(given.certificate.encode())
    made = peer_of(found.public_bytes(serialization.Encoding.DER))
    assert made is not None
    return made


def let_in(office: Office, agent: str = "entrance") -> Enrolled:
    token, _ = office.invite("ecole", agent, HOUR, "test")
    given = office.enrol(token.text, request(), "10.0.0.1")
    assert isinstance(given, Enrolled)
    return given


def told(office: Office) -> list[tuple[str, str]]:
    with office._engine.connect() as conn:
        return [(row.action, str(row.fields)) for row in conn.execute(select(audit).order_by(audit.c.seq))]


def test_a_token_gives_what_an_agent_needs_and_a_name_that_it_did_not_choose(office: Office) -> None:
    token, expires = office.invite("ecole", "entrance", HOUR, "test")
    assert expires == world(office).now() + HOUR
    with office._engine.connect() as conn:
        row = conn.execute(select(enrolments)).one()
    assert token.text not in str(row) and row.token_hash == token.hash
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ecole/upstairs")])
    wish = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = wish.public_bytes(serialization.Encoding.PEM).decode()
    given = office.enrol(token.text, pem, "10.0.0.1")
    assert isinstance(given, Enrolled)
    assert (given.site, given.agent, given.broker) == ("ecole", "entrance", "mqtts://localhost:1")
    assert peer(given)[:2] == ("ecole", "entrance")
    found = x509.load_pem_x509_certificate(given.certificate.encode())
    found.verify_directly_issued_by(load_authority(office.keys).certificate)
    held = load_agent_keys(office.keys / "agents" / "entrance")
    assert base64.b64encode(held.pepper).decode() == given.pepper
    assert not list((office.keys / "agents").rglob("*.key"))
    assert f"user ecole/{given.agent}\n" in (office.keys / "broker" / "acl").read_text()
    with office._engine.connect() as conn:
        assert ("trust", "entrance") in changes_since(conn, "ecole", 0, ["trust"])
    assert not any(token.text in fields or given.pepper in fields for _, fields in told(office))


def test_who_was_cut_off_asks_again_and_nobody_else_does(office: Office) -> None:
    token, _ = office.invite("ecole", "entrance", HOUR, "test")
    mine = request()
    first = office.enrol(token.text, mine, "")
    again = office.enrol(token.text, mine, "")
    assert isinstance(first, Enrolled) and isinstance(again, Enrolled)
    assert first.pepper == again.pepper and first.certificate != again.certificate
    assert office.enrol(token.text, request(), "10.0.0.2") == Denied(reason="used")
    assert not office.is_good(peer(first)) and office.is_good(peer(again))
    world(office).move(HOUR)
    assert office.enrol(token.text, mine, "") == Denied(reason="expired")
    assert [action for action, _ in told(office)].count("agent.refused") == 2


def test_a_newer_token_ends_the_one_before(office: Office) -> None:
    first, _ = office.invite("ecole", "entrance", HOUR, "test")
    second, _ = office.invite("ecole", "entrance", HOUR, "test")
    assert office.enrol(first.text, request(), "") == Denied(reason="token")
    assert isinstance(office.enrol(second.text, request(), ""), Enrolled)


def test_what_is_no_request_of_ours_uses_no_token_up(office: Office) -> None:
    token, _ = office.invite("ecole", "entrance", HOUR, "test")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([])
    wish = x509.CertificateSigningRequestBuilder().subject_name(name).sign(other, hashes.SHA256())
    good = request()
    body = bytearray(base64.b64decode("".join(good.splitlines()[1:-1])))
    body[-1] ^= 1  # in the signature
    marks = [f"-----{end} CERTIFICATE REQUEST-----" for end in ("BEGIN", "END")]
    forged = f"{marks[0]}\n{base64.encodebytes(body).decode()}{marks[1]}\n"
    for bad in (wish.public_bytes(serialization.Encoding.PEM).decode(), forged, "", "x" * 100):
        assert office.enrol(token.text, bad, "") == Denied(reason="request")
    assert isinstance(office.enrol(token.text, good, ""), Enrolled)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 68), st.characters(codec="ascii", exclude_categories=["Cc"]))
def test_an_altered_token_is_worth_nothing(office: Office, place: int, letter: str) -> None:
    token, _ = office.invite("ecole", "entrance", HOUR, "test")
    altered = token.text[:place] + letter + token.text[place + 1 :]
    if altered == token.text:
        return
    assert office.enrol(altered, request(), "") == Denied(reason="token")
    try:
        read = read_token(altered)
    except TokenError as error:
        assert altered not in str(error)
    else:
        assert read.hash != token.hash
        if place != 26:  # that letter holds the last bits of the secret and the first of the authority
            assert read.is_of(load_authority(office.keys).der) is (place < 26)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=1, max_size=64))
def test_a_token_says_which_authority_it_is_of(secret: bytes, certificate: bytes) -> None:
    token = read_token(make_token(secret, certificate).text)
    assert token.is_of(certificate) and not token.is_of(certificate + b"x")
    assert len(token.text) == 69


@given(st.text(max_size=80))
def test_any_text_is_a_token_or_refused(text: str) -> None:
    try:
        assert read_token(text).text == text
    except TokenError as error:
        assert len(str(error)) < 100


def test_an_agent_renews_until_it_is_shut_out(either: Office) -> None:
    office = either
    given = let_in(office)
    other = let_in(office, "upstairs")
    following = office.renew(peer(given), request(), "")
    assert isinstance(following, Renewed)
    assert peer(following)[:2] == ("ecole", "entrance")
    assert office.is_good(peer(given)) and office.confirm(peer(following)) == Confirmed()
    count, left = office.shut_out("ecole", "entrance", "lost", "test", stolen=False)
    assert count == 2 and "SIGHUP" in left  # no broker runs
    for gone in (given, following):
        assert office.renew(peer(gone), request(), "") == Denied(reason="certificate")
        assert office.confirm(peer(gone)) == Denied(reason="certificate")
    assert office.renew(None, request(), "") == Denied(reason="certificate")
    assert office.confirm(peer(other)) == Confirmed()
    assert "entrance" not in (office.keys / "broker" / "acl").read_text()
    crl = x509.load_pem_x509_crl((office.keys / "broker" / "crl.pem").read_bytes())
    assert {each.serial_number for each in crl} == {peer(given).serial, peer(following).serial}
    with office._engine.connect() as conn:
        assert shut_out_agents(conn, "ecole") == {"entrance"}
    assert office.shut_out("ecole", "entrance", "lost", "test", stolen=True)[0] == 2  # again does no harm
    fresh = let_in(office)
    assert fresh.pepper != given.pepper and not office.is_good(peer(given)) and office.is_good(peer(fresh))
    with office._engine.connect() as conn:
        assert shut_out_agents(conn, "ecole") == frozenset()
    actions = [action for action, _ in told(office)]
    assert actions.count("agent.revoked") == actions.count("agent.stolen") == 1


def test_a_token_of_who_is_shut_out_is_worth_nothing(office: Office) -> None:
    token, _ = office.invite("ecole", "entrance", HOUR, "test")
    office.shut_out("ecole", "entrance", "never came", "test", stolen=False)
    assert office.enrol(token.text, request(), "") == Denied(reason="token")


def test_one_name_is_one_agent(office: Office) -> None:
    let_in(office)
    with pytest.raises(SettingsError, match="an agent of site 'ecole'"):
        office.invite("moulin", "entrance", HOUR, "test")


def test_a_list_of_revocations_is_its_authoritys_and_only_grows(office: Office, tmp_path: Path) -> None:
    authority = load_authority(office.keys)
    authority.revoke([7], world(office))
    world(office).move(HOUR)
    authority.revoke([9], world(office))
    revoked = authority.revoked()
    assert revoked == {7: revoked[9] - HOUR, 9: revoked[9]}
    (tmp_path / "other" / "site-ca").mkdir(parents=True)
    stranger = make_authority(tmp_path / "other", world(office), [])
    (authority.folder / "crl.pem").write_bytes(stranger.revoke([], world(office)))
    with pytest.raises(KeyFileError, match="not signed by"):
        authority.revoked()


def test_who_is_half_let_in_is_nobody(office: Office) -> None:
    let_in(office)
    (office.keys / "agents" / "half").mkdir()
    assert roster.known_agents(office.keys) == [("ecole", "entrance")]
