"""From the last key to the strike's pin, through a real agent process.

The agent is the ordinary one with an ordinary configuration. Its pins are reached over the simulator's
socket, so every edge carries the time of who made it: the last bit of ``#`` on one side, the strike's pin on
the other. Broker and journal are real, the grants are signed here.

Meanwhile six sensors change ten times a second, and a journal of records from a long time without a line
drains. A second run has a slow disk: ``strace`` holds every fsync and fdatasync of the agent back, and with
``--seccomp-bpf`` it stops at no other system call. (A library before libc would need a compiler.)
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import aiomqtt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract import agent_messages as a
from pleintemps_contract import gateway_messages as g
from pleintemps_contract.credentials import hash_code, lookup
from pleintemps_contract.envelope import Signer
from pleintemps_contract.keyfiles import Identity, save_agent_keys
from pleintemps_contract.onvif import DoorPhysicalState
from pleintemps_contract.topics import Channel, Topic, gateway_reads
from pleintemps_contract.wire import GatewayMessage, decode_agent, encode, seal_gateway
from pleintemps_contract.world import SystemWorld
from pleintemps_edge.journal.events import EventJournal, Stamp
from pleintemps_firmware_sim.devices.wiegand import key_edges
from pleintemps_firmware_sim.pins.board import Board, tick_now
from tests.support.broker import Mosquitto, find_mosquitto

from .doors import STRIKE_TOML
from .sensors import sensors, sensors_toml

SITE: Final = "bench"
AGENT: Final = "door"
CODE: Final = "48291637"
D0, D1, REED, STRIKE = 23, 24, 22, 27
HASHES: Final = g.HashSet(salt_id="s1", salt="6a" * 16, memory_kib=8_192, iterations=2, lanes=1)
BIN: Final = Path(sys.executable).parent
FLOOD_MS: Final = 100
"""Every sensor changes this often: ten times as often as a busy room."""
BACKLOG: Final = 3_000
"""Records that wait for the gateway for each unlock that is measured."""
PACE_MS: Final = 30
"""The gateway takes this long over a batch of 64, so that the journal drains all the time."""

CONFIG: Final = (
    """
site = "{site}"
agent = "{agent}"
keys = "keys"
state = "state"
board = "raspberry-pi-40"
[mqtt]
url = "mqtt://127.0.0.1:{port}"
[[devices]]
device = "keypad"
driver = "wiegand"
d0 = {d0}
d1 = {d1}
bits = 4
[[devices]]
device = "reed"
driver = "reed"
space = "hall"
pin = {reed}
open_when = "high"
"""
    + STRIKE_TOML
    + """contact = "reed"
readers = ["keypad"]
relock = "open"
"""
)


class Bench:
    """One agent, one door, and a gateway that only signs grants."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.world = SystemWorld()
        self.signer = Signer(Ed25519PrivateKey.generate())
        self.pepper = self.world.random_bytes(32)
        self.strikes: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        self.board = Board(folder / "pins", self._on_output)
        self.log = folder / "agent.log"
        self.epoch = self.world.now() // 1000
        self.in_force = asyncio.Event()
        self.drained = 0
        self.samples = 0
        self._strike = 0

    def _on_output(self, pin: int, level: int, tick: int) -> None:
        if pin == STRIKE and level != self._strike:
            self._strike = level
            self.strikes.put_nowait((level, tick))

    def start_agent(self, backlog: int, fsync_ms: int) -> subprocess.Popen[bytes]:
        pepper = base64.b64encode(self.pepper).decode()
        identity = Identity(site=SITE, agent=AGENT, purpose="demo", pepper=pepper)
        save_agent_keys(self.folder / "keys", identity, [self.signer.public])
        config = self.folder / "edge.toml"
        values = {"d0": D0, "d1": D1, "reed": REED, "strike": STRIKE, "door": "hall"}
        text = CONFIG.format(site=SITE, agent=AGENT, port=self.port, **values)
        config.write_text(text + sensors_toml(FLOOD_MS / 1000))
        self._fill_journal(backlog)
        environment = {
            **os.environ,
            "GPIOZERO_PIN_FACTORY": "pleintemps",
            "PLEINTEMPS_PINS": str(self.folder / "pins"),
        }
        command = [str(BIN / "pleintemps-edge"), "run", "--config", str(config)]
        with self.log.open("wb") as log:
            return subprocess.Popen([*slowly(fsync_ms), *command], env=environment, stdout=log, stderr=log)

    def _fill_journal(self, records: int) -> None:
        """A journal that has waited long for its gateway."""
        (self.folder / "state").mkdir()
        stamp = Stamp(self.world.now(), True, self.world.monotonic(), "b" * 32)

        async def fill() -> None:
            journal = EventJournal.open(self.folder / "state", self.world, lambda: stamp)
            event = a.DoorPhysicalChanged(door="hall", state=DoorPhysicalState.OPEN)
            for left in range(records, 0, -1_000):
                await journal.append([event] * min(left, 1_000))
            journal.close()

        asyncio.run(fill())

    async def publish(self, client: aiomqtt.Client, topic: Topic, message: GatewayMessage) -> None:
        data = seal_gateway(topic, message, self.signer)
        await client.publish(str(topic), data, qos=1, retain=topic.row.retained)

    async def grant(self, client: aiomqtt.Client) -> None:
        """Publish one grant; returns when the agent has it in force."""
        now = self.world.now()
        grant = g.Grant(
            id=self.world.new_id(),
            kind=g.CredentialKind.CODE,
            salt_id=HASHES.salt_id,
            lookup=lookup(self.pepper, hash_code(CODE, HASHES)),
            doors=["hall"],
            windows=[g.Window(start=now - 60_000, end=now + 3_600_000)],
        )
        page = g.GrantsPage(epoch=self.epoch, revision=1, grants=[grant])
        digest = hashlib.sha256(encode(page)).hexdigest()
        manifest = g.GrantsManifest(epoch=self.epoch, revision=2, hashes=[HASHES], pages=[digest])
        announcement = g.Announcement(epoch=self.epoch, revision=0, started=now)
        await self.publish(client, Topic.announcement(SITE), announcement)
        await self.publish(client, Topic.of_agent(SITE, AGENT, Channel.PAGE, digest), page)
        await self.publish(client, Topic.of_agent(SITE, AGENT, Channel.MANIFEST), manifest)
        await self.in_force.wait()

    async def answer(self, client: aiomqtt.Client) -> None:
        """Receipts for records and the time for nonces, as a gateway gives them, until cancelled."""
        topic = Topic.of_agent(SITE, AGENT, Channel.RECEIPT)
        async for message in client.messages:
            told = decode_agent(Topic.parse(str(message.topic)), bytes(message.payload))
            journal, stream, through, nonce = "0" * 32, a.Stream.EVENTS, 0, ""
            match told:
                case a.ManifestResult(applied=True):
                    self.in_force.set()
                    continue
                case a.Birth(nonce=nonce) | a.TimeRequest(nonce=nonce):
                    pass
                case a.EventsBatch(journal=journal, records=records):
                    through = records[-1].seq
                    self.drained += len(records)
                    await self.world.sleep_until(self.world.monotonic() + PACE_MS)
                case a.SamplesBatch(journal=journal, seq=through, series=series):
                    stream = a.Stream.SAMPLES
                    self.samples += sum(len(column.value) for column in series.values())
                case _:
                    continue
            receipt = g.Receipt(
                epoch=self.epoch,
                revision=3,
                journal=journal,
                stream=stream,
                through=through,
                time=g.GatewayTime(nonce=nonce, now=self.world.now()) if nonce else None,
            )
            await self.publish(client, topic, receipt)

    def press(self, key: str) -> int:
        """Put one key on the line; returns the tick of its last falling edge."""
        edges = key_edges(key, 4)
        start = tick_now() - edges[-1].after_ns
        pins = {"d0": D0, "d1": D1}
        self.board.drive_edges([(pins[edge.line], edge.level, start + edge.after_ns) for edge in edges])
        return start + max(edge.after_ns for edge in edges if edge.level == 0)

    async def unlock(self) -> float:
        """One person: types, opens, goes through, closes. Milliseconds from the last key to the strike."""
        for key in CODE:
            self.press(key)
            await self.world.sleep_until(self.world.monotonic() + 60)
        pressed = self.press("#")
        level, tick = await asyncio.wait_for(self.strikes.get(), 5)
        if level != 1:
            raise RuntimeError("the strike was secured without having been released")
        self.board.drive(REED, 1)
        level, _ = await asyncio.wait_for(self.strikes.get(), 10)
        if level != 0:
            raise RuntimeError("the strike was released twice")
        self.board.drive(REED, 0)
        await self.world.sleep_until(self.world.monotonic() + 120)  # the contact's debouncing
        return (tick - pressed) / 1_000_000


def slowly(fsync_ms: int) -> list[str]:
    """What to put before a command whose disk takes ``fsync_ms`` longer to sync."""
    if fsync_ms == 0:
        return []
    program = shutil.which("strace")
    if program is None:
        raise SystemExit("strace is missing: it holds the disk back")
    calls = "fsync,fdatasync"
    inject = f"inject={calls}:delay_exit={fsync_ms * 1000}"
    return [program, "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={calls}", "-e", inject]


async def measure(bench: Bench, times: int, fsync_ms: int, agent: subprocess.Popen[bytes]) -> list[float]:
    await bench.board.start()
    for pin, level in ((D0, 1), (D1, 1), (REED, 0)):
        bench.board.drive(pin, level)
    try:
        async with asyncio.timeout(30):
            await bench.board.wait_for(lambda board: board.connected)
        async with aiomqtt.Client("127.0.0.1", bench.port) as client:
            await client.subscribe([(text, 1) for text in gateway_reads(SITE)])
            answering = asyncio.create_task(bench.answer(client))
            async with asyncio.timeout(60), sensors(bench.folder, bench.board, FLOOD_MS):
                await bench.grant(client)
                for _ in range(3):  # what the first attempts load stays loaded
                    await bench.unlock()
            async with sensors(bench.folder, bench.board, FLOOD_MS):
                bench.drained = bench.samples = 0
                taken = [await bench.unlock() for _ in range(times)]
            answering.cancel()
        return taken
    except (TimeoutError, RuntimeError):
        sys.stderr.write(bench.log.read_text(errors="replace")[-3000:])
        raise
    finally:
        end(agent)
        await bench.board.stop()


def end(agent: subprocess.Popen[bytes]) -> None:
    """End the agent, also behind strace, which keeps signals to itself."""
    children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children")
    for child in children.read_text().split() if children.exists() else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGTERM)
    agent.terminate()
    agent.wait(20)


def run(times: int, fsync_ms: int) -> tuple[list[float], Bench]:
    """One agent of its own, ``times`` unlocks."""
    program = find_mosquitto()
    if program is None:
        raise SystemExit("mosquitto is missing")
    with tempfile.TemporaryDirectory(prefix="pleintemps-bench-") as name:
        broker = Mosquitto(program, Path(name))
        broker.start()
        try:

            async def story() -> tuple[list[float], Bench]:
                return await measure(bench, times, fsync_ms, agent), bench

            bench = Bench(Path(name), broker.port)
            agent = bench.start_agent(BACKLOG * times, fsync_ms)
            return asyncio.run(story())
        finally:
            broker.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.unlock", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument(
        "--fsync-ms", type=int, default=300, help="what the slow disk takes longer to sync; 0: no second run"
    )
    options = parser.parse_args()
    taken, bench = run(options.times, 0)
    percentiles = statistics.quantiles(taken, n=100, method="inclusive")
    result: dict[str, object] = {
        "p50_ms": round(percentiles[49], 2),
        "p99_ms": round(percentiles[98], 2),
        "max_ms": round(max(taken), 2),
        "unlocks": len(taken),
        "records_drained": bench.drained,
        "samples": bench.samples,
        "argon2id": f"{HASHES.memory_kib} KiB, {HASHES.iterations} passes",
    }
    if options.fsync_ms:
        slow, bench = run(options.times, options.fsync_ms)
        percentiles = statistics.quantiles(slow, n=100, method="inclusive")
        result |= {
            "fsync_ms": options.fsync_ms,
            "slow_disk_p50_ms": round(percentiles[49], 2),
            "slow_disk_p99_ms": round(percentiles[98], 2),
            "slow_disk_max_ms": round(max(slow), 2),
        }
    print(json.dumps(result) if options.json else "\n".join(f"{k}: {v}" for k, v in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
