"""Nuki lock on MQTT, alone."""

import argparse

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.nuki import DoorSensor, NukiLock, State

from . import values
from .mqtt_rim import MqttAlone, add_broker, counter, switch, topic
from .registry import Order, Words, kind

_states = values.word({"locked": State.LOCKED, "unlocked": State.UNLOCKED})
_turns = values.word({"locked": True, "unlocked": False})
_doors = values.word({sensor.name.lower(): sensor for sensor in DoorSensor})


def _id(text: str) -> str:
    if not 1 <= len(text) <= 16 or not set(text) <= set("0123456789ABCDEFabcdef"):
        raise argparse.ArgumentTypeError(f"{text!r} is no identifier in hexadecimal digits")
    return text


def _options(parser: argparse.ArgumentParser) -> None:
    add_broker(parser)
    parser.add_argument("--id", type=_id, default="3BAD1234", metavar="HEX", help="of the lock (3BAD1234)")
    parser.add_argument("--base", type=topic, default="nuki", metavar="TOPIC", help="(nuki)")
    parser.add_argument("--state", type=_states, default=State.LOCKED, help="locked or unlocked (locked)")


@kind("nuki", "Nuki lock with its own MQTT (API 1.4)", _options)
def make(options: argparse.Namespace, world: World) -> MqttAlone:
    """The lock, with hands at its knob and its door."""
    lock = NukiLock(options.id, base=options.base, state=options.state)

    def turn(words: Words) -> None:
        lock.turn(_turns(words[0]), world.monotonic())

    def door(words: Words) -> None:
        lock.swing(_doors(words[0]), world.monotonic())

    def battery(_: Words) -> None:
        lock.drain(world.monotonic())

    def boot(_: Words) -> None:
        lock.become(State.BOOT, world.monotonic())
        lock.become(options.state, world.monotonic() + 1_000)

    orders = (
        Order("turn", "locked|unlocked", "somebody turns the knob", turn, 1, 1),
        Order("door", "closed|open|...", "what its door sensor sees", door, 1, 1),
        Order("battery", "", "its battery becomes critical", battery),
        Order("boot", "", "it starts anew", boot),
        switch(lock, "jammed", "jam", "its motor is blocked"),
        switch(lock, "deaf", "deaf", "it hears no command"),
        counter(lock, "lose_answers", "lose", "its next N answers are lost"),
    )
    return MqttAlone(lock, options.broker, world, orders)
