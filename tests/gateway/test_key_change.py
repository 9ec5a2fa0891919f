"""A change of the key that signs: announced, used, retired; agents follow, none is left behind unseen."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import insert, select, update

from pleintemps_contract.envelope import TrustedKeys, key_id
from pleintemps_contract.errors import EnvelopeError
from pleintemps_contract.gateway_messages import Announcement, GrantsManifest
from pleintemps_contract.keyfiles import load_agent_keys
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import open_gateway
from pleintemps_gateway.cli import main
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.keys import make_keys
from pleintemps_gateway.signing import (
    CURRENT,
    NEXT,
    OLD,
    Signing,
    fingerprint,
    load_signing,
    new_key,
    retire_key,
    use_key,
)
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents, alerts
from tests.support.broker import Mosquitto

from .house import House, build
from .player import Player, birth, playing
from .test_ingest_site import Site
from .test_ingest_wire import running, until


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    made = build(tmp_path, sqlite_url)
    yield made
    made.engine.dispose()


def keys_of(house: House) -> Path:
    return Path(house.config.keys)


def holds(house: House, agent: str, *kids: str) -> None:
    """What ingest would have stored of the agent's birth."""
    row = {"site": "ecole", "agent": agent, "presence": "online", "keys": json.dumps(kids)}
    with write_transaction(house.engine, ["ecole"]) as conn:
        if conn.execute(select(agents).where(agents.c.agent == agent)).first() is None:
            conn.execute(insert(agents).values(row))
        conn.execute(update(agents).where(agents.c.agent == agent).values(keys=row["keys"]))


def run(house: House, *command: str) -> int:
    return main(["key", *command, "--config", str(house.file)])


def test_each_step_changes_one_file_and_knows_its_place(house: House) -> None:
    keys = keys_of(house)
    first = load_signing(keys)
    assert (first.kids, first.wanted, first.lasting) == (
        (first.signer.kid,),
        first.signer.kid,
        first.announced,
    )
    seen = [fingerprint(keys)]
    for step in (use_key, retire_key):
        with pytest.raises(SettingsError):
            step(keys)
    second = new_key(keys)
    seen.append(fingerprint(keys))
    assert second.signer.kid == first.signer.kid
    assert second.kids == (first.signer.kid, second.wanted) and second.wanted != first.wanted
    for step in (new_key, retire_key):
        with pytest.raises(SettingsError):
            step(keys)
    third = use_key(keys)
    seen.append(fingerprint(keys))
    assert third.signer.kid == third.wanted == second.wanted
    assert third.kids == (second.wanted, first.wanted) and third.lasting == (third.signer.public,)
    for step in (new_key, use_key):
        with pytest.raises(SettingsError):
            step(keys)
    last = retire_key(keys)
    seen.append(fingerprint(keys))
    assert last.kids == (second.wanted,)
    assert len(set(seen)) == 4
    for name in (CURRENT, NEXT, OLD):
        path = keys / "gateway" / name
        assert path.exists() is (name == CURRENT)
    assert (keys / "gateway" / CURRENT).stat().st_mode & 0o077 == 0


def test_a_step_cut_short_can_be_repeated(house: House) -> None:
    keys = keys_of(house)
    before = new_key(keys)
    (keys / "gateway" / OLD).write_bytes((keys / "gateway" / CURRENT).read_bytes())
    (keys / "gateway" / OLD).chmod(0o600)
    cut = load_signing(keys)
    assert (cut.kids, cut.wanted) == (before.kids, before.wanted)
    assert use_key(keys).signer.kid == before.wanted


@pytest.mark.parametrize(("steps", "count"), [(0, 1), (1, 2), (2, 1), (3, 1)])
def test_a_new_agent_gets_the_keys_that_sign_and_will_sign(house: House, steps: int, count: int) -> None:
    keys = keys_of(house)
    for step in (new_key, use_key, retire_key)[:steps]:
        step(keys)
    make_keys(keys, {"roof": "ecole"}, "demo", house.world)
    signing = load_signing(keys)
    trusted = load_agent_keys(keys / "agents" / "roof").trusted.kids
    assert len(trusted) == count and {signing.wanted, signing.signer.kid} == trusted


def test_the_owner_is_told_who_lacks_the_key(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    old = load_signing(keys_of(house)).signer.kid
    assert run(house, "new") == 0
    new = load_signing(keys_of(house)).wanted
    holds(house, "entrance", old, new)
    holds(house, "upstairs", old)
    capsys.readouterr()
    assert run(house, "status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["keys"] == {old: "signs", new: "next"}
    assert (told["wanted"], told["lacking"]) == (new, ["ecole/upstairs"])
    assert run(house, "use") == 2
    assert "ecole/upstairs" in capsys.readouterr().err
    assert load_signing(keys_of(house)).signer.kid == old
    holds(house, "upstairs", old, new)
    assert run(house, "use") == 0
    assert run(house, "retire") == 0
    capsys.readouterr()
    assert run(house, "status") == 0
    assert "0 of 2 agents lack" in capsys.readouterr().out


def test_force_leaves_agents_behind(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(house, "new") == 0
    assert run(house, "use") == 2
    assert run(house, "use", "--force") == 0
    assert run(house, "retire") == 2
    assert run(house, "retire", "--force") == 0
    assert len(load_signing(keys_of(house)).kids) == 1


class Believer:
    """What an agent believes: an announcement by a believed key says which keys may sign from then on."""

    def __init__(self, public: Ed25519PublicKey) -> None:
        self.trusted = TrustedKeys([public])

    def hear(self, said: list[tuple[str, bytes, bool]]) -> list[Any]:
        heard = []
        for topic, payload, _ in said:
            if payload:
                message = open_gateway(Topic.parse(topic), payload, self.trusted)
                if isinstance(message, Announcement):
                    self.trusted = TrustedKeys(_public(key) for key in message.keys)
                heard.append(message)
        return heard


def _public(text: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text))


def test_agents_follow_every_step_without_a_restart(house: House) -> None:
    keys = keys_of(house)
    site = Site(house)
    agent = Believer(load_signing(keys).signer.public)
    site.wait(0)
    agent.hear(site.said)
    for step in (new_key, use_key, retire_key):
        signing = step(keys)
        site.said.clear()
        site.memory.sign_with(signing)
        site.wait(0)
        heard = agent.hear(site.said)  # every word is signed by a key that is believed at that moment
        assert agent.trusted.kids == set(signing.kids)
        assert any(isinstance(message, GrantsManifest) for message in heard)
    with pytest.raises(EnvelopeError):
        stranger = Believer(house.agent_keys("entrance").trusted._keys.popitem()[1])
        stranger.hear(site.said)


def test_an_agent_that_lacks_the_new_key_is_an_alert(house: House) -> None:
    keys = keys_of(house)
    site = Site(house)
    old = load_signing(keys).signer.kid

    def standing() -> list[str]:
        rows = site.rows(alerts)
        return [row["agent"] for row in rows if row["kind"] == "key-not-held" and row["state"] != "resolved"]

    site.hear(Channel.BIRTH, birth(keys=[old]))
    site.wait(600_000)
    assert standing() == []
    signing: Signing = new_key(keys)
    site.memory.sign_with(signing)
    site.wait(1_000)
    assert standing() == []
    site.wait(300_000)
    assert standing() == ["entrance"]
    site.hear(Channel.BIRTH, birth(keys=list(signing.kids)))
    site.wait(1_000)
    assert standing() == []


@pytest.mark.serial
def test_a_running_gateway_takes_up_each_step(tmp_path: Path, sqlite_url: str, mosquitto: Mosquitto) -> None:
    house = build(tmp_path, sqlite_url, port=mosquitto.port)
    keys = keys_of(house)
    with playing(house.agent_keys("entrance"), mosquitto.port) as player, running(house, tmp_path):

        def announced(signing: Signing) -> None:
            wanted = set(signing.kids)
            player.wait(lambda: _heard(player, wanted))

        announced(load_signing(keys))
        signing = new_key(keys)
        announced(signing)
        player.keys = player.keys._replace(trusted=TrustedKeys(signing.announced))
        player.say(Channel.BIRTH, birth(keys=list(signing.kids)), retain=True)
        until(lambda: "lacking" not in _lacking(house, signing.wanted))
        announced(use_key(keys))
        announced(retire_key(keys))
    house.engine.dispose()


def _heard(player: Player, wanted: set[str]) -> bool | None:
    said = [message.keys for message in player.messages(Announcement)]
    return True if any({key_id(_public(key)) for key in keys} == wanted for keys in said) else None


def _lacking(house: House, kid: str) -> str:
    with house.engine.connect() as conn:
        told = conn.execute(select(agents.c["keys"]).where(agents.c.agent == "entrance")).scalar_one_or_none()
    return "" if kid in (told or "") else "lacking"
