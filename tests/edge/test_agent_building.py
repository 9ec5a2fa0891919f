"""A door whose lock hangs on the building's own broker: the agent, two lines, a simulated Nuki."""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.onvif import DoorAction, DoorMode, LockPhysicalState
from pleintemps_contract.world import SystemWorld
from pleintemps_edge.config import load
from pleintemps_edge.door import Commanded
from pleintemps_edge.errors import SetupError
from pleintemps_firmware_sim.devices.mqtt_device import MqttDevice
from pleintemps_firmware_sim.devices.nuki import Action, NukiLock, State
from tests.support.broker import Mosquitto

from .actors import mock_pins, running_agent, until, write_setup
from .drivers.mqtt_house import at_work, say

STRIKE = 'driver = "strike"\npin = 27'
NUKI = 'driver = "nuki"\nlock_id = "1A2B3C4D"'


def with_nuki(folder: Path, port: int, more: str = "", relock: str = 'relock = "close"') -> Path:
    path = write_setup(folder, 9)  # no gateway far and wide
    text = (
        path.read_text()
        .replace(STRIKE, NUKI)
        .replace('lock = "hall-strike"', f'lock = "hall-strike"\n{relock}')
    )
    building = f'[building]\nurl = "mqtt://127.0.0.1:{port}"\n{more}\n[clock]'
    path.write_text(text.replace("[clock]", building))
    return path


def test_a_command_moves_the_lock_and_the_end_locks_it(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async def story() -> None:
        nuki = NukiLock("1A2B3C4D")
        device = MqttDevice(nuki, "127.0.0.1", mosquitto.port, SystemWorld())
        with mock_pins() as factory:
            async with at_work(device.run()):
                await until(device.online.is_set)
                async with running_agent(with_nuki(tmp_path, mosquitto.port), factory) as agent:
                    door = agent._doors["hall"]
                    await until(lambda: door.info.lock is LockPhysicalState.LOCKED and nuki.heard)
                    # who writes to the lock's topics opens nothing by it at the agent
                    await say(mosquitto.port, "nuki/1A2B3C4D/lockActionEvent", b"3,172,0,0,0")
                    door.happen(Commanded(DoorAction.UNLOCK, "a" * 32))
                    await until(lambda: door.info.lock is LockPhysicalState.UNLOCKED)
                    assert door.info.mode is DoorMode.UNLOCKED
                    await until(lambda: nuki.state is State.UNLATCHED)
                await until(lambda: nuki.heard[-1] == Action.LOCK)
            # the wish of the moment may be sent more than once
            heard = [action for action, _ in itertools.groupby(nuki.heard)]
            assert heard[:2] == [Action.LOCK, Action.UNLATCH]

    asyncio.run(story())


def test_a_bolt_is_thrown_into_the_frame_only(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="throws a bolt"):
        load(with_nuki(tmp_path, 1883, relock=""))


@pytest.mark.parametrize(
    ("mode", "text", "says"),
    [
        (0o600, "right-word\n", None),
        (0o644, "right-word\n", "others may read it"),
        (0o600, "", "want the password alone"),
        (0o600, "two\nlines\n", "want the password alone"),
        (0o600, None, "No such file"),
    ],
)
def test_the_password_file(tmp_path: Path, mode: int, text: str | None, says: str | None) -> None:
    path = with_nuki(tmp_path, 1883, 'user = "agent"\npassword_file = "building-password"')
    if text is not None:
        (tmp_path / "building-password").write_text(text)
        (tmp_path / "building-password").chmod(mode)
    if says is None:
        assert load(path).building_password == "right-word"
        return
    with pytest.raises(SetupError) as refused:
        load(path)
    problems: Any = refused.value
    assert "building.password_file" in str(problems)
    assert says in str(problems)
    assert "right-word" not in str(problems)


def test_without_a_user_there_is_no_password(tmp_path: Path) -> None:
    assert load(with_nuki(tmp_path, 1883)).building_password == ""


def test_a_lock_on_no_broker_is_named(tmp_path: Path) -> None:
    path = write_setup(tmp_path, 9)
    path.write_text(path.read_text().replace(STRIKE, NUKI))
    with pytest.raises(SetupError, match=r"device hall-strike: a nuki needs the building's broker"):
        load(path)
