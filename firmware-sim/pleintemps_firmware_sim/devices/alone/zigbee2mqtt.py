"""Zigbee2MQTT with one lock, alone."""

import argparse

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.zigbee2mqtt import LOCKED, UNLOCKED, Zigbee2MqttLock

from . import values
from .mqtt_rim import MqttAlone, add_broker, switch, topic
from .registry import Order, Words, kind

_states = values.word({"locked": LOCKED, "unlocked": UNLOCKED})


def _options(parser: argparse.ArgumentParser) -> None:
    add_broker(parser)
    parser.add_argument("--name", type=topic, default="front", help="friendly name of the lock (front)")
    parser.add_argument("--base", type=topic, default="zigbee2mqtt", metavar="TOPIC", help="(zigbee2mqtt)")
    parser.add_argument("--state", type=_states, default=LOCKED, help="locked or unlocked (locked)")
    parser.add_argument(
        "--via-between", action="store_true", help="it reports not_fully_locked while its bolt runs"
    )
    parser.add_argument("--expose-pin", action="store_true", help="the bridge shows codes")


@kind("zigbee2mqtt", "Zigbee2MQTT with one Zigbee door lock", _options)
def make(options: argparse.Namespace, world: World) -> MqttAlone:
    """The bridge and its lock, with hands at it."""
    lock = Zigbee2MqttLock(
        options.name,
        base=options.base,
        lock_state=options.state,
        via_between=options.via_between,
        expose_pin=options.expose_pin,
    )

    def turn(words: Words) -> None:
        lock.turn(_states(words[0]) == LOCKED, world.monotonic())

    def wrong(_: Words) -> None:
        lock.wrong_code(world.monotonic())

    def program(_: Words) -> None:
        lock.program(world.monotonic())

    def battery(words: Words) -> None:
        lock.battery(values.whole(0, 100)(words[0]), world.monotonic())

    def available(words: Words) -> None:
        lock.available(values.on_off(words[0]), world.monotonic())

    orders = (
        Order("turn", "locked|unlocked", "somebody turns the knob", turn, 1, 1),
        Order("wrong-code", "", "a wrong code at the lock's own keypad", wrong),
        Order("program", "", "somebody adds a code at the lock", program),
        Order("battery", "PERCENT", "the battery reports", battery, 1, 1),
        Order("available", "on|off", "what the bridge says of its radio", available, 1, 1),
        switch(lock, "jammed", "jam", "its bolt does not come out"),
        switch(lock, "deaf", "deaf", "its radio is out of reach"),
        switch(lock, "keeps_cleared", "keep-cleared", "it goes on taking codes that were cleared"),
    )
    return MqttAlone(lock, options.broker, world, orders)
