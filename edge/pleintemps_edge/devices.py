"""The devices of one agent, made from their tables and sorted by what they can do."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from .drivers import registry
from .drivers.base import Driver, Lock, Panel, Reader, SeriesSpec, Signal
from .drivers.registry import Made


def _is_lock(device: Made) -> TypeGuard[Lock]:
    return hasattr(device, "release")


def _is_reader(device: Made) -> TypeGuard[Reader]:
    return hasattr(device, "show")


def _is_panel(device: Made) -> TypeGuard[Panel]:
    return hasattr(device, "unset")


def _is_signal(device: Made) -> TypeGuard[Signal]:
    return hasattr(device, "warn")


def _is_driver(device: Made) -> TypeGuard[Driver]:
    return hasattr(device, "run")


class Devices:
    """All devices by name; one may be of several kinds. ``readers`` are those that can show something."""

    def __init__(
        self, tables: Sequence[Mapping[str, Any]], context: registry.Context, holding: Container[str]
    ) -> None:
        """Takes the pins; raises ConfigError. ``holding`` are locks that must stay idle: a fire that nobody
        has confirmed as over.
        """
        self.drivers: dict[str, str] = {}
        self.observers: list[Driver] = []
        self.locks: dict[str, Lock] = {}
        self.readers: dict[str, Reader] = {}
        self.panels: dict[str, Panel] = {}
        self.signals: dict[str, Signal] = {}
        for table in tables:
            device = registry.build(table, replace(context, idle=table["device"] in holding))
            self.drivers[device.device] = str(table["driver"])
            if _is_lock(device):
                self.locks[device.device] = device
            if _is_driver(device):
                self.observers.append(device)
            if _is_reader(device):
                self.readers[device.device] = device
            if _is_panel(device):
                self.panels[device.device] = device
            if _is_signal(device):
                self.signals[device.device] = device

    @property
    def series(self) -> list[SeriesSpec]:
        return [spec for device in self.observers for spec in device.series]
