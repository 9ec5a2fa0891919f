"""Shelly relay on MQTT, alone."""

import argparse

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.shelly import ShellyRelay

from . import values
from .mqtt_rim import MqttAlone, add_broker, counter, switch, topic
from .registry import Order, Words, kind


def _options(parser: argparse.ArgumentParser) -> None:
    add_broker(parser)
    parser.add_argument(
        "--prefix", type=topic, default="shellyplus1-a8032ab12345", metavar="TOPIC", help="of its topics"
    )
    parser.add_argument(
        "--initial-state", choices=("off", "on"), default="off", help="of its output at power-up (off)"
    )
    parser.add_argument("--no-rpc-ntf", action="store_true", help="no notifications of changes")
    parser.add_argument("--no-rpc", action="store_true", help="it answers no request")
    parser.add_argument("--status-ntf", action="store_true", help="its full status at each change")


@kind("shelly", "Shelly relay of the second generation on MQTT", _options)
def make(options: argparse.Namespace, world: World) -> MqttAlone:
    """The relay, with a finger at its button."""
    relay = ShellyRelay(
        options.prefix,
        initial_state=options.initial_state,
        rpc_ntf=not options.no_rpc_ntf,
        enable_rpc=not options.no_rpc,
        status_ntf=options.status_ntf,
    )

    def press(words: Words) -> None:
        relay.press(values.on_off(words[0]), world.monotonic())

    def restart(_: Words) -> None:
        relay.power_cycle(world.monotonic())

    def output(_: Words) -> str:
        return "on" if relay.output else "off"

    orders = (
        Order("output", "", "what its output is", output),
        Order("press", "on|off", "somebody uses its button", press, 1, 1),
        Order("restart", "", "take its supply for a moment", restart),
        switch(relay, "twice", "twice", "it sends everything twice"),
        switch(relay, "deaf", "deaf", "it hears nothing"),
        counter(relay, "lose_answers", "lose", "its next N answers are lost"),
    )
    return MqttAlone(relay, options.broker, world, orders)
