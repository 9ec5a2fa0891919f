"""The simulated reader of QR codes and tags, read by pyserial."""

import asyncio
from pathlib import Path

import serial

from pleintemps_firmware_sim.devices.token_reader import TokenReader


def test_a_text_is_one_line_for_each_time_it_is_shown(tmp_path: Path) -> None:
    async def main() -> None:
        reader = TokenReader(tmp_path / "scanner")
        reader.link.plug()
        try:
            with serial.Serial(str(tmp_path / "scanner"), 9600, timeout=10) as port:
                reader.present("PT1.abc.def")
                reader.present("café")
                lines = [await asyncio.to_thread(port.readline) for _ in range(2)]
                port.write(b"beep")
            assert lines == [b"PT1.abc.def\r\n", "café\r\n".encode()]
        finally:
            reader.link.unplug()
        assert not (tmp_path / "scanner").exists()
        reader.present("nobody has it plugged in")

    asyncio.run(main())


def test_a_reader_may_be_set_to_send_no_end(tmp_path: Path) -> None:
    async def main() -> None:
        reader = TokenReader(tmp_path / "scanner", end=b"")
        reader.link.plug()
        try:
            with serial.Serial(str(tmp_path / "scanner"), 9600, timeout=10) as port:
                reader.present("abc")
                assert await asyncio.to_thread(port.read, 3) == b"abc"
                assert port.in_waiting == 0
        finally:
            reader.link.unplug()

    asyncio.run(main())
