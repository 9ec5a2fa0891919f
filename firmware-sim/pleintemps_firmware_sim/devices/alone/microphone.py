"""A microphone alone: raw samples on standard output or a named pipe, as ``arecord -t raw`` gives them."""

import argparse
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.microphone import FLOOR_DB, FORMATS, FULL_SCALE_DB, Microphone, Wave
from pleintemps_firmware_sim.errors import LinkError

from . import values
from .registry import Order, Ready, Words, kind

_CHUNK_MS: Final = 100
_hertz = values.real(1, 48_000)
_level = values.real(-20, 160)
_gain = values.real(-100, 100)


def _tone(text: str) -> tuple[float, float]:
    hertz, _, level = text.partition(":")
    return _hertz(hertz), _level(level)


class PcmAlone:
    """Writes 100 ms at a time, as time passes; what nobody takes in time is lost, as in a sound card."""

    def __init__(
        self, microphone: Microphone, link: Path | None, world: World, orders: Sequence[Order]
    ) -> None:
        self._microphone = microphone
        self._link = link
        self._world = world
        self._lost = 0
        self._drop = 0
        self._rest = b""
        self.orders = (
            *orders,
            Order("drop", "N", "the next N buffers of 100 ms are lost", self._drop_next, 1, 1),
            Order("lost", "", "how many buffers nobody took", lambda _: str(self._lost)),
        )

    @property
    def where(self) -> str:
        return "samples on standard output" if self._link is None else f"samples on the pipe {self._link}"

    async def run(self, ready: Ready) -> None:
        if self._link is not None:
            self._make_pipe(self._link)
        elif stat.S_ISFIFO(os.fstat(1).st_mode):
            os.set_blocking(1, False)
        out: int | None = 1 if self._link is None else None
        ready()
        start, chunks = self._world.monotonic(), 0
        try:
            while True:
                chunks += 1
                await self._world.sleep_until(start + chunks * _CHUNK_MS)
                data = self._microphone.read(self._microphone.rate * _CHUNK_MS // 1_000)
                if self._drop:
                    self._drop -= 1
                    continue
                if self._link is not None and out is None:
                    out = self._reader(self._link)
                if out is not None:
                    try:
                        self._put(out, data)
                    except BrokenPipeError:
                        if self._link is None:
                            return
                        os.close(out)
                        out, self._rest = None, b""
        finally:
            if self._link is not None:
                if out is not None:
                    os.close(out)
                self._link.unlink(missing_ok=True)

    def poke(self) -> None:
        """What it hears from now on is in the next buffer."""

    def _make_pipe(self, link: Path) -> None:
        if link.exists() and not link.is_fifo():
            raise LinkError(f"{link}: something that is no named pipe stands there")
        link.unlink(missing_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(link)

    def _reader(self, link: Path) -> int | None:
        """The pipe, if somebody reads it."""
        try:
            return os.open(link, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None

    def _put(self, out: int, data: bytes) -> None:
        """Write whole buffers: of one that was begun the rest goes first."""
        try:
            if self._rest:
                self._rest = self._rest[os.write(out, self._rest) :]
            if self._rest:
                self._lost += 1
            else:
                self._rest = data[os.write(out, data) :]
        except BlockingIOError:
            self._lost += 1

    def _drop_next(self, words: Words) -> None:
        self._drop = values.whole(1, 10_000)(words[0])


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--link", type=Path, metavar="PATH", help="named pipe to make; else standard output")
    parser.add_argument(
        "--rate",
        type=values.whole(8_000, 192_000),
        default=48_000,
        metavar="HZ",
        help="samples a second (48000)",
    )
    parser.add_argument("--format", choices=FORMATS, default="S32_LE", help="of a sample (S32_LE)")
    parser.add_argument("--channels", type=values.whole(1, 8), default=1, metavar="N", help="1 to 8 (1)")
    parser.add_argument("--channel", type=values.whole(1, 8), default=1, metavar="N", help="that hears (1)")
    parser.add_argument(
        "--full-scale-db", type=_level, default=FULL_SCALE_DB, metavar="DB", help="peak at full scale (123)"
    )
    parser.add_argument("--floor", type=_level, default=FLOOR_DB, metavar="DB", help="its own noise (33)")
    parser.add_argument("--tone", type=_tone, action="append", default=[], metavar="HZ:DB", help="a sine")
    parser.add_argument("--noise", type=_level, metavar="DB", help="white noise in the room")
    parser.add_argument("--wav", type=Path, metavar="FILE", help="PCM of the same rate, round and round")
    parser.add_argument(
        "--wav-gain",
        type=_gain,
        default=0.0,
        metavar="DB",
        help="at 0 its full scale is the microphone's (0)",
    )


@kind("microphone", "PCM microphone: tones, noise, a WAV file, as raw samples like arecord's", _options)
def make(options: argparse.Namespace, world: World) -> PcmAlone:
    """The microphone, with what it hears."""
    if options.channel > options.channels:
        raise ValueError("--channel is one of --channels")
    if options.link is None and sys.stdout.isatty():
        raise ValueError("samples do not go to a terminal: name a pipe with --link, or use one")
    options.quiet_stdout = True
    microphone = Microphone(
        world.random_bytes,
        rate=options.rate,
        form=options.format,
        channels=options.channels,
        channel=options.channel - 1,
        full_scale_db=options.full_scale_db,
        floor_db=options.floor,
    )
    microphone.tones = dict(options.tone)
    microphone.noise_db = options.noise
    microphone.wave_gain_db = options.wav_gain
    if options.wav is not None:
        microphone.wave = Wave(options.wav, options.rate)

    def tone(words: Words) -> None:
        hertz, level = _hertz(words[0]), None if words[1] == "off" else _level(words[1])
        if level is None:
            microphone.tones.pop(hertz, None)
        else:
            microphone.tones[hertz] = level

    def noise(words: Words) -> None:
        microphone.noise_db = None if words[0] == "off" else _level(words[0])

    def play(words: Words) -> None:
        microphone.wave = None if words[0] == "off" else Wave(Path(words[0]), options.rate)

    def gain(words: Words) -> None:
        microphone.gain_db = _gain(words[0])

    def offset(words: Words) -> None:
        microphone.offset = values.real(-1, 1)(words[0])

    def unplug(words: Words) -> None:
        microphone.dead = not words or values.on_off(words[0])

    def channel(words: Words) -> None:
        microphone.channel = values.whole(1, options.channels)(words[0]) - 1

    orders = (
        Order("tone", "HZ DB|off", "a sine; 50 is the hum of the mains", tone, 2, 2),
        Order("noise", "DB|off", "white noise in the room", noise, 1, 1),
        Order("wav", "FILE|off", "play a recording, round and round", play, 1, 1),
        Order("gain", "DB", "so much more sensitive than it should be", gain, 1, 1),
        Order("offset", "SHARE", "a constant part, -1 to 1 of full scale", offset, 1, 1),
        Order("unplug", "[on|off]", "its data line: nothing but zeros", unplug, 0, 1),
        Order("channel", "N", "the channel that hears", channel, 1, 1),
    )
    return PcmAlone(microphone, options.link, world, orders)
