"""The intrusion panel on mock pins: what it is asked, and what it says of itself."""

import asyncio
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from pleintemps_contract.agent_messages import Health, PanelState
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.drivers.base import PanelReported
from pleintemps_edge.drivers.intrusion_panel import IntrusionPanel
from pleintemps_edge.drivers.registry import Context
from pleintemps_edge.sensing.debounce import STABLE_MS, STEADY_MS, UNSETTLED_MS

from .running import Seen, built, running

SET_PIN, UNSET_PIN, STATE, READY, ALARM = 5, 6, 12, 13, 16
PULSES: dict[str, Any] = {
    "device": "alarm-panel",
    "driver": "intrusion_panel",
    "set_pin": SET_PIN,
    "unset_pin": UNSET_PIN,
    "state_pin": STATE,
    "ready_pin": READY,
    "alarm_pin": ALARM,
}
LEVEL: dict[str, Any] = {
    "device": "alarm-panel",
    "driver": "intrusion_panel",
    "ask": "level",
    "set_pin": SET_PIN,
    "state_pin": STATE,
}


class Contacts:
    """The panel's contacts to ground: open when set and in alarm, closed when ready."""

    def __init__(self, pins: MockFactory, armed: bool = False) -> None:
        self._pins = pins
        self.put(STATE, armed)
        self.put(READY, False)
        self.put(ALARM, False)

    def put(self, pin: int, high: bool) -> None:
        (self._pins.pin(pin).drive_high if high else self._pins.pin(pin).drive_low)()


def reports(seen: Seen) -> list[tuple[PanelState, bool]]:
    return [(report.state, report.ready) for report in seen.of(PanelReported)]


def outputs(pins: MockFactory) -> tuple[bool, bool]:
    return bool(pins.pin(SET_PIN).state), bool(pins.pin(UNSET_PIN).state)


def test_a_panel_says_what_its_contacts_say(context: Context, world: ManualWorld, pins: MockFactory) -> None:
    async def main() -> None:
        panel = built(context, IntrusionPanel, **PULSES)
        contacts = Contacts(pins)
        async with running(panel) as seen:
            await world.advance(STABLE_MS)
            assert seen.of(PanelReported) == [PanelReported("alarm-panel", PanelState.UNSET, True, STABLE_MS)]
            for pin, high in [(READY, True), (STATE, True), (ALARM, True), (ALARM, False), (STATE, False)]:
                contacts.put(pin, high)
                await world.advance(1_000)
        assert reports(seen)[1:] == [
            (PanelState.UNSET, False),
            (PanelState.SET, False),
            (PanelState.ALARM, False),
            (PanelState.SET, False),
            (PanelState.UNSET, False),
        ]
        assert seen.health == [Health.OK]

    asyncio.run(main())


def test_a_panel_without_more_contacts_is_ready_and_a_cut_wire_is_set(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        async with running(built(context, IntrusionPanel, **LEVEL)) as seen:
            await world.advance(STABLE_MS)
        assert reports(seen) == [(PanelState.SET, True)]

    asyncio.run(main())


def test_while_a_contact_flaps_the_state_is_unknown(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        panel = built(context, IntrusionPanel, **PULSES)
        contacts = Contacts(pins)
        async with running(panel) as seen:
            await world.advance(STABLE_MS)
            for n in range(2 * UNSETTLED_MS // 5 + 1):
                contacts.put(STATE, n % 2 == 0)
                await world.advance(5)
            assert reports(seen) == [(PanelState.UNSET, True), (PanelState.UNKNOWN, True)]
            await world.advance(STEADY_MS)
        assert reports(seen)[2:] == [(PanelState.SET, True)]
        assert seen.health == [Health.OK, Health.ERROR, Health.OK]

    asyncio.run(main())


def test_pulses_ask_one_at_a_time_and_the_younger_wins(
    context: Context, world: ManualWorld, pins: MockFactory
) -> None:
    async def main() -> None:
        panel = built(context, IntrusionPanel, **PULSES)
        Contacts(pins)
        assert outputs(pins) == (False, False)
        async with running(panel):
            await world.advance(1_000)
            panel.set()
            await world.advance(499)
            assert outputs(pins) == (True, False)
            await world.advance(1)
            assert outputs(pins) == (False, False)
            await world.advance(1_000)
            panel.set()
            await world.advance(10)
            panel.unset()
            await world.advance(0)
            assert outputs(pins) == (False, False)
            await world.advance(100)
            assert outputs(pins) == (False, True)
            await world.advance(500)
            assert outputs(pins) == (False, False)
            panel.set()
            await world.advance(150)
            assert outputs(pins) == (True, False)
        assert [state.state for state in pins.pin(SET_PIN).states] == [
            False,
            True,
            False,
            True,
            False,
            True,
            False,
        ]
        assert pins.pin(SET_PIN).function == "input"

    asyncio.run(main())


@pytest.mark.parametrize("armed", [False, True])
def test_a_level_starts_where_the_panel_is_and_follows_it(
    context: Context, world: ManualWorld, pins: MockFactory, armed: bool
) -> None:
    async def main() -> None:
        contacts = Contacts(pins)
        output = pins.pin(SET_PIN)
        output._state = armed  # the resistor of the relay board
        output.clear_states()
        pins.pin(STATE)._state = armed
        panel = built(context, IntrusionPanel, **LEVEL, pull="none")
        async with running(panel):
            await world.advance(1_000)
            assert [state.state for state in output.states] == [armed]
            panel.set()
            assert output.state
            contacts.put(STATE, True)
            await world.advance(1_000)
            assert output.state
            contacts.put(STATE, False)  # somebody has unset it at its own keypad
            await world.advance(1_000)
            assert not output.state
            panel.set()
            assert output.state
            panel.unset()
            assert not output.state

    asyncio.run(main())


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({**PULSES, "unset_pin": None}, "one that toggles cannot be used"),
        (LEVEL | {"unset_pin": 6}, "`unset_pin` goes with"),
        (PULSES | {"alarm_pin": STATE}, "one pin is named twice"),
        (PULSES | {"pulse_ms": 10}, "`pulse_ms`"),
    ],
)
def test_what_a_panel_cannot_be(context: Context, table: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=f"device alarm-panel: .*{words}"):
        built(context, IntrusionPanel, **table)
