"""Outputs on a Pi's own pins: the level that lgpio claims is the first one there is."""

import importlib.util
import sys
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from pleintemps_edge.drivers import gpio


class Chip(ModuleType):
    """Stands in for the C library ``lgpio``: remembers the levels of an output, claimed or written."""

    RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 1, 2, 3
    SET_PULL_UP, SET_PULL_DOWN, SET_PULL_NONE = 32, 64, 128
    error = type("error", (Exception,), {})

    def __init__(self) -> None:
        super().__init__("lgpio")
        self.levels: list[int] = []
        self._mode = 0

    def gpiochip_open(self, _chip: int) -> int:
        return 1

    def gpiochip_close(self, _handle: int) -> None:
        pass

    def gpio_claim_input(self, _handle: int, _gpio: int, _flags: int = 0) -> None:
        self._mode = 0

    def gpio_claim_output(self, _handle: int, _gpio: int, level: int = 0, _flags: int = 0) -> None:
        self._mode = 1 << 1
        self.levels.append(level)

    def gpio_get_mode(self, _handle: int, _gpio: int) -> int:
        return self._mode

    def gpio_write(self, _handle: int, _gpio: int, level: int) -> None:
        self.levels.append(int(level))


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> Chip:
    chip = Chip()
    monkeypatch.setitem(sys.modules, "lgpio", chip)
    # the real module may be there on a Pi; put back what was
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", None)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio")
    return chip


def gpio_anew() -> Any:
    """The module as it is where it is imported now."""
    assert gpio.__file__
    spec = importlib.util.spec_from_file_location(gpio.__name__, gpio.__file__)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def gpio_on_a_pi(chip: Chip) -> Any:
    """The module as it is where lgpio can be imported."""
    return gpio_anew()


class Broken(MetaPathFinder):
    """An ``lgpio`` that is installed and cannot be loaded."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "lgpio":
            raise OSError("liblgpio.so.1: cannot open shared object file")


def test_a_library_that_cannot_be_loaded_leaves_the_other_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lgpio", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    factory = MockFactory()
    output = gpio_anew().open_output("hall-strike", 27, "high", True, factory)
    assert factory.pin(27).state
    output.close()
    factory.close()


@pytest.mark.parametrize("active", ["high", "low"])
def test_an_output_is_never_at_another_level_first(chip: Chip, gpio_on_a_pi: Any, active: str) -> None:
    from gpiozero.pins.lgpio import LGPIOFactory

    class FourB(LGPIOFactory):  # type: ignore[misc]
        def _get_revision(self) -> int:
            return 0xC03112

    factory = FourB(chip=0)
    output = gpio_on_a_pi.open_output("hall-strike", 27, active, False, factory)
    output.on()
    output.off()
    off, on = (0, 1) if active == "high" else (1, 0)
    assert chip.levels == [off, on, off]
    output.close()
    factory.close()
