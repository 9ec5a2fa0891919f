"""Wiegand reader: keypad that sends one frame a key, cards, or both on one line; two pins, and those of its
lights and its sounder.
"""

import asyncio
from contextlib import ExitStack
from typing import Annotated, Any, Literal

from msgspec import Meta

from pleintemps_contract.agent_messages import Health
from pleintemps_edge.access.feedback import Light
from pleintemps_edge.sensing.wiegand import Card, CardBits, Edge, Formats, Heard, Key, KeyBits, Receiver

from .base import CardRead, Emit, Feedback, KeyPressed, Unreadable
from .gpio import Level, PinNumber, Pull, edges, open_input, open_output
from .health import HealthReporter
from .light_sound import Player
from .registry import Context, DeviceConfig, driver

_LIT: dict[str, tuple[Light, ...]] = {
    "led": ("red", "green", "amber"),
    "led_green": ("green", "amber"),
    "led_red": ("red", "amber"),
}
"""With which lights each lamp is on; the one of a reader with one lamp is on with any."""


class WiegandConfig(DeviceConfig, frozen=True, kw_only=True):
    """``bits`` is the length of a key's frame, 0 without keypad; ``cards`` are the lengths of cards.

    ``swap_star_hash`` is for readers that swap the two. ``buffered``: the keypad collects a code and sends it
    as a 26 bit card of ``code_facility``; such codes are refused, its cards are read. ``active`` is the
    level of the output pins that switches lamps and sounder on.
    """

    d0: PinNumber
    d1: PinNumber
    bits: KeyBits = 4
    cards: tuple[CardBits, ...] = ()
    swap_star_hash: bool = False
    buffered: bool = False
    code_facility: Annotated[int, Meta(ge=0, le=255)] = 0
    pull: Pull = "up"
    led: PinNumber | None = None
    led_green: PinNumber | None = None
    led_red: PinNumber | None = None
    buzzer: PinNumber | None = None
    active: Level = "low"

    def __post_init__(self) -> None:
        pins = self.pins()
        if self.d0 == self.d1:
            raise ValueError("`d0` and `d1` are the same pin")
        if len(set(pins)) != len(pins):
            raise ValueError("one pin is named twice")
        if len(set(self.cards)) != len(self.cards):
            raise ValueError("`cards` names a length twice")
        if self.buffered and self.bits:
            raise ValueError(
                "`buffered`: such a keypad cannot carry codes of 8 digits (65534 is its highest, and leading"
                " zeros are lost): set `bits` = 0 to read its cards only, or make the reader send each key"
            )
        if self.buffered and 26 not in self.cards:
            raise ValueError("`buffered`: it reads cards only, so name them: `cards` = [26]")
        if not self.bits and not self.cards:
            raise ValueError("`bits` is 0 and `cards` is empty: the reader sends nothing")
        if self.swap_star_hash and not self.bits:
            raise ValueError("`swap_star_hash` is for keypads: `bits` is 0")
        if self.code_facility and not self.buffered:
            raise ValueError("`code_facility` goes with `buffered`")
        if self.led is not None and (self.led_green is not None or self.led_red is not None):
            raise ValueError("`led` is the one lamp of a reader without `led_green` and `led_red`")

    def pins(self) -> tuple[int, ...]:
        outputs = (self.led, self.led_green, self.led_red, self.buzzer)
        return (self.d0, self.d1, *(pin for pin in outputs if pin is not None))

    @property
    def formats(self) -> Formats:
        return Formats(
            key_bits=self.bits,
            cards=self.cards,
            swap_star_hash=self.swap_star_hash,
            code_facility=self.code_facility if self.buffered else None,
        )


@driver("wiegand", WiegandConfig, serves="readers")
class Wiegand:
    """Keys, cards, and what came and was neither. Shows feedback on the pins that it has for that.

    A key is said 25 ms after its last edge, in real time; where the line carries cards, keys and cards are
    said 92 ms after theirs, for only then it is certain that nothing more of them is to come.
    """

    series = ()

    def __init__(self, config: WiegandConfig, context: Context) -> None:
        self.device = config.device
        self._world = context.world
        self._line = context.line
        self._receiver = Receiver(config.formats)
        self._origin: Any = None
        self._arrived = asyncio.Event()
        self._lamps: list[tuple[Any, tuple[Light, ...]]] = []
        self._buzzer: Any = None
        self._player = Player(context.line, self._put)
        with ExitStack() as opened:  # what was taken is given back if the rest cannot be had
            self._d0, self._d1 = (
                opened.enter_context(open_input(config.device, pin, config.pull, context.pin_factory))
                for pin in (config.d0, config.d1)
            )
            pins: dict[Literal["led", "led_green", "led_red"], int | None] = {
                "led": config.led,
                "led_green": config.led_green,
                "led_red": config.led_red,
            }
            for name, pin in pins.items():
                if pin is not None:
                    output = open_output(config.device, pin, config.active, False, context.pin_factory)
                    self._lamps.append((opened.enter_context(output), _LIT[name]))
            if config.buzzer is not None:
                output = open_output(config.device, config.buzzer, config.active, False, context.pin_factory)
                self._buzzer = opened.enter_context(output)
            self._opened = opened.pop_all()

    def show(self, feedback: Feedback) -> None:
        """Begin to show ``feedback``; a newer one ends it."""
        self._player.show(feedback)

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)
        with (
            self._opened,
            edges(self._d0, "falling", lambda ticks, _level: self._take(ticks, 0, health)),
            edges(self._d1, "falling", lambda ticks, _level: self._take(ticks, 1, health)),
        ):
            health.report(Health.OK)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._player.run())
                group.create_task(self._listen(emit, health))

    async def _listen(self, emit: Emit, health: HealthReporter) -> None:
        while True:
            self._arrived.clear()
            while (due := self._receiver.due()) is not None:
                await self._line.sleep_until(due)
                for heard in self._receiver.take(self._line.monotonic()):
                    self._say(heard, emit)
                if not self._receiver.noisy:
                    health.report(Health.OK)
            await self._arrived.wait()

    def _take(self, ticks: Any, bit: int, health: HealthReporter) -> None:
        if self._receiver.empty:
            self._origin = ticks
        edge = Edge(self._since_origin_us(ticks), bit, self._world.monotonic())
        self._receiver.feed(edge, self._line.monotonic())
        if self._receiver.noisy:
            health.report(Health.ERROR, "pulses without a pause")
        self._arrived.set()

    def _since_origin_us(self, ticks: Any) -> int:
        # ticks may wrap and the edge may be older than the first that arrived: the shorter way round is true
        ticks_diff = self._d0.pin_factory.ticks_diff
        after, before = ticks_diff(ticks, self._origin), ticks_diff(self._origin, ticks)
        seconds: float = after if abs(after) <= abs(before) else -before
        return round(1_000_000 * seconds)

    def _say(self, heard: Heard, emit: Emit) -> None:
        if isinstance(heard.what, Key):
            emit(KeyPressed(self.device, heard.what.key, heard.seen))
        elif isinstance(heard.what, Card):
            emit(CardRead(self.device, heard.what.card, heard.seen))
        else:
            emit(Unreadable(self.device, heard.what.reason, heard.seen))

    def _put(self, light: Light, sound: bool) -> None:
        for lamp, lit in self._lamps:
            lamp.value = light in lit
        if self._buzzer is not None:
            self._buzzer.value = sound
