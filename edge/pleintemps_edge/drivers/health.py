"""Says how a device is: on change only, with one line in the log when it goes and one when it is back."""

import logging
from typing import Final

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.logs import line

from .base import Emit, HealthChanged

_LOG: Final = logging.getLogger(__name__)


class HealthReporter:
    """The health of one device, as its driver sees it."""

    def __init__(self, device: str, emit: Emit) -> None:
        self._device = device
        self._emit = emit
        self._health: Health | None = None

    @property
    def ok(self) -> bool:
        """Whether the last word was ``ok``."""
        return self._health is Health.OK

    def report(self, health: Health, detail: str = "") -> None:
        """Say ``health`` if it is news; ``detail`` is a few words for a person."""
        if health == self._health:
            return
        if health is not Health.OK:
            _LOG.warning(line("device-down", device=self._device, health=health, detail=detail))
        elif self._health is not None:
            _LOG.info(line("device-back", device=self._device))
        self._health = health
        self._emit(HealthChanged(self._device, health, detail[:200]))
