"""The OSDP driver against libosdp's own reader, on a pseudo-terminal."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.errors import ConfigError, KeyFileError
from pleintemps_contract.keyfiles import write_secret
from pleintemps_contract.world import ManualWorld, SystemWorld
from pleintemps_edge.drivers import osdp
from pleintemps_edge.drivers.base import (
    CardRead,
    Feedback,
    HealthChanged,
    KeyPressed,
    TamperChanged,
    Unreadable,
)
from pleintemps_edge.drivers.osdp import Osdp, read_key
from pleintemps_edge.drivers.registry import Context, read
from pleintemps_firmware_sim.devices.osdp import Lamp, OsdpReader, Sounder
from tests.support.osdp_witness import seal

from .osdp_line import KEY, READER, Heard, Scene, plugged, scene
from .running import Seen, built, running

ADDRESS = READER["address"]
OK = HealthChanged("hall-reader", Health.OK, "")


def reader(key: bytes | None = KEY, **faults: Any) -> OsdpReader:
    return OsdpReader(key, address=ADDRESS, **faults)


def card_bits(facility: int, number: int) -> str:
    """A card of 26 bits with its parity."""
    data = f"{facility:08b}{number:016b}"
    return f"{data[:12].count('1') % 2}{data}{1 - data[12:].count('1') % 2}"


def states(seen: Seen) -> list[bool]:
    return [each.active for each in seen.of(TamperChanged)]


async def secure(it: Scene) -> None:
    await it.seen.until(lambda seen: Health.OK in seen.health)


def test_a_hundred_keys_and_cards_come_in_order_through_the_secure_channel(context: Context) -> None:
    async def main() -> None:
        async with scene(context, reader()) as it:
            await secure(it)
            assert it.reader.secure
            wanted: list[str] = []
            for n in range(50):
                it.reader.press(f"{n:02}*#"[n % 3 :])
                it.reader.card(card_bits(n, 1000 * n))
                wanted += [*f"{n:02}*#"[n % 3 :], f"w26:{n}:{1000 * n}"]
            await it.seen.until(lambda seen: len(seen.of(CardRead)) == 50)
            came = [each for each in it.seen.all if isinstance(each, KeyPressed | CardRead)]
            assert [each.key if isinstance(each, KeyPressed) else each.card for each in came] == wanted
            assert it.seen.of(HealthChanged) == [OK]
            assert it.seen.of(Unreadable) == []

    asyncio.run(main())


def test_other_cards_and_misread_ones(context: Context) -> None:
    async def main() -> None:
        async with scene(context, reader(), swap_star_hash=True) as it:
            await secure(it)
            it.reader.card("1" * 37)
            it.reader.card("0" * 26)
            it.reader.press("*#")
            await it.seen.until(lambda seen: len(seen.of(KeyPressed)) == 2)
            assert [each.card for each in it.seen.of(CardRead)] == ["raw:37:fffffffff8"]
            assert [each.reason for each in it.seen.of(Unreadable)] == ["a card that was misread"]
            assert [each.key for each in it.seen.of(KeyPressed)] == ["#", "*"]

    asyncio.run(main())


def test_tamper_and_failing_supply_are_said_at_start_and_when_they_change(context: Context) -> None:
    async def main() -> None:
        async with scene(context, reader()) as it:
            await it.seen.until(lambda seen: states(seen) == [False])
            it.reader.tamper(True)
            await it.seen.until(lambda seen: states(seen) == [False, True])
            it.reader.tamper(False)
            it.reader.power(True)
            await it.seen.until(lambda seen: states(seen) == [False, True, False, True])
        async with scene(context, reader(tamper=True)) as it:
            await it.seen.until(lambda seen: any(each.active for each in seen.of(TamperChanged)))

    asyncio.run(main())


def test_light_and_sound_arrive_and_the_newer_ends_the_older(context: Context) -> None:
    async def main() -> None:
        async with scene(context, reader()) as it:
            it.driver.show(Feedback.ACCEPTED)  # nobody there yet: it is forgotten, not kept for later
            await secure(it)
            dark = Lamp(temporary=False, control=1, on=1, off=0, on_colour=0, off_colour=0, timer=0)
            await it.until(lambda: it.reader.resting == dark)
            assert it.reader.orders == [dark]
            it.driver.show(Feedback.REFUSED)
            await it.until(lambda: len(it.reader.orders) == 3)
            assert it.reader.orders[1:] == [
                Lamp(temporary=True, control=2, on=2, off=2, on_colour=1, off_colour=0, timer=12),
                Sounder(control=2, on=2, off=2, count=3),
            ]
            it.driver.show(Feedback.PRE_ALARM)
            await it.until(lambda: len(it.reader.orders) == 7)
            red = Lamp(temporary=True, control=2, on=3, off=8, on_colour=1, off_colour=0, timer=11)
            assert it.reader.orders[3:] == [red, Sounder(2, 3, 8, 1)] * 2
            it.driver.show(Feedback.QUIET)
            await it.until(lambda: it.reader.sounder == Sounder(1, 0, 0, 0))
            assert it.reader.lamp is not None and it.reader.lamp.control == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("key", "faults", "detail"),
    [
        (bytes(range(1, 17)), {}, "it holds another key than ours, or none yet"),
        (None, {}, "it holds another key than ours, or none yet"),
        (None, {"clear_only": True}, "it has no secure channel: it answers in clear only"),
    ],
)
def test_wrong_key_no_key_and_clear_text_are_errors_and_nothing_of_them_counts(
    context: Context, key: bytes | None, faults: dict[str, Any], detail: str
) -> None:
    async def main() -> None:
        other = Heard(key, address=ADDRESS, **faults)
        async with scene(context, other) as it:
            await it.seen.until(lambda seen: seen.health == [Health.ERROR])
            assert it.seen.of(HealthChanged)[0].detail == detail
            it.reader.press("1234#")
            it.reader.card(card_bits(1, 2))
            it.driver.show(Feedback.ACCEPTED)
            await it.until(lambda: other.begins == 3)
            assert it.seen.health == [Health.ERROR]
            assert not it.seen.of(KeyPressed) and not it.seen.of(CardRead)
            assert it.reader.orders == []

    asyncio.run(main())


def test_cards_that_nothing_proves_are_dropped_and_shown(context: Context) -> None:
    async def main() -> None:
        async with scene(context, reader()) as it:
            await secure(it)
            forged = [
                seal(0x80 | ADDRESS, sequence, b"\x50\x00\x01\x1a\x00\x80\x7b\x1c\xc0", block)
                for sequence in (1, 2, 3)
                for block in (b"", b"\x03\x12\x01", b"\x03\x14\x01")
            ]
            for frame in forged:
                it.device.link.write(frame)
            await it.seen.until(lambda seen: seen.health == [Health.OK, Health.ERROR])
            assert it.seen.of(HealthChanged)[1].detail.startswith("somebody else speaks on its line")
            it.reader.press("5")
            await it.seen.until(lambda seen: [each.key for each in seen.of(KeyPressed)] == ["5"])
            assert it.seen.of(CardRead) == []

    asyncio.run(main())


def test_a_cut_line_is_silent_within_seconds_and_its_reader_comes_back(context: Context) -> None:
    async def main() -> None:
        async with scene(context, reader()) as it:
            await secure(it)
            it.reader.mute(True)
            await it.seen.until(lambda seen: seen.health == [Health.OK, Health.SILENT])
            assert it.seen.of(HealthChanged)[1].detail == "no answer for 3 s"
            it.reader.mute(False)
            await it.seen.until(lambda seen: seen.health[2:] == [Health.OK])
            it.reader.press("7")
            await it.seen.until(lambda seen: [each.key for each in seen.of(KeyPressed)] == ["7"])

    asyncio.run(main())


def test_what_was_typed_while_nobody_heard_it_is_nobodys_wish_any_more(context: Context) -> None:
    async def main() -> None:
        kept = reader()
        kept.press("1234#")
        kept.card(card_bits(1, 2))
        async with scene(context, kept) as it:
            await secure(it)
            it.reader.mute(True)
            await it.seen.until(lambda seen: seen.health == [Health.OK, Health.SILENT])
            it.reader.press("5678#")
            it.reader.mute(False)
            await it.seen.until(lambda seen: seen.health == [Health.OK, Health.SILENT, Health.OK])
            it.reader.press("0")
            await it.seen.until(lambda seen: seen.of(KeyPressed) != [])
            assert [each.key for each in it.seen.of(KeyPressed)] == ["0"]
            assert it.seen.of(CardRead) == []

    asyncio.run(main())


def test_a_line_that_was_cut_until_the_channel_was_given_up(context: Context) -> None:
    async def main() -> None:
        heard = Heard(KEY, address=ADDRESS)
        async with scene(context, heard) as it:
            await secure(it)
            it.reader.mute(True)
            await it.until(lambda: heard.begins == 2)  # the library asks nine times, a second apart
            it.reader.mute(False)
            await it.seen.until(lambda seen: seen.health == [Health.OK, Health.SILENT, Health.OK])
            it.reader.press("8")
            await it.seen.until(lambda seen: [each.key for each in seen.of(KeyPressed)] == ["8"])

    asyncio.run(main())


def test_a_reader_that_begins_anew_gets_a_new_channel(context: Context) -> None:
    async def main() -> None:
        heard = Heard(KEY, address=ADDRESS)
        async with scene(context, heard) as it:
            await secure(it)
            await it.until(lambda: it.reader.resting)
            it.reader.orders.clear()
            it.reader.restart()
            await it.until(lambda: it.reader.secure and it.reader.orders)
            polled = heard.commands + 3
            await it.until(lambda: heard.commands >= polled)
            it.reader.press("9")
            await it.seen.until(lambda seen: [each.key for each in seen.of(KeyPressed)] == ["9"])
            assert it.seen.of(HealthChanged) == [OK]

    asyncio.run(main())


def test_a_port_that_vanishes_and_comes_back(context: Context) -> None:
    async def main() -> None:
        async with scene(context, reader()) as it:
            await secure(it)
            it.device.link.unplug()
            await it.seen.until(lambda seen: seen.health == [Health.OK, Health.ERROR])
            it.device.link.plug()
            await it.seen.until(lambda seen: seen.health[2:] == [Health.OK])
            it.reader.press("3")
            await it.seen.until(lambda seen: [each.key for each in seen.of(KeyPressed)] == ["3"])

    asyncio.run(main())


def test_a_missing_key_is_an_error_until_it_is_there(context: Context, world: ManualWorld) -> None:
    async def main() -> None:
        driver = built(replace(context, line=SystemWorld()), Osdp, **READER)
        async with plugged(reader(), context.base / "reader"), running(driver) as seen:
            assert seen.health == [Health.ERROR]
            words = "reader.key: No such file or directory; osdp-install makes a key"
            assert seen.of(HealthChanged)[0].detail.endswith(words)
            write_secret(context.base / "reader.key", KEY.hex().encode())
            await world.advance(5_000)
            await seen.until(lambda seen: seen.health == [Health.ERROR, Health.OK])

    asyncio.run(main())


def test_a_reader_that_never_answers_is_silent(context: Context) -> None:
    async def main() -> None:
        mute = reader()
        mute.mute(True)
        async with scene(context, mute) as it:
            await it.seen.until(lambda seen: seen.health == [Health.SILENT])

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"8f1e2d3c4b5a69788796a5b4c3d2e1f", "32 hexadecimal digits"),
        (b"8f1e2d3c4b5a69788796a5b4c3d2e1f0aa", "32 hexadecimal digits"),
        (b"8f 1e 2d 3c 4b 5a 69 78 87 96 a5 b4 c3 d2 e1 f0", "32 hexadecimal digits"),
        (b"\xff" * 32, "32 hexadecimal digits"),
        (b"303132333435363738393A3B3C3D3E3F", "known to everybody"),
        (b"0" * 32, "known to everybody"),
    ],
)
def test_keys_that_are_none(tmp_path: Path, text: bytes, words: str) -> None:
    path = tmp_path / "reader.key"
    write_secret(path, text)
    with pytest.raises(KeyFileError, match=words) as caught:
        read_key(path)
    assert text.decode("latin-1") not in str(caught.value)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reader.key"
    write_secret(path, KEY.hex().encode() + b"\n")
    assert read_key(path) == KEY
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="others may read it"):
        read_key(path)


def test_without_the_library_the_configuration_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osdp, "installed", lambda: False)
    with pytest.raises(ConfigError, match=r"device hall-reader: .*needs libosdp, which is not installed"):
        read(READER)
