"""Clock chip DS3231, alone: on an I2C bus behind a serial bridge."""

import argparse
from datetime import UTC, datetime

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.ds3231 import ADDRESS, Ds3231
from pleintemps_firmware_sim.devices.i2c_bridge import BAUD, I2cBridge

from . import values
from .registry import Order, Words, kind
from .serial_rim import SerialAlone, add_serial

_ppm = values.real(-100_000, 100_000)
_seconds = values.real(-3_000_000_000, 3_000_000_000)


def _options(parser: argparse.ArgumentParser) -> None:
    add_serial(parser)
    parser.add_argument(
        "--off", type=_seconds, default=0.0, metavar="SECONDS", help="how much it is ahead of the clock (0)"
    )
    parser.add_argument("--drift", type=_ppm, default=0.0, metavar="PPM", help="how much it runs fast (0)")
    parser.add_argument("--stopped", action="store_true", help="its oscillator has stopped before (OSF)")


@kind("rtc", "clock chip DS3231 (I2C address 68) behind a serial bridge SC18IM700", _options)
def make(options: argparse.Namespace, world: World) -> SerialAlone:
    """The chip on its bridge, with its battery and supply in a tester's hand."""
    chip = Ds3231(world.now() + round(options.off * 1_000), world.monotonic(), ppm=options.drift)
    if options.stopped:
        chip.stop()
    bridge = I2cBridge({ADDRESS: chip}, world.monotonic())

    def show(_: Words) -> str:
        then = datetime.fromtimestamp(chip.time(world.monotonic()) // 1_000, UTC)
        flag = "has stopped" if chip.stopped else "never stopped"
        return f"{then:%Y-%m-%d %H:%M:%S} UTC, oscillator {flag}, {'runs' if chip.runs else 'stands'}"

    def step(words: Words) -> str:
        now = world.monotonic()
        chip.set_time(chip.time(now) + round(_seconds(words[0]) * 1_000), now)
        return show(())

    def drift(words: Words) -> None:
        chip.drift(_ppm(words[0]), world.monotonic())

    def supply(words: Words) -> str:
        chip.supply(values.on_off(words[0]), world.monotonic())
        return show(())

    def battery(words: Words) -> str:
        chip.battery(values.on_off(words[0]), world.monotonic())
        return show(())

    def stop(_: Words) -> None:
        chip.stop()

    def warm(words: Words) -> None:
        chip.warm(values.real(-40, 85)(words[0]))

    orders = (
        Order("time", "", "what it says", show),
        Order("step", "SECONDS", "it is so much further ahead", step, 1, 1),
        Order("drift", "PPM", "how much it runs fast", drift, 1, 1),
        Order("supply", "on|off", "its main supply", supply, 1, 1),
        Order("battery", "on|off", "its battery; without both it forgets", battery, 1, 1),
        Order("stop", "", "the oscillator stops for a moment", stop),
        Order("warm", "CELSIUS", "its temperature", warm, 1, 1),
    )
    return SerialAlone(bridge, options.link, world, lambda: BAUD, orders)
