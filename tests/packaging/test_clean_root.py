"""From the package to the open door in a clean Debian 12 without a network: systemd, Mosquitto, TLS, ACL."""

import asyncio
import contextlib
import json
import shlex
import shutil
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import AgentStarted, EventRecord, EventsBatch
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import encode
from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.devices.wiegand import key_edges
from pleintemps_firmware_sim.pins.board import Board, tick_now
from pleintemps_gateway.enrolment.authority import key_pem, make_authority, new_key, pem_of
from tests.support.waiting import wait_for

from . import packages
from .clean_root import HOME, CleanRoot, booted, missing
from .test_units import CEILINGS, SERVICES

pytestmark = [
    pytest.mark.soak,
    pytest.mark.serial,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.skipif(not packages.ARCHITECTURE, reason="no package for this architecture"),
]
GATEWAY, EDGE = "/etc/pleintemps/gateway.toml", "/etc/pleintemps/edge.toml"
PYTHON = "/opt/pleintemps/gateway/current/bin/python"
SITE, AGENT, OTHER = "my-site", "entrance", "upstairs"
D0, D1, REED, STRIKE = 23, 24, 22, 27
DEVICES = f"""
[[devices]]
device = "hall-keypad"
driver = "wiegand"
d0 = {D0}
d1 = {D1}
[[devices]]
device = "hall-reed"
driver = "reed"
space = "hall"
pin = {REED}
[[devices]]
device = "hall-strike"
driver = "strike"
pin = {STRIKE}
[[doors]]
door = "hall"
from = "street"
to = "hall"
lock = "hall-strike"
contact = "hall-reed"
readers = ["hall-keypad"]
"""
SIMULATED = "[Service]\nEnvironment=GPIOZERO_PIN_FACTORY=pleintemps PLEINTEMPS_PINS=/mnt/pins\n"


class House:
    """The clean root with both packages, and what is outside of it: pins of a board, and who means ill."""

    def __init__(self, root: CleanRoot) -> None:
        self.root = root
        self.share = root.share

    def status(self) -> dict[str, Any]:
        """The agent's own word; empty while it does not run."""
        said = self.root.run(f"pleintemps-edge status --config {EDGE} --json 2>/dev/null", check=False)
        found: dict[str, Any] = json.loads(said) if said.startswith("{") else {}
        return found

    def speak(self, keys: str, *message: str) -> dict[str, Any]:
        """What the broker lets a client with the keys of a folder of ``share`` do."""
        words = ["/mnt/client.py", f"/mnt/{keys}", f"test-{keys}", *message]
        said = self.root.run(f"{PYTHON} {shlex.join(words)} 2>/dev/null")
        found: dict[str, Any] = json.loads(said)
        return found

    def batch(self, name: str) -> str:
        """A file with a batch of events of a journal of its own, all of ``name``'s one digit."""
        record = EventRecord(
            seq=1,
            at=SystemWorld().now(),
            trusted=True,
            monotonic=1,
            boot=name * 32,
            event=AgentStarted(version="0"),
        )
        (self.share / f"batch-{name}").write_bytes(
            encode(EventsBatch(journal=name * 32, first=1, records=[record]))
        )
        return f"/mnt/batch-{name}"

    def journals(self) -> set[str]:
        return {str(row[0]) for row in self.root.rows("SELECT journal FROM journals")}


def topic(agent: str, channel: Channel = Channel.EVENTS) -> str:
    return str(Topic.of_agent(SITE, agent, channel))


@pytest.fixture(scope="module")
def debs() -> Path:
    """A folder with the packages of this tree; of the agent's ``1`` and ``2``, as two releases of it."""
    to = HOME / "packages"
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    for program in packages.PROGRAMS:
        packages.build(program, to, "1")
    packages.build("edge", to, "2")
    return to


@pytest.fixture(scope="module")
def house(debs: Path) -> Iterator[House]:
    with booted() as root:
        packages.fill_stick(root.share / "stick", debs)
        shutil.copy(debs / f"pleintemps-edge_2_{packages.ARCHITECTURE}.deb", root.share)
        (root.share / "client.py").write_bytes(Path(__file__).with_name("client.py").read_bytes())
        yield House(root)


async def in_there(look: Any, *, within_s: float, what: str) -> Any:
    """The first true answer of a question to the container, asked beside the loop of the pins."""
    async with asyncio.timeout(within_s):
        while not (answer := await asyncio.to_thread(look)):
            await asyncio.sleep(0.2)
    return answer


@contextlib.asynccontextmanager
async def board(house: House, releases: list[int]) -> AsyncIterator[Board]:
    """The pins that the agent in the container holds."""

    def on_output(pin: int, level: int, tick: int) -> None:
        if pin == STRIKE and level:
            releases.append(tick)

    pins = Board(house.share / "pins", on_output)
    await pins.start()
    (house.share / "pins").chmod(0o777)
    try:
        yield pins
    finally:
        await pins.stop()


async def type_code(pins: Board, code: str) -> None:
    for key in [*code, "#"]:
        edges = key_edges(key, 4)
        start, lines = tick_now() - edges[-1].after_ns, {"d0": D0, "d1": D1}
        pins.drive_edges([(lines[edge.line], edge.level, start + edge.after_ns) for edge in edges])
        await asyncio.sleep(0.035)


def test_it_installs_without_a_network_and_says_what_comes_next(house: House) -> None:
    root = house.root
    assert {line.split()[0] for line in root.run("ip -brief link").splitlines()} == {"lo"}
    said = root.run("sh /mnt/stick/install.sh gateway")
    assert f"pleintemps-gateway init --config {GATEWAY}" in said
    assert "pleintemps-edge enrol" in root.run("sh /mnt/stick/install.sh edge")
    root.run("test ! -e /etc/systemd/system/multi-user.target.wants/mosquitto.service")
    for unit in SERVICES:
        assert root.run(f"systemctl is-enabled {unit}").strip() == "enabled"
        root.run(f"systemctl start {unit}")
        assert root.run(f"systemctl is-active {unit}", check=False).strip() == "inactive", (
            "nothing is set up yet"
        )
    for unit, ceiling in CEILINGS.items():
        assert root.exposure(unit) <= ceiling
    assert root.run(f"systemd-analyze verify {' '.join(CEILINGS)}").strip() == ""
    assert root.run("find /opt/pleintemps /usr/bin/pleintemps-* -perm /022 ! -type l").strip() == ""


def test_the_gateway_is_made_and_its_broker_takes_it(house: House) -> None:
    root = house.root
    root.run(f"pleintemps-gateway init --config {GATEWAY}")
    # what the broker refuses it says on this level alone
    root.run("echo 'log_type debug' >>/var/lib/pleintemps-gateway/keys/broker/mosquitto.conf")
    root.run("systemctl start pleintemps-broker pleintemps-gateway")
    assert root.run("find /var/lib/pleintemps-gateway ! -user pleintemps-gateway").strip() == ""

    for word in ("broker-up", "enrolment-open"):
        wait_for(partial(said_by_gateway, root, word), within_s=90, what=word)
    assert "u'gateway'" in root.journal("pleintemps-broker")


def said_by_gateway(root: CleanRoot, word: str) -> bool:
    return word in root.journal("pleintemps-gateway")


def enrol(house: House, agent: str, command: str) -> str:
    told = json.loads(house.root.run(f"pleintemps-gateway agent enrol {agent} --config {GATEWAY} --json"))
    return house.root.run(command, given=f"{told['token']}\n")


def test_an_agent_enrols_and_a_code_opens_the_door(house: House) -> None:
    root = house.root
    said = enrol(house, AGENT, "pleintemps-edge enrol --gateway gateway --token-file -")
    assert f"{EDGE} is written" in said
    with_devices = root.run(f"cat {EDGE}") + DEVICES
    root.run(f"cat >>{EDGE}", given=DEVICES)
    assert root.run(f"cat {EDGE}") == with_devices
    root.run("mkdir /etc/systemd/system/pleintemps-edge.service.d")
    root.run("cat >/etc/systemd/system/pleintemps-edge.service.d/simulated.conf", given=SIMULATED)
    assert root.run(f"GPIOZERO_PIN_FACTORY=mock pleintemps-edge check --config {EDGE}").strip() == "ok"
    booked = "--space hall --title Choir --start $(date -Is -d -1minute) --end $(date -Is -d +1hour)"
    made = json.loads(root.run(f"pleintemps-gateway booking add --config {GATEWAY} {booked} --print-code"))

    async def story() -> None:
        releases: list[int] = []
        async with board(house, releases) as pins:
            pins.drive(REED, 0)
            await asyncio.to_thread(root.run, "systemctl daemon-reload && systemctl start pleintemps-edge")
            await in_there(lambda: house.status().get("line"), within_s=30, what="line of the agent")
            await in_there(
                lambda: house.root.rows(
                    f"SELECT 1 FROM agents WHERE agent = '{AGENT}' AND grants_epoch IS NOT NULL"
                ),
                within_s=30,
                what="code on the door",
            )
            await type_code(pins, "13572468")
            await in_there(
                lambda: house.root.rows("SELECT 1 FROM events WHERE body LIKE '%unknown-credential%'"),
                within_s=15,
                what="refusal of another code",
            )
            assert not releases
            await type_code(pins, made["code"])
            async with asyncio.timeout(10):
                await pins.wait_for(lambda _: bool(releases))
            await in_there(
                lambda: house.root.rows("SELECT 1 FROM events WHERE body LIKE '%access-granted%'"),
                within_s=15,
                what="record of the opening at the gateway",
            )
            before = {each["journal"] for each in house.status()["journals"]}
            # another release of the agent: the door knows what it knew
            newer = f"/mnt/pleintemps-edge_2_{packages.ARCHITECTURE}.deb"
            await asyncio.to_thread(root.run, f"dpkg --install {newer}")
            await in_there(lambda: house.status().get("line"), within_s=30, what="line of the new agent")
            assert {each["journal"] for each in house.status()["journals"]} == before
            assert root.run("readlink /opt/pleintemps/edge/current").strip() == "versions/2"
            opened = len(releases)
            await type_code(pins, made["code"])
            async with asyncio.timeout(10):
                await pins.wait_for(lambda _: len(releases) > opened)

    asyncio.run(story())
    assert f"u'{SITE}/{AGENT}'" in root.journal("pleintemps-broker")


def test_a_foreign_certificate_is_refused(house: House) -> None:
    """Made as ours are, for the name of our own agent, by another authority."""
    world, folder = SystemWorld(), house.share / "foreign"
    (folder / "site-ca").mkdir(parents=True)
    authority, key = make_authority(folder, world, []), new_key()
    certificate = authority.agent(SITE, AGENT, key.public_key(), 10, world, "folder")
    (folder / "agent.pem").write_bytes(key_pem(key) + pem_of(certificate).encode())
    (folder / "ca.crt").write_text(house.root.run("cat /var/lib/pleintemps-edge/keys/ca.crt"))
    before = house.journals()
    said = house.speak("foreign", topic(AGENT), house.batch("f"))
    assert said == {"connected": False, "answered": False, "refused": "TLSV1_ALERT_UNKNOWN_CA"}
    assert "certificate verify failed" in house.root.journal("pleintemps-broker")
    assert house.journals() == before


def test_an_agent_that_writes_below_another_is_not_heard(house: House) -> None:
    """With the control: below its own name the same message is stored."""
    program, config = "/opt/pleintemps/edge/current/bin/pleintemps-edge", "/mnt/other/edge.toml"
    (house.share / "other").mkdir()
    enrol(house, OTHER, f"{program} enrol --config {config} --gateway gateway --token-file -")
    (house.share / "other/keys").rename(house.share / "own")
    assert house.speak("own", topic(AGENT), house.batch("a"))["connected"]
    house.speak("own", topic(OTHER), house.batch("b"))

    wait_for(lambda: "b" * 32 in house.journals(), within_s=15, what="own message of the agent")
    assert "a" * 32 not in house.journals()
    denied = [
        line for line in house.root.journal("pleintemps-broker").splitlines() if "Denied PUBLISH" in line
    ]
    assert any(topic(AGENT) in line for line in denied), denied


def test_a_revoked_certificate_is_refused(house: House) -> None:
    root = house.root
    assert house.speak("own")["connected"], "it is good until it is revoked"
    said = root.run(f"pleintemps-gateway agent revoke {OTHER} --reason sold --config {GATEWAY}")
    assert "the broker was told" in said
    failed = root.journal("pleintemps-broker").count("certificate verify failed")
    refused = house.speak("own", topic(OTHER), house.batch("c"))
    assert refused == {"connected": False, "answered": False, "refused": "SSLV3_ALERT_CERTIFICATE_REVOKED"}
    assert root.journal("pleintemps-broker").count("certificate verify failed") > failed
    # a broker that let it through all the same: the gateway's own certificate may write everywhere
    (house.share / "broker").mkdir()
    keys = "/var/lib/pleintemps-gateway/keys"
    root.run(f"cp {keys}/site-ca/ca.crt /mnt/broker/ca.crt")
    root.run(f"cat {keys}/gateway/gateway.key {keys}/gateway/gateway.crt >/mnt/broker/agent.pem")
    assert house.speak("broker", topic(OTHER), house.batch("d"))["answered"]

    query = f"SELECT 1 FROM refusals WHERE source = '{OTHER}/events' AND reason = 'this agent was shut out'"
    wait_for(lambda: house.root.rows(query), within_s=15, what="refusal by the gateway")
    assert not {"c" * 32, "d" * 32} & house.journals()
    listed = json.loads(root.run(f"pleintemps-gateway agent list --config {GATEWAY} --json"))
    assert [each["agent"] for each in listed["shut_out"]] == [OTHER]
    assert [each["agent"] for each in listed["agents"]] == [AGENT]


def test_removing_keeps_what_cannot_be_made_again(house: House) -> None:
    root = house.root
    said = root.run("dpkg --remove pleintemps-edge pleintemps-gateway")
    assert "kept: /etc/pleintemps/edge.toml and /var/lib/pleintemps-edge" in said
    assert root.run("ls /opt", check=False).strip() == ""
    for user in ("pleintemps-gateway", "pleintemps-edge"):
        assert root.run(f"pgrep --euid {user}", check=False).strip() == ""
    said = root.run("dpkg --purge pleintemps-edge pleintemps-gateway")
    assert "rm -r /var/lib/pleintemps-gateway" in said
    root.run("test ! -e /etc/pleintemps")
    root.run(
        "test -e /var/lib/pleintemps-gateway/keys/gateway/signing.key -a -e /var/lib/pleintemps-edge/keys"
    )
