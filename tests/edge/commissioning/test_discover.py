"""Discovery: what is listened for and asked, what the machine has, what is suggested."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from pleintemps_contract.configfile import load_toml
from pleintemps_edge.commissioning import probing
from pleintemps_edge.commissioning.discovering import Discovery, discover
from pleintemps_edge.commissioning.looking import Chip, Looking, Port, Sound
from pleintemps_edge.commissioning.probing import Found
from pleintemps_edge.commissioning.suggesting import describe, fragment
from pleintemps_edge.config import EdgeConfig
from pleintemps_edge.drivers import registry
from pleintemps_firmware_sim.devices.ld2410 import Ld2410
from pleintemps_firmware_sim.devices.ld2450 import Ld2450
from pleintemps_firmware_sim.devices.modbus_sound import ModbusSoundMeter
from pleintemps_firmware_sim.devices.osdp import OsdpReader
from pleintemps_firmware_sim.devices.serial_core import SerialCore
from pleintemps_firmware_sim.selftest.kit import OsdpLine
from pleintemps_firmware_sim.virtual.loop import VirtualLoop
from pleintemps_firmware_sim.virtual.serial import MemoryDevice, MemoryPort
from pleintemps_firmware_sim.virtual.worlds import VirtualWorld

Make = Callable[[int], SerialCore]
DEVICES: Mapping[str, tuple[int, Make]] = {
    "radar": (256_000, Ld2410),
    "tracker": (256_000, Ld2450),
    "meter": (9_600, lambda _now: ModbusSoundMeter(baud=9_600, address=7)),
    "reader": (9_600, lambda _now: OsdpLine(OsdpReader(None, address=2))),
    "far-reader": (115_200, lambda _now: OsdpLine(OsdpReader(bytes(range(16)), address=42))),
}


class Babbler:
    """Says what no radar says."""

    def receive(self, data: bytes, now: int) -> None:
        raise AssertionError("a line on which somebody speaks was asked something")

    def transmit(self, now: int) -> bytes:
        self._next = now + 100
        return b"login: "

    _next = 0

    def due(self) -> int | None:
        return self._next


class Lines:
    """Lines that are understood at their own speed only."""

    def __init__(self, folder: Path, world: VirtualWorld) -> None:
        self._cores = {folder / name: (baud, make(0)) for name, (baud, make) in DEVICES.items()}
        self._cores[folder / "babbler"] = (256_000, Babbler())
        self._world = world

    def open(
        self, port: Path, baud: int, take: Callable[[bytes], None], lost: Callable[[str], None]
    ) -> MemoryPort:
        if port not in self._cores:
            raise OSError("Device or resource busy")
        speed, core = self._cores[port]
        device = MemoryDevice(core if speed == baud else Silent(), self._world, sparse=False)
        device.plug()
        return device.open(take, lost)


class Silent:
    def receive(self, data: bytes, now: int) -> None:
        return

    def transmit(self, now: int) -> bytes:
        return b""

    def due(self) -> int | None:
        return None


def searched(folder: Path, *names: str, speak: bool = True) -> Discovery:
    async def work() -> Discovery:
        world = VirtualWorld(0, 1, "test")
        ports = [folder / name for name in names]
        return await discover(Looking(folder), Lines(folder, world), world, ports, speak=speak)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work())


def found(discovery: Discovery) -> dict[str, list[tuple[str, int, int]]]:
    return {
        Path(each.port.device).name: [(one.kind, one.baud, one.address) for one in each.found]
        for each in discovery.ports
    }


def test_each_device_is_found_at_its_speed_and_address(tmp_path: Path) -> None:
    discovery = searched(tmp_path, *DEVICES)
    assert found(discovery) == {
        "radar": [("ld2410", 256_000, 0)],
        "tracker": [("ld2450", 256_000, 0)],
        "meter": [("modbus_sound", 9_600, 7)],
        "reader": [("osdp", 9_600, 2)],
        "far-reader": [("osdp", 115_200, 42)],
    }


def test_a_line_on_which_somebody_speaks_is_never_asked_and_a_busy_one_is_left_alone(tmp_path: Path) -> None:
    discovery = searched(tmp_path, "babbler", "absent")
    assert found(discovery) == {"babbler": [("talks", 0, 0)], "absent": []}
    assert [each.why for each in discovery.ports] == ["", "Device or resource busy"]


def test_listening_alone_asks_nothing(tmp_path: Path) -> None:
    assert found(searched(tmp_path, "radar", "meter", speak=False)) == {
        "radar": [("ld2410", 256_000, 0)],
        "meter": [("silent", 0, 0)],
    }


def test_what_is_suggested_passes_the_check_in_a_configuration(tmp_path: Path) -> None:
    discovery = searched(tmp_path, "radar", "tracker", "meter", "reader")
    discovery = msgspec.structs.replace(
        discovery,
        clocks=[Chip(path="/dev/rtc0", name='rtc "x"\nevil = 1')],
        sounds=[Sound(pcm="hw:1,0", name="INMP441\nevil = 2")],
    )
    text = 'site = "s"\nagent = "a"\nkeys = "k"\nstate = "t"\n\n' + fragment(discovery)
    path = tmp_path / "edge.toml"
    path.write_text(text)
    config = load_toml(path, EdgeConfig)
    drivers = [registry.read(table).driver for table in config.devices]
    assert drivers == ["ld2410", "ld2450", "modbus_sound", "osdp", "i2s_microphone"]
    assert config.clock.rtc == "/dev/rtc0"
    assert "modbus_sound at 9600 baud, address 7" in describe(discovery)


def test_the_question_to_a_reader_is_the_standard_s_own() -> None:
    # access protocols 2.3: ID with sequence number 0, as libosdp sends it
    assert probing.identify(0x65).hex() == "ff53650900046100d97a"


def test_only_reading_is_ever_asked() -> None:
    for probes in probing.asking():
        for probe in probes:
            function = probe.ask[1] if probe.protocol == "modbus" else probe.ask[6]
            assert function == (3 if probe.protocol == "modbus" else 0x61)


def test_one_reader_at_the_address_of_all_is_looked_for_and_named_once() -> None:
    of_all = Found("osdp", 9_600, probing.OSDP_ALL, "in clear")
    own = Found("osdp", 9_600, 3, "in clear")
    assert probing.named([of_all, own]) == (own,)
    assert probing.unnamed([of_all, own]) == []
    assert [probe.address for probe in probing.unnamed([of_all])] == list(range(4, 127))


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    files = {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/cmdline": "console=serial0,115200 console=tty1 root=/dev/mmcblk0p2",
        "proc/asound/pcm": "00-00: bcm2835 : bcm2835 : playback 8\n01-00: INMP441 i2s : codec : capture 1\n",
        "sys/class/rtc/rtc0/name": "rtc-ds1307 1-0068\n",
        "sys/class/tty/ttyS0/type": "0\n",
        "dev/ttyAMA0": "",
        "dev/ttyS0": "",
        "dev/ttyUSB0": "",
        "usb/1-1/idVendor": "1a86\n",
        "usb/1-1/idProduct": "7523\n",
        "usb/1-1/product": "USB2.0-Serial\n",
        "usb/1-1/1-1:1.0/ttyUSB0/uevent": "",
        "sys/bus/gpio/devices/gpiochip0/of_node/compatible": "brcm,bcm2711-gpio\0",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "dev/serial0").symlink_to("ttyAMA0")
    (tmp_path / "dev/serial/by-id").mkdir(parents=True)
    (tmp_path / "dev/serial/by-id/usb-1a86_USB2.0-Serial-if00-port0").symlink_to("../../ttyUSB0")
    (tmp_path / "sys/class/tty/ttyUSB0").mkdir(parents=True)
    (tmp_path / "sys/class/tty/ttyUSB0/device").symlink_to(tmp_path / "usb/1-1/1-1:1.0/ttyUSB0")
    holder = tmp_path / "proc/77"
    (holder / "fd").mkdir(parents=True)
    (holder / "comm").write_text("modem\n")
    return tmp_path


def test_a_machine_tells_its_board_console_adapters_clock_and_microphones(machine: Path) -> None:
    looking = Looking(machine)
    stay = machine / "dev/serial/by-id/usb-1a86_USB2.0-Serial-if00-port0"
    assert looking.ports() == [
        Port(path=str(machine / "dev/ttyAMA0"), device=str(machine / "dev/ttyAMA0"), use="console"),
        Port(path=str(stay), device=str(machine / "dev/ttyUSB0"), adapter="1a86:7523 USB2.0-Serial"),
    ]
    assert looking.model() == "Raspberry Pi 4 Model B Rev 1.4"
    assert [each.pcm for each in looking.sounds()] == ["hw:1,0"]
    assert [(each.path, each.name) for each in looking.clocks()] == [("/dev/rtc0", "rtc-ds1307 1-0068")]
    assert [each.name for each in looking.pins()] == ["brcm,bcm2711-gpio"]


def test_a_port_that_a_program_holds_is_not_probed(machine: Path) -> None:
    os.symlink(machine / "dev/ttyUSB0", machine / "proc/77/fd/4")
    held = next(each for each in Looking(machine).ports() if each.device.endswith("ttyUSB0"))
    assert held.use == "modem (pid 77)"
