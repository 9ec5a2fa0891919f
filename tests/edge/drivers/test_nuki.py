"""The Nuki driver against a simulated lock on a real broker, and what it makes of single messages."""

import asyncio
from typing import Any

import aiomqtt
import pytest

from pleintemps_contract.agent_messages import Health
from pleintemps_edge.drivers.base import HealthChanged
from pleintemps_firmware_sim.devices.nuki import Action, NukiLock, State
from tests.support.broker import Mosquitto

from .mqtt_house import FAULT, LOCKED, UNKNOWN, UNLOCKED, House, house, until

TABLE: dict[str, Any] = {"device": "hall-nuki", "driver": "nuki", "lock_id": "1A2B3C4D"}


def test_it_locks_unlatches_and_locks_again(mosquitto: Mosquitto) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        async with house(mosquitto, nuki, TABLE) as it:
            await it.reports(LOCKED, LOCKED)  # as the broker kept it, and confirmed
            assert nuki.heard == [Action.LOCK]
            it.lock.release()
            await it.reports(LOCKED, LOCKED, UNLOCKED)
            await it.passes(lambda: nuki.state is State.UNLOCKED)
            it.lock.secure()
            await it.reports(LOCKED, LOCKED, UNLOCKED, LOCKED)
            assert nuki.heard == [Action.LOCK, Action.UNLATCH, Action.LOCK]
            assert it.seen.health == [Health.OK]

    asyncio.run(story())
