"""The OSDP reader alone on its port, read by libosdp's own control panel."""

import asyncio
from pathlib import Path
from typing import Any

import osdp  # type: ignore[import-untyped]
import pytest
import serial

from pleintemps_firmware_sim.devices.alone.registry import Alone, carry_out
from pleintemps_firmware_sim.errors import ControlError

from .alone import made, running

ADDRESS = 101
KEY = bytes(range(16))


class Line(osdp.Channel):  # type: ignore[misc]
    """A control panel's end of the port, as pyserial has it."""

    def __init__(self, port: serial.Serial) -> None:
        super().__init__()
        self._port = port

    def read(self, max_bytes: int) -> bytes:
        return bytes(self._port.read(max_bytes))

    def write(self, buf: bytes) -> int:
        return int(self._port.write(buf) or 0)

    def flush(self) -> None:
        self._port.reset_input_buffer()


def watched(reader: Alone, link: Path) -> list[dict[str, Any]]:
    """What a control panel with the site's key was told: keys, a card, the tamper switch; and the lamp."""
    told: list[dict[str, Any]] = []

    def panel() -> Any:
        port = serial.Serial(str(link), 9_600, timeout=0)
        info = osdp.PDInfo(ADDRESS, Line(port), scbk=KEY, flags=[osdp.LibFlag.EnforceSecure])
        return osdp.ControlPanel([info], log_level=osdp.LogLevel.Emergency)

    async def main() -> None:
        async with running(reader):
            control = panel()
            control.start()
            try:
                assert await asyncio.to_thread(control.sc_wait, ADDRESS, 15)
                assert carry_out(reader, "state").startswith("channel secure")
                green = {
                    "command": osdp.Command.LED,
                    "reader": 0,
                    "led_number": 0,
                    "control_code": 2,
                    "temporary": True,
                    "on_count": 10,
                    "off_count": 0,
                    "on_color": osdp.CommandLEDColor.Green,
                    "off_color": osdp.CommandLEDColor.Black,
                    "timer_count": 50,
                }
                assert control.submit_command(ADDRESS, green)
                while "on_colour=2" not in carry_out(reader, "state"):
                    await asyncio.sleep(0.01)
                for order in ("press 12#", "card 26 123 4567", "tamper on"):
                    carry_out(reader, order)
                    told.append(await asyncio.to_thread(control.get_event, ADDRESS, 10))
            finally:
                control.stop()

    asyncio.run(asyncio.wait_for(main(), 40))
    return told


def test_a_control_panel_opens_the_secure_channel_and_lights_the_lamp_and_hears_keys_card_tamper(
    tmp_path: Path,
) -> None:
    link = tmp_path / "reader"
    reader = made("osdp", "--link", str(link), "--address", str(ADDRESS), "--key", KEY.hex())
    keys, card, tamper = watched(reader, link)
    assert keys["event"] == osdp.Event.KeyPress and keys["data"] == b"12\r"
    assert card["event"] == osdp.Event.CardRead and card["length"] == 26
    bits = "".join(f"{byte:08b}" for byte in card["data"])[:26]
    assert bits == "10111101100010001110101110"
    assert tamper["event"] == osdp.Event.Status and tamper["report"][0] == 1


def test_orders_that_mean_nothing(tmp_path: Path) -> None:
    reader = made("osdp", "--link", str(tmp_path / "reader"))
    for order, says in (
        ("press 12x", "press: '12x' are not keys"),
        ("bits 0120", "bits: up to 128"),
        ("card 37 1 999999", "card: '999999' is no whole number"),
    ):
        with pytest.raises(ControlError) as refused:
            carry_out(reader, order)
        assert str(refused.value).startswith(says)
