"""``enrol`` and ``renew`` against the gateway's desk: what goes wrong is a line, and can be repeated."""

import asyncio
import json
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from pleintemps_contract.enrolment import Answer, AskAuthority, Authority, Denied, EnrolmentToken
from pleintemps_contract.keyfiles import load_agent_keys, open_to_others
from pleintemps_contract.world import ManualWorld, SystemWorld
from pleintemps_edge.cli import main
from pleintemps_edge.enrolment.client import Place, enrol, find_authority, read_place
from pleintemps_edge.enrolment.client import fingerprint as authority_of
from pleintemps_edge.enrolment.files import NEW_KEY, desk_of, key_under_way
from pleintemps_edge.enrolment.renewal import Life, Renewal, due_at, pause_after, renew_now
from pleintemps_edge.errors import EnrolmentError
from pleintemps_gateway.enrolment.desk import server_context
from pleintemps_gateway.enrolment.service import Office, Peer
from tests.gateway.enrolment.office import HOUR, MINUTE, make_office, serving
from tests.support.ports import find_free_port

NOW = SystemWorld().now


class Untrusting(Office):
    """An office that takes no new certificate, as a broken gateway would."""

    refusing = False

    def confirm(self, peer: Peer | None) -> Answer:
        return Denied(reason="certificate") if self.refusing else super().confirm(peer)


class Gateway:
    """A desk, and an agent's folder."""

    def __init__(self, folder: Path, url: str) -> None:
        (folder / "gateway").mkdir()
        made = make_office(folder / "gateway", url, ManualWorld(NOW()))
        self.office = Untrusting(made.config, made._engine, made.world, made.world)
        self.file, self.keys = folder / "edge.toml", folder / "keys"
        self.tokens = 0

    def token(self, folder: Path) -> Path:
        token, _ = self.office.invite("ecole", "entrance", HOUR, "test")
        path = folder / f"token{self.tokens}"
        self.tokens += 1
        path.write_text(token.text + "\n")
        return path

    def enrol(self, place: Place, token: Path, *more: str) -> int:
        where = ["--config", str(self.file), "--gateway", str(place), "--token-file", str(token)]
        return main(["enrol", *where, *more])


@pytest.fixture
def gateway(tmp_path: Path, sqlite_url: str) -> Iterator[Gateway]:
    made = Gateway(tmp_path, sqlite_url)
    yield made
    made.office._engine.dispose()


@contextmanager
def impostor(keys: Path, said: bytes) -> Iterator[tuple[Place, list[bytes]]]:
    """A TLS server that answers ``said`` to all, and what was told to it."""
    heard: list[bytes] = []
    context = server_context(keys)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    heard.append(connection.recv(65_536))
                    connection.sendall(said)
            except (OSError, ssl.SSLError):
                heard.append(b"")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Place("127.0.0.1", listener.getsockname()[1]), heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def test_an_enrolment_that_was_cut_short_is_repeated(gateway: Gateway, tmp_path: Path) -> None:
    token = gateway.token(tmp_path)
    with serving(gateway.office) as place:
        text = EnrolmentToken(token.read_text().strip(), b"")
        authority = find_authority(place, text._replace(authority=bytes.fromhex(fingerprint(gateway))), NOW)
        key = key_under_way(gateway.keys)
        enrol(place, authority, text, key, NOW)  # and the answer is lost
        assert not gateway.file.exists() and (gateway.keys / NEW_KEY).exists()
        assert gateway.enrol(place, token) == 0
    assert load_agent_keys(gateway.keys)[:2] == ("ecole", "entrance")
    assert desk_of(gateway.keys) == place
    assert not (gateway.keys / NEW_KEY).exists()
    assert main(["check", "--config", str(gateway.file)]) == 0
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in gateway.keys.iterdir())
    assert open_to_others(gateway.keys.iterdir()) == []
    (gateway.keys / "agent.pem").chmod(0o640)
    assert len(open_to_others(gateway.keys.iterdir())) == 1


def fingerprint(gateway: Gateway) -> str:
    return authority_of((gateway.office.keys / "site-ca" / "ca.crt").read_text())


def test_nothing_is_told_to_a_gateway_that_the_token_does_not_name(
    gateway: Gateway, tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    token = gateway.token(tmp_path)
    (tmp_path / "other").mkdir()
    other = make_office(tmp_path / "other", sqlite_url.replace(".db", "2.db"), ManualWorld(NOW()))
    real = Authority(certificate=(gateway.office.keys / "site-ca" / "ca.crt").read_text(), now=NOW())
    fake = Authority(certificate=(other.keys / "site-ca" / "ca.crt").read_text(), now=NOW())
    other._engine.dispose()
    for said, why in (
        (fake, "is not the gateway that made this token"),
        (real, "not the gateway that it should"),
    ):
        with impostor(other.keys, msgspec.json.encode(said) + b"\n") as (place, heard):
            assert gateway.enrol(place, token) == 1
        assert why in capsys.readouterr().err
        asked = msgspec.json.encode(AskAuthority()) + b"\n"
        assert set(heard) <= {asked, b""}
    assert not (gateway.keys / "identity.json").exists()


@pytest.mark.parametrize("said", [b"", b"{}\n", b"x" * 40_000, b'{"type":"confirmed"}\n', b"\xff\n"])
def test_whoever_answers_nonsense_is_no_gateway(
    gateway: Gateway, tmp_path: Path, said: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with impostor(gateway.office.keys, said) as (place, _):
        assert gateway.enrol(place, gateway.token(tmp_path)) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_each_mistake_is_one_line(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = gateway.office.world
    assert isinstance(world, ManualWorld)
    nowhere = Place("127.0.0.1", find_free_port())
    old = gateway.token(tmp_path)
    assert gateway.enrol(nowhere, old) == 1
    assert "cannot be reached" in capsys.readouterr().err
    with serving(gateway.office) as place:
        new = gateway.token(tmp_path)
        assert gateway.enrol(place, old) == 1
        assert "a newer one was made" in capsys.readouterr().err
        world.step_wall(2 * HOUR)
        assert gateway.enrol(place, new) == 1
        assert "clock is 7" in capsys.readouterr().err  # 7,200 s behind the gateway's
        world.step_wall(-2 * HOUR)
        assert main(["enrol", "--config", "x", "--gateway", "x", "--token", "PTE1.secret"]) == 2
        said = capsys.readouterr().err
        assert "command line" in said and "PTE1.secret" not in said
        old.write_text("PTE1.short")
        assert gateway.enrol(place, old) == 2
        said = capsys.readouterr().err
        assert "not a token" in said and "PTE1.short" not in said
        assert gateway.enrol(place, new) == 0
        assert gateway.enrol(place, gateway.token(tmp_path)) == 2
        assert "--again" in capsys.readouterr().err
        before = load_agent_keys(gateway.keys).pepper
        assert gateway.enrol(place, gateway.token(tmp_path), "--again") == 0
        assert load_agent_keys(gateway.keys).pepper != before
        for _ in range(4):
            gateway.enrol(place, new, "--again")
        assert "try again in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("gate", ("gate", 8884)),
        ("gate:9", ("gate", 9)),
        ("https://gate.example/", ("gate.example", 8884)),
        ("[::1]:7", ("::1", 7)),
        ("::1", ("::1", 8884)),
        ("10.0.0.1:65535", ("10.0.0.1", 65_535)),
    ],
)
def test_a_place_is_a_host_and_a_port(text: str, place: tuple[str, int]) -> None:
    assert read_place(text) == place


@pytest.mark.parametrize("text", ["", ":1", "a:0", "a:65536", "a:b", "user@a", "a/b", "http://a"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(EnrolmentError, match="--gateway"):
        read_place(text)


def test_the_old_certificate_stays_until_the_new_one_works(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(gateway.office) as place:
        assert gateway.enrol(place, gateway.token(tmp_path)) == 0
        before = (gateway.keys / "agent.pem").read_bytes()
        gateway.office.refusing = True
        with pytest.raises(EnrolmentError, match="does not take"):
            renew_now(gateway.keys, place, NOW)
        assert (gateway.keys / "agent.pem").read_bytes() == before
        assert not (gateway.keys / "agent.next.pem").exists()
        gateway.office.refusing = False
        life = renew_now(gateway.keys, place, NOW)
    assert (gateway.keys / "agent.pem").read_bytes() != before
    assert life.end - life.start == 366 * 24 * HOUR
    with pytest.raises(EnrolmentError, match="cannot be reached"):
        renew_now(gateway.keys, place, NOW)
    (gateway.keys / "enrolment.json").unlink()
    assert main(["renew", "--config", str(gateway.file)]) == 2
    assert "were not given by a gateway's desk" in capsys.readouterr().err


def test_an_agent_asks_at_two_thirds_and_again_after_a_while(gateway: Gateway, tmp_path: Path) -> None:
    world = ManualWorld(NOW())
    renewed: list[int] = []
    with serving(gateway.office) as place:
        assert gateway.enrol(place, gateway.token(tmp_path)) == 0
        renewal = Renewal.of(gateway.keys, world, lambda: renewed.append(1))
        assert renewal is not None
        assert asyncio.run(renewal.look()) == HOUR and not renewed
        gateway.office.refusing = True
        world.step_wall(260 * 24 * HOUR)
        assert [asyncio.run(renewal.look()) for _ in range(3)] == [MINUTE, 2 * MINUTE, 4 * MINUTE]
        gateway.office.refusing = False
        assert asyncio.run(renewal.look()) == HOUR and renewed == [1]
    assert Renewal.of(tmp_path, world, lambda: None) is None


def test_when_it_is_time() -> None:
    life = Life(1_000, 301_000)
    assert due_at(life, 0) == 201_000
    assert due_at(life, 1) == 211_000 < life.end
    assert [pause_after(count) for count in (1, 2, 10, 100)] == [60_000, 120_000, 21_600_000, 21_600_000]


def test_a_wrong_clock_is_named_before_the_token_is_shown(gateway: Gateway, tmp_path: Path) -> None:
    token = EnrolmentToken("", bytes.fromhex(fingerprint(gateway)))
    with serving(gateway.office) as place, pytest.raises(EnrolmentError, match="ahead of the gateway's"):
        find_authority(place, token, lambda: NOW() + 2 * HOUR)


def test_the_configuration_that_is_there_is_not_touched(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = 'site = "ecole"\nagent = "porch"\nkeys = "keys"\nstate = "state"\n'
    gateway.file.write_text(text)
    with serving(gateway.office) as place:
        assert gateway.enrol(place, gateway.token(tmp_path), "--keys", "elsewhere") == 2
        assert gateway.enrol(place, gateway.token(tmp_path)) == 0
    said = capsys.readouterr().out
    assert gateway.file.read_text() == text
    assert 'agent = "entrance"' in said and "mqtts://localhost:1" in said
    assert json.loads((gateway.keys / "enrolment.json").read_text())["port"] == place.port
