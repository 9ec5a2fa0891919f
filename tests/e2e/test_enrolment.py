"""An agent enrols with a one-time token and talks over TLS; others are refused by broker and gateway."""

import asyncio
import json
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import select

from pleintemps_contract.gateway_messages import Announcement
from pleintemps_contract.keyfiles import load_agent_keys
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import encode
from pleintemps_contract.world import SystemWorld
from pleintemps_edge import cli as edge
from pleintemps_edge.link.birth import certificate_until
from pleintemps_edge.link.client import tls_context
from pleintemps_gateway import cli as gateway
from pleintemps_gateway.config import GatewayConfig, load
from pleintemps_gateway.enrolment.authority import load_authority
from pleintemps_gateway.enrolment.desk import Desk
from pleintemps_gateway.enrolment.service import Office
from pleintemps_gateway.keys import make_keys
from pleintemps_gateway.store.engine import open_engine
from pleintemps_gateway.store.schema import audit, journals, refusals
from tests.gateway.house import TOML
from tests.gateway.player import DEADLINE_S, Player, batch, birth, playing
from tests.gateway.test_ingest_wire import Ingest
from tests.support.broker import find_mosquitto
from tests.support.ports import find_free_port
from tests.support.waiting import wait_for

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]
EXTRA = """
[broker]
bind = "127.0.0.1"
[enrolment]
host = "127.0.0.1"
port = {desk}
"""


class Town:
    """A gateway's folder as ``init`` makes it, its broker, ingest and desk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.desk = find_free_port(), find_free_port()
        self.file = folder / "gateway.toml"
        extra = EXTRA.format(desk=self.desk)
        text = TOML.format(url=f"sqlite:///{folder}/gateway.db", port=self.port, extra=extra)
        self.file.write_text(text.replace("mqtt://127.0.0.1", "mqtts://localhost"))
        assert self.run("init") == 0
        self.config: GatewayConfig = load(self.file)
        self.keys = Path(self.config.keys)
        self.engine = open_engine(self.config.database_url)
        self.log = folder / "broker.log"

    def run(self, *command: str) -> int:
        return gateway.main([*command, "--config", str(self.file)])

    @contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(self._broker())
            ingest = Ingest(self.file, self.folder / "ingest.log")
            ingest.start()
            stack.callback(ingest.end, signal.SIGTERM)
            stack.enter_context(self._serving())
            yield

    @contextmanager
    def _broker(self) -> Iterator[None]:
        conf = self.folder / "mosquitto.conf"  # as it was made, but it also says whom it refuses what
        conf.write_text((self.keys / "broker" / "mosquitto.conf").read_text() + "log_type debug\n")
        with self.log.open("ab") as log:
            process = subprocess.Popen([str(find_mosquitto()), "-c", str(conf)], stdout=log, stderr=log)
        pid = Path(self.config.broker.pid_file)
        try:
            wait_for(pid.exists, within_s=10, what="broker")
            yield
        finally:
            process.terminate()
            process.wait(10)

    @contextmanager
    def _serving(self) -> Iterator[None]:
        office = Office(self.config, self.engine, SystemWorld())
        loop, stop = asyncio.new_event_loop(), asyncio.Event()
        assert self.config.enrolment is not None
        work = Desk(office).serve(self.config.enrolment, stop)
        thread = threading.Thread(target=lambda: loop.run_until_complete(work))
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(10)
            loop.close()

    def said(self, text: str) -> None:
        """Wait until the broker's log holds ``text``."""
        wait_for(
            lambda: text in self.log.read_text(), within_s=DEADLINE_S, what=f"{text!r} in the broker's log"
        )

    def refused(self) -> dict[str, int]:
        with self.engine.connect() as conn:
            rows = conn.execute(select(refusals)).all()
        return {f"{row.source}: {row.reason}": int(row._mapping["count"]) for row in rows}

    def journal(self, agent: str) -> int:
        """How far anything of ``agent`` is stored."""
        with self.engine.connect() as conn:
            found = conn.execute(select(journals.c.through).where(journals.c.agent == agent)).scalars()
            return max(found, default=0)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    with made.running():
        yield made
    made.engine.dispose()


def invite(town: Town, agent: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert town.run("agent", "enrol", agent, "--json") == 0
    return str(json.loads(capsys.readouterr().out)["token"])


def enrol(town: Town, folder: Path, token: str, *more: str) -> int:
    folder.mkdir(exist_ok=True)
    file = folder / "token"
    file.write_text(token + "\n")
    where = ["--config", str(folder / "edge.toml"), "--gateway", f"127.0.0.1:{town.desk}"]
    return edge.main(["enrol", *where, "--token-file", str(file), *more])


@contextmanager
def agent(town: Town, folder: Path) -> Iterator[Player]:
    keys = folder / "keys"
    with playing(load_agent_keys(keys), town.port, tls_context(keys), "localhost") as player:
        yield player


def connects(town: Town, context: ssl.SSLContext, name: str) -> bool:
    """Whether the broker takes a client."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.tls_set_context(context)
    taken = threading.Event()
    gone = threading.Event()
    client.on_connect = lambda *_: taken.set()
    client.on_disconnect = lambda *_: gone.set()
    try:
        client.connect("localhost", town.port)
    except (ssl.SSLError, OSError):
        return False
    client.loop_start()
    try:
        wait_for(lambda: taken.is_set() or gone.is_set(), within_s=DEADLINE_S, what="answer of the broker")
        return taken.is_set()
    finally:
        client.loop_stop()


def test_a_token_makes_an_agent_that_is_heard_and_renews(
    town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = invite(town, "entrance", capsys)
    here, elsewhere = tmp_path / "pi", tmp_path / "other"
    assert enrol(town, here, token) == 0
    assert edge.main(["check", "--config", str(here / "edge.toml")]) == 0
    secrets = [path for path in (here / "keys").iterdir() if path.stat().st_mode & 0o077]
    assert secrets == []
    assert not (town.keys / "agents" / "entrance" / "agent.key").exists()  # it never left the agent
    assert enrol(town, elsewhere, token) == 1
    assert "used already" in capsys.readouterr().err
    with agent(town, here) as player:  # ingest took the agent up while it ran
        player.wait(lambda: next(iter(player.messages(Announcement)), None))
        player.say(Channel.BIRTH, birth(), retain=True)
        player.say(Channel.EVENTS, batch(1, 3))
        player.receipt(3)
        player.grants(0)
    before = (here / "keys" / "agent.pem").read_bytes()
    assert edge.main(["renew", "--config", str(here / "edge.toml")]) == 0
    assert (here / "keys" / "agent.pem").read_bytes() != before
    until = certificate_until(here / "keys")
    assert until is not None and until > SystemWorld().now() + 300 * 86_400_000
    with agent(town, here) as player:
        player.say(Channel.EVENTS, batch(4, 5))
        player.receipt(5)
    assert enrol(town, here, invite(town, "entrance", capsys)) == 2  # there are keys
    with town.engine.connect() as conn:
        told = [(row.action, row.fields) for row in conn.execute(select(audit).order_by(audit.c.seq))]
    actions = [action for action, _ in told]
    assert {"agent.invited", "agent.enrolled", "agent.renewed", "agent.refused"} <= set(actions)
    assert not any(token in str(fields) for _, fields in told)


def test_only_its_own_prefix_and_certificates_of_the_site(
    town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi, foreign = tmp_path / "pi", tmp_path / "foreign"
    assert enrol(town, pi, invite(town, "upstairs", capsys)) == 0
    before = town.journal("entrance")
    with agent(town, pi) as player:
        player.grants(0)
        topic = Topic.of_agent("ecole", "entrance", Channel.EVENTS)
        body = encode(batch(1, 9, journal="f" * 32))
        player._client.publish(str(topic), body, qos=1).wait_for_publish(DEADLINE_S)
        town.said("Denied PUBLISH from player-upstairs")
        heard = Topic.of_agent("ecole", "entrance", Channel.COMMAND)
        player._client.subscribe(str(heard))
        player.say(Channel.EVENTS, batch(1, 2, journal="c" * 32))
        player.receipt(2, "c" * 32)
    assert town.journal("entrance") == before
    make_keys(foreign, {"entrance": "ecole"}, "production", SystemWorld())
    context = ssl.create_default_context(cafile=str(town.keys / "site-ca" / "ca.crt"))
    context.load_cert_chain(foreign / "agents/entrance/agent.crt", foreign / "agents/entrance/agent.key")
    assert not connects(town, context, "stranger")
    town.said("certificate verify failed")
    assert "stranger" not in town.log.read_text()
    assert town.journal("entrance") == before


def test_who_is_shut_out_is_neither_heard_nor_told(
    town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi = tmp_path / "pi"
    assert enrol(town, pi, invite(town, "entrance", capsys)) == 0
    with agent(town, pi) as player:
        player.grants(0)
        player.say(Channel.EVENTS, batch(1, 2, journal="e" * 32))
        player.receipt(2, "e" * 32)
        capsys.readouterr()
        assert town.run("agent", "revoke", "entrance", "--reason", "lost") == 0
        assert "the broker was told" in capsys.readouterr().out
        # the broker's present turn goes on as it began: 100 ms
        for _ in range(500):
            if "Denied PUBLISH from player-entrance" in town.log.read_text():
                break
            player.say(Channel.EVENTS, batch(3, 4, journal="e" * 32))
        town.said("Denied PUBLISH from player-entrance")
        heard = len(player.heard)
        player.say(Channel.EVENTS, batch(5, 6, journal="e" * 32))
        assert len(player.heard) == heard
    assert not connects(town, tls_context(pi / "keys"), "revoked")
    assert "revoked" not in town.log.read_text()
    assert edge.main(["renew", "--config", str(pi / "edge.toml")]) == 1
    assert "shut out" in capsys.readouterr().err
    # and where the broker lets it in all the same, the gateway hears nothing of it
    own = ssl.create_default_context(cafile=str(town.keys / "site-ca" / "ca.crt"))
    own.load_cert_chain(town.keys / "gateway" / "gateway.crt", town.keys / "gateway" / "gateway.key")
    with playing(load_agent_keys(pi / "keys"), town.port, own, "localhost") as player:
        player.say(Channel.EVENTS, batch(3, 9, journal="e" * 32))
    wait_for(
        lambda: "entrance/events: this agent was shut out" in town.refused(),
        within_s=DEADLINE_S,
        what="refusal",
    )
    with town.engine.connect() as conn:
        stored = conn.execute(select(journals.c.through).where(journals.c.journal == "e" * 32)).scalar_one()
    assert stored in (2, 4)
    assert len(load_authority(town.keys).revoked()) >= 2  # the renewed one too
    # a new agent of this name begins anew
    assert enrol(town, tmp_path / "new", invite(town, "entrance", capsys)) == 0
    with agent(town, tmp_path / "new") as player:
        player.grants(0)
        player.say(Channel.EVENTS, batch(1, 1, journal="d" * 32))
        player.receipt(1, "d" * 32)
