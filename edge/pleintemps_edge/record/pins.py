"""Pins that are listened in on: gpiozero's factory with a wrapper around each pin."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from gpiozero import Device


class Seen(NamedTuple):
    """A level of a pin; ``us`` when the edge happened, microseconds since the factory was wrapped, None for a
    level that was only read.
    """

    pin: int
    level: int
    us: int | None
    out: bool


Tell = Callable[[Seen], None]


class TappedPin:
    """Everything of ``pin`` but what is told."""

    __slots__ = ("_changed", "_factory", "_known", "_number", "_pin", "_tell")

    def __init__(self, pin: Any, number: int, factory: Any, tell: Tell) -> None:
        for name, value in (
            ("_pin", pin),
            ("_number", number),
            ("_factory", factory),
            ("_tell", tell),
            ("_known", None),
            ("_changed", None),
        ):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._pin, name)
        if name == "state" and self._pin.function == "input":
            self._note(int(bool(value)), None)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "when_changed" and value is not None:
            value = self._listening(value)
        if name == "state":
            self._note(int(bool(value)), self._factory.now_us(), out=True)
        setattr(self._pin, name, value)

    def output_with_state(self, state: bool) -> None:
        """Drive it from now on."""
        self._note(int(bool(state)), self._factory.now_us(), out=True)
        self._pin.output_with_state(state)

    def _listening(self, take: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def changed(ticks: Any, state: Any) -> None:  # in whatever thread the factory has
            self._note(int(bool(state)), self._factory.us_of(ticks), edge=True)
            take(ticks, state)

        object.__setattr__(self, "_changed", changed)  # gpiozero keeps a weak reference
        return changed

    def _note(self, level: int, us: int | None, *, out: bool = False, edge: bool = False) -> None:
        if edge or level != self._known:
            object.__setattr__(self, "_known", level)
            self._tell(Seen(self._number, level, us, out))


class TappedFactory:
    """``factory`` with pins that tell; None is gpiozero's default."""

    def __init__(self, factory: Any, tell: Tell) -> None:
        if factory is None:
            Device.ensure_pin_factory()
            factory = Device.pin_factory
        self.real = factory
        self._tell = tell
        self._lock = threading.Lock()
        self._last = factory.ticks()
        self._us = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def pin(self, name: Any) -> TappedPin:
        """One pin by its BCM number."""
        return TappedPin(self.real.pin(name), int(name), self, self._tell)

    def now_us(self) -> int:
        """Microseconds since the factory was wrapped, by the clock of its edges."""
        return self.us_of(self.real.ticks())

    def us_of(self, ticks: Any) -> int:
        """The same for the ticks of an edge."""
        with self._lock:
            after, before = self.real.ticks_diff(ticks, self._last), self.real.ticks_diff(self._last, ticks)
            # ticks may wrap and edges come in any order: the shorter way round is true
            self._us += 1_000_000 * (after if abs(after) <= abs(before) else -before)
            self._last = ticks
            return round(self._us)
