"""Motion sensor, alone."""

import argparse

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.pir import MODELS, Pir, PirOnPin

from . import values
from .pins_rim import PinsAlone, add_pins, wiring
from .registry import Order, Words, kind

_stuck = values.word({"high": 1, "low": 0, "off": None})


def _options(parser: argparse.ArgumentParser) -> None:
    add_pins(parser, out=(17, "its output, high on motion"))
    models = "; ".join(f"{name}: {model.what}" for name, model in MODELS.items())
    parser.add_argument("--model", choices=tuple(MODELS), default="hc-sr501", help=models)
    parser.add_argument("--hold", type=values.real(0.3, 200), metavar="S", help="as the trimmer is set")
    parser.add_argument("--jumper", choices=("H", "L"), default="H", help="H: motion prolongs the hold (H)")
    parser.add_argument("--warm", action="store_true", help="it has been powered for long")
    parser.add_argument(
        "--false-pulses", type=values.whole(0, 3), default=0, metavar="N", help="during the warm-up (0)"
    )


@kind("pir", "motion sensor on a pin: HC-SR501, AM312, a node that sleeps", _options)
def make(options: argparse.Namespace, world: World) -> PinsAlone:
    """The sensor, with somebody before it."""
    model = MODELS[options.model]
    hold = model.hold_ms if options.hold is None else round(options.hold * 1_000)
    if not model.lowest_hold_ms <= hold <= model.highest_hold_ms:
        raise ValueError(f"--hold: {options.model} has {model.what}")

    def powered(warm: bool) -> Pir:
        return Pir(
            world.monotonic(),
            hold_ms=hold,
            block_ms=model.block_ms,
            warm_up_ms=0 if warm else model.warm_up_ms,
            false_pulses=0 if warm else options.false_pulses,
            retriggerable=options.jumper == "H",
            period_ms=model.period_ms,
            awake_ms=model.awake_ms,
        )

    sensor = PirOnPin(powered(options.warm), world.monotonic())

    def move(words: Words) -> None:
        seconds = values.real(0, 86_400)(words[0]) if words else 0.0
        sensor.move(world.monotonic(), round(seconds * 1_000))

    def stick(words: Words) -> None:
        sensor.stick(_stuck(words[0]))  # type: ignore[arg-type]

    def restart(_: Words) -> None:
        sensor.power(powered(False), world.monotonic())

    orders = (
        Order("move", "[SECONDS]", "somebody moves, once or for so long", move, 0, 1),
        Order("stick", "high|low|off", "its output stays there", stick, 1, 1),
        Order("restart", "", "take its supply for a moment: it warms up again", restart),
    )
    return PinsAlone(sensor, options, world, wiring(options, "out"), orders)
