"""Sound level meter on Modbus RTU, alone."""

import argparse

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.modbus_sound import MODELS, ModbusSoundMeter

from . import values
from .registry import Order, Words, kind
from .serial_rim import SerialAlone, add_serial

_BAUDS = (2400, 4800, 9600)
_level = values.real(0, 200)


def _options(parser: argparse.ArgumentParser) -> None:
    add_serial(parser)
    models = "; ".join(f"{name}: {model.what}" for name, model in MODELS.items())
    parser.add_argument("--model", choices=tuple(MODELS), default="taidacent", help=models)
    parser.add_argument("--address", type=values.whole(1, 247), metavar="N", help="else the model's")
    parser.add_argument("--baud", type=int, choices=_BAUDS, help="else the model's")
    parser.add_argument("--level", type=_level, default=45.0, metavar="DB", help="at the microphone (45)")
    parser.add_argument(
        "--delay", type=values.whole(0, 5_000), metavar="MS", help="from request to answer, else the model's"
    )


@kind("modbus-sound", "sound level meter on RS-485, Modbus RTU", _options)
def make(options: argparse.Namespace, world: World) -> SerialAlone:
    """The meter with what happens to it and to its line."""
    meter = ModbusSoundMeter(
        MODELS[options.model], address=options.address, baud=options.baud, delay_ms=options.delay
    )
    meter.hear(options.level)

    def level(words: Words) -> str:
        meter.hear(_level(words[0]))
        return f"{meter.level:.1f} dB"

    def mute(words: Words) -> None:
        meter.mute(values.on_off(words[0]))

    def freeze(words: Words) -> None:
        meter.freeze(values.on_off(words[0]))

    def echo(words: Words) -> None:
        meter.echo(values.on_off(words[0]))

    def damage(words: Words) -> None:
        meter.damage(values.whole(0, 1_000)(words[0]))

    def halve(words: Words) -> None:
        meter.halve(values.whole(0, 1_000)(words[0]))

    def except_(words: Words) -> None:
        meter.refuse(values.whole(1, 255)(words[0]), values.whole(0, 1_000)(words[1]))

    def late(words: Words) -> None:
        meter.delay_ms = values.whole(0, 60_000)(words[0])

    def restart(_: Words) -> None:
        meter.restart(world.monotonic())

    orders = (
        Order("level", "DB", "the level at the microphone from now on", level, 1, 1),
        Order("mute", "on|off", "answer nothing, as without supply", mute, 1, 1),
        Order("freeze", "on|off", "show the same value whatever is heard", freeze, 1, 1),
        Order("echo", "on|off", "the line gives each request back before the answer", echo, 1, 1),
        Order("damage", "N", "the next N answers have a wrong CRC", damage, 1, 1),
        Order("halve", "N", "the next N answers end in the middle", halve, 1, 1),
        Order("except", "CODE N", "the next N answers are exception CODE", except_, 2, 2),
        Order("delay", "MS", "from request to answer", late, 1, 1),
        Order("restart", "", "take its supply for a moment: a written address or baud counts then", restart),
    )
    return SerialAlone(meter, options.link, world, lambda: meter.baud, orders)
