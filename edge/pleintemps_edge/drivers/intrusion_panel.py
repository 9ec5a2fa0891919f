"""The building's own intrusion alarm: relays on its key inputs that ask, contacts of it that tell."""

import asyncio
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from pleintemps_contract.agent_messages import Health, PanelState
from pleintemps_edge.sensing.debounce import Changed, Effect, Flap
from pleintemps_edge.waiting import wait_until

from .base import Emit, PanelReported
from .contact import follow
from .gpio import Level, PinNumber, Pull, open_input, open_output
from .health import HealthReporter
from .registry import Context, DeviceConfig, driver

_GAP_MS: Final = 100
"""Between two pulses, so that they are two."""


class IntrusionPanelConfig(DeviceConfig, frozen=True, kw_only=True):
    """``ask`` is how the panel wants it: ``pulse`` of ``pulse_ms`` on ``set_pin`` or on ``unset_pin``, or the
    ``level`` of ``set_pin``, on for set. ``energise`` is the level that switches a relay on.

    ``state_pin`` tells whether the panel is set, ``ready_pin`` whether it could be, ``alarm_pin`` an alarm.
    The defaults suit contacts to ground that are open when set and in alarm, and closed when ready: a cut
    wire reads as set, as alarm, and as not ready.
    """

    ask: Literal["pulse", "level"] = "pulse"
    set_pin: PinNumber
    unset_pin: PinNumber | None = None
    energise: Level = "high"
    pulse_ms: Annotated[int, Meta(ge=50, le=5_000)] = 500
    state_pin: PinNumber
    set_when: Level = "high"
    ready_pin: PinNumber | None = None
    ready_when: Level = "low"
    alarm_pin: PinNumber | None = None
    alarm_when: Level = "high"
    pull: Pull = "up"

    def __post_init__(self) -> None:
        if len(set(self.pins())) != len(self.pins()):
            raise ValueError("one pin is named twice")
        if (self.ask == "pulse") != (self.unset_pin is not None):
            raise ValueError(
                '`unset_pin` goes with `ask` = "pulse": one that toggles cannot be used, nobody would know'
                " which way"
            )

    def pins(self) -> tuple[int, ...]:
        pins = (self.set_pin, self.unset_pin, self.state_pin, self.ready_pin, self.alarm_pin)
        return tuple(pin for pin in pins if pin is not None)


@driver("intrusion_panel", IntrusionPanelConfig, serves="panel")
class IntrusionPanel:
    """Asks on its outputs, tells what the panel's contacts say, debounced. While one of them flaps the state
    is unknown.

    Pulses start with nothing. A level starts where the panel is, and follows it when it is set or unset by
    other means, so that the next order is a change of level.
    """

    series = ()

    def __init__(self, config: IntrusionPanelConfig, context: Context) -> None:
        self.device = config.device
        self._config = config
        self._world = context.world
        self._line = context.line
        self._inputs: dict[str, tuple[Any, bool]] = {}
        self._known: dict[str, bool] = {}
        self._flapping: set[str] = set()
        self._said: tuple[PanelState, bool] | None = None
        self._asked: Any = None
        self._news = asyncio.Event()
        wired = {
            "set": (config.state_pin, config.set_when),
            "ready": (config.ready_pin, config.ready_when),
            "alarm": (config.alarm_pin, config.alarm_when),
        }
        with ExitStack() as opened:
            for name, (pin, when) in wired.items():
                if pin is not None:
                    source = open_input(config.device, pin, config.pull, context.pin_factory)
                    self._inputs[name] = (opened.enter_context(source), when == "high")
            source, level = self._inputs["set"]
            is_set = config.ask == "level" and bool(source.pin.state) == level
            self._set = opened.enter_context(
                open_output(config.device, config.set_pin, config.energise, is_set, context.pin_factory)
            )
            self._unset: Any = None
            if config.unset_pin is not None:
                output = open_output(
                    config.device, config.unset_pin, config.energise, False, context.pin_factory
                )
                self._unset = opened.enter_context(output)
            self._opened = opened.pop_all()

    def set(self) -> None:
        """Ask the panel to arm."""
        self._ask(True)

    def unset(self) -> None:
        """Ask the panel to disarm."""
        self._ask(False)

    async def run(self, emit: Emit) -> None:
        health = HealthReporter(self.device, emit)
        health.report(Health.OK)
        with self._opened:
            async with asyncio.TaskGroup() as group:
                for name, (source, _) in self._inputs.items():
                    say = partial(self._take, name, emit, health)
                    group.create_task(follow(source, self._world, say))
                group.create_task(self._pulse())

    def _ask(self, wish: bool) -> None:
        if self._unset is None:
            self._set.value = wish
        else:
            self._asked = self._set if wish else self._unset
            self._news.set()

    async def _pulse(self) -> None:
        while True:
            self._news.clear()
            output, self._asked = self._asked, None
            if output is None:
                await self._news.wait()
                continue
            output.on()
            try:  # what is asked meanwhile is younger, and ends this one
                await wait_until(self._line, self._news, self._line.monotonic() + self._config.pulse_ms)
            finally:
                output.off()
            await self._line.sleep_until(self._line.monotonic() + _GAP_MS)

    def _take(self, name: str, emit: Emit, health: HealthReporter, effect: Effect) -> None:
        if isinstance(effect, Changed):
            self._known[name] = effect.level == self._inputs[name][1]
        elif effect is Flap.FLAPPING:
            self._flapping.add(name)
            health.report(Health.ERROR, f"contact flapping: {name}")
        else:
            self._flapping.discard(name)
            if not self._flapping:
                health.report(Health.OK)
        if len(self._known) == len(self._inputs):
            self._tell(emit)

    def _tell(self, emit: Emit) -> None:
        before = self._said
        said = (self._state(), "ready" not in self._flapping and self._known.get("ready", True))
        if said == before:
            return
        self._said = said
        news = before is None or said[0] is not before[0]
        if self._unset is None and news and said[0] in (PanelState.SET, PanelState.UNSET):
            self._set.value = said[0] is PanelState.SET
        emit(PanelReported(self.device, *said, self._world.monotonic()))

    def _state(self) -> PanelState:
        if self._flapping & {"set", "alarm"}:
            return PanelState.UNKNOWN
        if self._known.get("alarm", False):
            return PanelState.ALARM
        return PanelState.SET if self._known["set"] else PanelState.UNSET
