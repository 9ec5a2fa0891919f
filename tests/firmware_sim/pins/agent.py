"""A small agent of its own process: gpiozero's ordinary devices, chosen by the environment only.

Reads orders on stdin, writes what it sees on stdout, one JSON line each.
"""

import json
import sys
from typing import Any

from gpiozero import DigitalInputDevice, DigitalOutputDevice


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


class Keypad:
    """Both data lines, at the level of pins, where edges have their ticks."""

    def __init__(self) -> None:
        self.lines = {name: DigitalInputDevice(pin, pull_up=True) for name, pin in (("d0", 23), ("d1", 24))}
        self.handlers = {name: self._handler(name) for name in self.lines}
        for name, device in self.lines.items():
            device.pin.edges = "both"
            device.pin.when_changed = self.handlers[name]

    def _handler(self, name: str) -> Any:
        def changed(ticks: float, state: bool) -> None:
            say(line=name, tick=ticks, level=int(state))

        return changed


def main() -> None:
    motion = DigitalInputDevice(17, pull_up=False)
    keypad = Keypad()
    motion.when_activated = lambda: say(motion=1)
    motion.when_deactivated = lambda: say(motion=0)
    strike = DigitalOutputDevice(27, initial_value=None)
    say(ready=True, motion=motion.value, d0=keypad.lines["d0"].pin.state, strike=strike.value)
    for order in sys.stdin:
        if order.strip() == "on":
            strike.on()
        elif order.strip() == "off":
            strike.off()


main()
