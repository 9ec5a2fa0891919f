"""A code typed at an OSDP reader opens the door, and the reader shows it."""

import asyncio
from pathlib import Path

from pleintemps_contract.keyfiles import write_secret
from tests.support.broker import Mosquitto

from .actors import CODE, gateway_on, grant, mock_pins, running_agent, until, write_setup
from .drivers.osdp_line import KEY, Heard, plugged

READER = """
[[devices]]
device = "hall-reader"
driver = "osdp"
port = "reader"
key_file = "keys/hall-reader.key"
"""


def test_a_code_at_an_osdp_reader_opens_and_is_shown(mosquitto: Mosquitto, tmp_path: Path) -> None:
    path = write_setup(tmp_path, mosquitto.port)
    text = path.read_text().replace('readers = ["hall-keypad"]', 'readers = ["hall-keypad", "hall-reader"]')
    path.write_text(text + READER)
    write_secret(tmp_path / "keys" / "hall-reader.key", KEY.hex().encode())
    reader = Heard(KEY)

    async def main() -> None:
        with mock_pins() as pins:
            async with (
                gateway_on(mosquitto.port) as gateway,
                plugged(reader, tmp_path / "reader"),
                running_agent(path, pins),
            ):
                await until(lambda: gateway.births)
                await gateway.give(grant())
                await until(lambda: reader.resting)
                polled = reader.commands + 4  # until it has had nothing to say, what it says is old
                await until(lambda: reader.commands > polled)
                strike = pins.pin(27)
                assert not strike.state
                reader.press("00000001#")
                await until(lambda: reader.lamp and reader.lamp.on_colour == 1)
                assert not strike.state
                reader.press(CODE + "#")
                await until(lambda: strike.state)
                await until(lambda: reader.lamp and reader.lamp.on_colour == 2)

    asyncio.run(main())
