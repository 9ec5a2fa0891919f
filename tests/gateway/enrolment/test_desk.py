"""The desk on its port: whatever is said to it is answered or hung up on, and it goes on."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pleintemps_contract.enrolment import DESK, Answer, AskAuthority, Authority, Denied, Enrol, Renew
from pleintemps_contract.world import ManualWorld, SystemWorld
from pleintemps_edge.enrolment.client import Place
from pleintemps_gateway.enrolment.authority import Authority as Signs
from pleintemps_gateway.enrolment.authority import key_pem, load_authority, make_authority, pem_of
from pleintemps_gateway.enrolment.desk import MOST_EACH, Desk
from pleintemps_gateway.enrolment.service import Office

from .office import HOUR, make_office, request, serving

DAY = 24 * HOUR
NOW = SystemWorld().now()


@pytest.fixture
def office(tmp_path: Path, sqlite_url: str) -> Iterator[Office]:
    made = make_office(tmp_path, sqlite_url, ManualWorld(NOW))
    yield made
    made._engine.dispose()


def context(office: Office, own: Path | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(office.keys / "site-ca" / "ca.crt"))
    if own is not None:
        made.load_cert_chain(own)
    return made


def say(place: Place, tls: ssl.SSLContext, said: bytes) -> bytes:
    """What the desk answers before it hangs up; raises as TLS does."""
    with (
        socket.create_connection(place, 10) as plain,
        tls.wrap_socket(plain, server_hostname=DESK) as connection,
    ):
        connection.sendall(said)
        found = b""
        while more := connection.recv(65_536):
            found += more
        return found


def line(message: msgspec.Struct) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def read(said: bytes) -> Answer:
    answer: Answer = msgspec.json.decode(said, type=Answer)
    return answer


def own_file(folder: Path, signs: Signs, at: int, days: float = 1) -> Path:
    """An agent's key and certificate, made by ``signs`` at ``at``."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = signs.client("ecole/entrance", key.public_key(), days, ManualWorld(at))
    path = folder / "own.pem"
    path.write_bytes(key_pem(key) + pem_of(made).encode())
    return path


def test_who_shows_no_certificate_of_the_site_renews_nothing(office: Office, tmp_path: Path) -> None:
    ask = line(Renew(request=request()))
    (tmp_path / "foreign" / "site-ca").mkdir(parents=True)
    foreign = make_authority(tmp_path / "foreign", office.world, [])
    own = load_authority(office.keys)
    with serving(office) as place:
        assert read(say(place, context(office), ask)) == Denied(reason="certificate")
        unknown = own_file(tmp_path, own, NOW)  # of our authority, but its agent never enrolled
        assert read(say(place, context(office, unknown), ask)) == Denied(reason="certificate")
        for signs, at in ((foreign, NOW), (own, NOW - 10 * DAY), (own, NOW + 10 * DAY)):
            refused = own_file(tmp_path, signs, at)  # foreign, over, not yet valid
            with pytest.raises((ssl.SSLError, ConnectionError)):
                if not say(place, context(office, refused), ask):
                    raise ConnectionError("hung up")
        assert isinstance(read(say(place, context(office), line(AskAuthority()))), Authority)


def test_a_certificate_of_a_server_or_of_the_gateway_is_no_agents(office: Office, tmp_path: Path) -> None:
    ask = line(Renew(request=request()))
    with serving(office) as place:
        for folder, stem in (("broker", "broker"), ("gateway", "gateway")):
            both = tmp_path / "both.pem"
            parts = [office.keys / folder / f"{stem}.{end}" for end in ("key", "crt")]
            both.write_bytes(b"".join(part.read_bytes() for part in parts))
            try:
                said = say(place, context(office, both), ask)
            except (ssl.SSLError, ConnectionError):
                continue
            assert said == b"" or read(said) == Denied(reason="certificate")


def test_silence_and_long_lines_are_hung_up_on_and_the_desk_goes_on(office: Office) -> None:
    with serving(office) as place:
        assert say(place, context(office), b"x" * 40_000) in (b"", line(Denied(reason="request")))
        held = [socket.create_connection(place, 10) for _ in range(2)]  # not even a handshake
        lines = []
        for _ in range(MOST_EACH):
            plain = socket.create_connection(place, 10)
            lines.append(context(office).wrap_socket(plain, server_hostname=DESK))
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            assert say(place, context(office), line(AskAuthority()))
        for each in (*held, *lines):
            each.close()
        for _ in range(50):
            try:
                if isinstance(read(say(place, context(office), line(AskAuthority()))), Authority):
                    break
            except (ssl.SSLError, ConnectionError, msgspec.DecodeError):
                continue
        else:
            pytest.fail("the desk does not answer any more")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda text: text.encode())),
    st.text(max_size=90),
)
def test_nothing_that_is_said_is_more_than_denied(office: Office, said: bytes, token: str) -> None:
    desk = Desk(office)
    assert desk.answer(said, "10.0.0.1", None) == Denied(reason="request")
    bad = line(Enrol(token=token, request=said.hex()))
    assert isinstance(desk.answer(bad, "10.0.0.1", None), Denied)


def test_an_address_that_guesses_waits_and_others_do_not(office: Office) -> None:
    desk, guess = Desk(office), line(Enrol(token="PTE1." + "A" * 64, request=request()))
    given = [desk.answer(guess, "10.0.0.1", None) for _ in range(5)]
    assert [each.reason for each in given if isinstance(each, Denied)] == [*["token"] * 3, *["wait"] * 2]
    token, _ = office.invite("ecole", "entrance", HOUR, "test")
    right = line(Enrol(token=token.text, request=request()))
    assert desk.answer(right, "10.0.0.1", None) == Denied(reason="wait", wait_s=1)
    assert not isinstance(desk.answer(right, "10.0.0.2", None), Denied)
