"""What the radars' orders have in common."""

import argparse

from pleintemps_firmware_sim.devices.hilink import CommandLine

from . import values
from .registry import Order, Words


def version(text: str) -> tuple[int, int, int]:
    """``2.44.25070917`` as major, minor and build; the digits are hexadecimal."""
    try:
        major, minor, build = (int(part, 16) for part in text.removeprefix("V").split("."))
    except ValueError:
        major = minor = build = -1
    if not (0 <= major <= 0xFF and 0 <= minor <= 0xFF and 0 <= build <= 0xFFFF_FFFF):
        raise argparse.ArgumentTypeError(f"{text!r} is no version such as 2.44.25070917")
    return major, minor, build


def line_orders(line: CommandLine) -> tuple[Order, ...]:
    """Faults of the command side."""

    def refuse(words: Words) -> None:
        line.refusing = values.on_off(words[0])

    def mute(words: Words) -> None:
        line.mute = values.on_off(words[0])

    return (
        Order("refuse", "on|off", "every command fails", refuse, 1, 1),
        Order("no-ack", "on|off", "commands are obeyed and not answered", mute, 1, 1),
    )
