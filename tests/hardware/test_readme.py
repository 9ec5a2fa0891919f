"""The pin table of the README is that of the demo building and of the board."""

import re
from pathlib import Path

from pleintemps_firmware_sim.scenario.plan import SAINT_AUBIN
from pleintemps_hardware.board import load

README = Path(__file__).parents[2] / "hardware" / "README.md"


def test_the_table_lists_every_pin_of_the_demo_building() -> None:
    listed: list[tuple[str, int, int]] = []
    for agent, pins in re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", README.read_text("utf-8"), re.M):
        listed += [(agent, int(bcm), int(header)) for bcm, header in re.findall(r"(\d+) \((\d+)\)", pins)]
    used = [(room.agent, room.pir_pin) for room in SAINT_AUBIN.rooms]
    for door in SAINT_AUBIN.doors:
        used += [(door.agent, pin) for pin in (door.d0, door.d1, door.lock_pin, door.reed_pin, door.exit_pin)]
    headers = {pin.bcm: pin.header for pin in load("raspberry-pi-40").pins}
    assert sorted(listed) == sorted((agent, pin, headers[pin]) for agent, pin in used)
