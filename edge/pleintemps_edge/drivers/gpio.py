"""Pins for drivers: taken through gpiozero, so that ``GPIOZERO_PIN_FACTORY`` decides what they are."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any, Final, Literal

from gpiozero import Device, DigitalOutputDevice, GPIOZeroError, InputDevice
from gpiozero.pins import Factory
from msgspec import Meta

from pleintemps_contract.errors import ConfigError
from pleintemps_edge.errors import LockError

_PIN_ERRORS: tuple[type[Exception], ...] = (GPIOZeroError, OSError)
try:
    import lgpio
    from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin
except (ImportError, OSError):  # only a Pi has it; the module may be there without its shared object
    LGPIOFactory = None
else:
    _PIN_ERRORS = (*_PIN_ERRORS, lgpio.error)

    class SteadyPin(LGPIOPin):  # type: ignore[misc]
        """Becomes an output at its level at once; gpiozero's own is low first and would pulse a relay."""

        def output_with_state(self, state: bool) -> None:
            lgpio.gpio_claim_output(self.factory._handle, self._number, int(state))


PinNumber = Annotated[int, Meta(ge=0, le=53)]
"""BCM number; the board's profile says which are on its header."""
Level = Literal["high", "low"]
Pull = Literal["up", "down", "none"]

_PULL_UP: Final[dict[str, bool | None]] = {"up": True, "down": False, "none": None}


def open_input(device: str, pin: int, pull: Pull, factory: Factory | None) -> Any:
    """A gpiozero InputDevice; raises ConfigError that names device and pin."""
    try:
        floating = True if pull == "none" else None
        return InputDevice(pin, pull_up=_PULL_UP[pull], active_state=floating, pin_factory=factory)
    except _PIN_ERRORS as error:
        raise ConfigError(f"device {device}: pin {pin}: {error}") from error


def open_output(device: str, pin: int, active: Level, on: bool, factory: Factory | None) -> Any:
    """A gpiozero DigitalOutputDevice, on or off from the start; raises ConfigError naming device and pin."""
    try:
        if factory is None:
            Device.ensure_pin_factory()
            factory = Device.pin_factory
        real = getattr(factory, "real", factory)  # while it is recorded it is wrapped
        if LGPIOFactory is not None and isinstance(real, LGPIOFactory):
            real.pin_class = SteadyPin
        return DigitalOutputDevice(pin, active_high=active == "high", initial_value=on, pin_factory=factory)
    except _PIN_ERRORS as error:
        raise ConfigError(f"device {device}: pin {pin}: {error}") from error


def put(device: str, output: Any, on: bool) -> None:
    """Switch an output; raises LockError that names the device if the pin does not obey."""
    try:
        output.value = on
    except _PIN_ERRORS as error:
        raise LockError(f"device {device}: {error}") from error


def give_back(output: Any, on: bool) -> None:
    """Give an output back at this level, as far as the pin obeys."""
    with suppress(*_PIN_ERRORS):
        output.value = on
    with suppress(*_PIN_ERRORS):
        output.close()


@contextmanager
def edges(
    source: Any, which: Literal["both", "falling"], take: Callable[[Any, bool], None]
) -> Iterator[None]:
    """While inside, every edge of ``source`` calls ``take(ticks, level)`` on the running event loop.

    ``ticks`` is the edge's own time, opaque: compare with the factory's ``ticks_diff``.
    """
    loop = asyncio.get_running_loop()

    def changed(ticks: Any, state: Any) -> None:  # in whatever thread the factory has
        loop.call_soon_threadsafe(take, ticks, bool(state))

    source.pin.edges = which
    source.pin.when_changed = changed  # gpiozero keeps a weak reference: this frame holds the strong one
    try:
        yield
    finally:
        source.pin.when_changed = None
