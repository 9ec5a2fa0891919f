"""Resident memory and processor time of an agent with six sensors and two doors, in an ordinary hour.

A real agent process with a real broker and journal; pins over the simulator's socket, radars and sound meters
on pseudo-terminals, everything they sense changes once a second. Memory is what the kernel says (VmRSS, and
VmHWM for the highest), processor time that of the process and its threads over the seconds measured. The time
from the start of the process to the moment when its doors are held shut is measured as well. With
``--microphone`` the agent meters one of 48 kHz, too.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import aiomqtt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract import agent_messages as a
from pleintemps_contract import gateway_messages as g
from pleintemps_contract.envelope import Signer
from pleintemps_contract.keyfiles import Identity, save_agent_keys
from pleintemps_contract.topics import Channel, Topic, gateway_reads
from pleintemps_contract.wire import decode_agent, seal_gateway
from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.pins.board import Board
from tests.support.broker import Mosquitto, find_mosquitto

from .sensors import sensors, sensors_toml

SITE: Final = "bench"
AGENT: Final = "doors"
BIN: Final = Path(sys.executable).parent
CONFIG: Final = """
site = "bench"
agent = "doors"
keys = "keys"
state = "state"
board = "raspberry-pi-40"
[mqtt]
url = "mqtt://127.0.0.1:{port}"
"""
DOOR: Final = """
[[devices]]
device = "keypad-{number}"
driver = "wiegand"
d0 = {d0}
d1 = {d1}
bits = 4
[[devices]]
device = "reed-{number}"
driver = "reed"
space = "hall"
pin = {reed}
[[devices]]
device = "strike-{number}"
driver = "strike"
pin = {strike}
[[doors]]
door = "door-{number}"
from = "street"
to = "hall"
lock = "strike-{number}"
contact = "reed-{number}"
readers = ["keypad-{number}"]
"""
MICROPHONE: Final = """
[[devices]]
device = "mic"
driver = "i2s_microphone"
space = "hall"
command = [{python}, "-c", {source}]
"""
NOISE: Final = """
import os, sys, time
quiet = bytes(value & 1 if place % 4 == 3 else value for place, value in enumerate(os.urandom(24000)))
due = time.monotonic()
while True:
    sys.stdout.buffer.write(quiet)
    sys.stdout.flush()
    due += 0.125
    time.sleep(max(0, due - time.monotonic()))
"""
"""Writes 48,000 samples of 32 bits a second."""
DOORS: Final = (
    {"number": 1, "d0": 23, "d1": 24, "reed": 22, "strike": 27},
    {"number": 2, "d0": 5, "d1": 6, "reed": 12, "strike": 16},
)


async def receipts(client: aiomqtt.Client, signer: Signer) -> None:
    """A gateway that stores everything at once."""
    topic = Topic.of_agent(SITE, AGENT, Channel.RECEIPT)
    async for message in client.messages:
        told = decode_agent(Topic.parse(str(message.topic)), bytes(message.payload))
        if isinstance(told, a.EventsBatch):
            journal, stream, through = told.journal, a.Stream.EVENTS, told.records[-1].seq
        elif isinstance(told, a.SamplesBatch):
            journal, stream, through = told.journal, a.Stream.SAMPLES, told.seq
        else:
            continue
        receipt = g.Receipt(epoch=1, revision=1, journal=journal, stream=stream, through=through)
        await client.publish(str(topic), seal_gateway(topic, receipt, signer), qos=1)


def cpu_s(pid: int) -> float:
    """User and system time of a process (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, field: str) -> float:
    """A field of /proc/PID/status in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no {field} of process {pid}")


async def measure(folder: Path, port: int, seconds: int, microphone: bool) -> dict[str, object]:
    world = SystemWorld()
    signer = Signer(Ed25519PrivateKey.generate())
    pepper = base64.b64encode(world.random_bytes(32)).decode()
    identity = Identity(site=SITE, agent=AGENT, purpose="demo", pepper=pepper)
    save_agent_keys(folder / "keys", identity, [signer.public])
    doors = "".join(DOOR.format(**pins) for pins in DOORS)
    heard = (
        MICROPHONE.format(python=json.dumps(sys.executable), source=json.dumps(NOISE)) if microphone else ""
    )
    (folder / "edge.toml").write_text(CONFIG.format(port=port) + doors + sensors_toml(1.0) + heard)
    board = Board(folder / "pins")
    await board.start()
    for pins in DOORS:
        for pin, level in ((pins["d0"], 1), (pins["d1"], 1), (pins["reed"], 0)):
            board.drive(pin, level)
    environment = {
        **os.environ,
        "GPIOZERO_PIN_FACTORY": "pleintemps",
        "PLEINTEMPS_PINS": str(folder / "pins"),
    }
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(board.stop)
        client = await stack.enter_async_context(aiomqtt.Client("127.0.0.1", port))
        await client.subscribe([(text, 1) for text in gateway_reads(SITE)])
        gateway = asyncio.create_task(receipts(client, signer))
        stack.callback(gateway.cancel)
        await stack.enter_async_context(sensors(folder, board, 1_000))
        log = stack.enter_context((folder / "agent.log").open("wb"))
        began = world.monotonic()
        command = [str(BIN / "pleintemps-edge"), "run", "--config", str(folder / "edge.toml")]
        agent = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            async with asyncio.timeout(30):
                await board.wait_for(lambda board: all(board.level(pins["strike"]) == 0 for pins in DOORS))
            serves = world.monotonic() - began
            await world.sleep_until(world.monotonic() + 5_000)  # connected, everything loaded
            before, at = cpu_s(agent.pid), world.monotonic()
            await world.sleep_until(at + seconds * 1000)
            used, passed = cpu_s(agent.pid) - before, (world.monotonic() - at) / 1000
            return {
                "resident_mb": round(memory_mb(agent.pid, "VmRSS"), 1),
                "highest_mb": round(memory_mb(agent.pid, "VmHWM"), 1),
                "cpu_percent_of_a_core": round(100 * used / passed, 2),
                "start_to_door_ms": serves,
                "seconds": round(passed, 1),
            }
        finally:
            agent.terminate()
            await asyncio.to_thread(agent.wait, 10)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.footprint", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--microphone", action="store_true", help="meter a microphone of 48 kHz as well")
    options = parser.parse_args()
    program = find_mosquitto()
    if program is None:
        print("mosquitto is missing", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="pleintemps-bench-") as name:
        broker = Mosquitto(program, Path(name))
        broker.start()
        try:
            result = asyncio.run(measure(Path(name), broker.port, options.seconds, options.microphone))
        finally:
            broker.stop()
    print(json.dumps(result) if options.json else "\n".join(f"{k}: {v}" for k, v in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
