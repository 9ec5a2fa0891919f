"""The watchdog is fed by the doors, and the unit file says what the agent needs and no more."""

import asyncio
import configparser
import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import Event
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.door import Plan
from pleintemps_edge.keeper import Keeper
from pleintemps_edge.systemd.notify import Notifier

UNIT = resources.files("pleintemps_edge.systemd") / "pleintemps-edge.service"


def test_the_watchdog_is_fed_after_each_self_check_and_starves_when_one_hangs(tmp_path: Path) -> None:
    async def story() -> None:
        systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        world = ManualWorld()
        checks: list[int] = []
        hang = asyncio.Event()

        async def self_check() -> None:
            checks.append(world.monotonic())
            if len(checks) > 3:
                await hang.wait()

        def heard() -> str:
            try:
                return systemd.recv(100).decode()
            except BlockingIOError:
                return ""

        notifier = Notifier(world, str(tmp_path / "notify"), 5_000)
        running = asyncio.create_task(notifier.run(self_check))
        await world.advance(0)
        assert (heard(), heard()) == ("READY=1", "")
        for _ in range(2):
            await world.advance(5_000)
            assert (heard(), heard()) == ("WATCHDOG=1", "")
        await world.advance(60_000)
        assert checks == [0, 5_000, 10_000, 15_000]
        assert heard() == ""
        hang.set()
        await world.advance(0)
        assert heard() == "WATCHDOG=1"
        running.cancel()
        systemd.close()

    asyncio.run(story())


class NoLock:
    """A lock that does nothing."""

    device = "strike"
    confirms = False
    frees_when_idle = False

    def release(self) -> None: ...

    def secure(self) -> None: ...

    def idle(self) -> None: ...

    def close(self) -> None: ...


class Memory:
    """Commits at once."""

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]":
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_result(0)
        return future


def test_a_hung_door_starves_the_watchdog() -> None:
    """With the control: the same door feeds it before and after it hangs."""

    async def story() -> None:
        world = ManualWorld()
        keeper = Keeper("hall", Plan(), NoLock(), world, Memory(), None)
        free = asyncio.Event()
        carry_out, hung = keeper._carry_out, asyncio.Event()

        async def stuck() -> None:
            hung.set()
            await free.wait()
            await carry_out()

        first = asyncio.create_task(carry_out())
        fed: list[int] = []
        notifier = Notifier(world, "@nobody", 5_000)

        async def self_check() -> None:
            await keeper.probe()
            fed.append(world.monotonic())

        running = asyncio.create_task(notifier.run(self_check))
        await world.advance(10_000)
        assert fed == [0, 5_000, 10_000]
        first.cancel()
        second = asyncio.create_task(stuck())
        await hung.wait()
        await world.advance(60_000)
        assert fed == [0, 5_000, 10_000], "a door that hangs was taken for well"
        free.set()
        await world.advance(0)
        assert fed[3:] == [70_000]
        await world.advance(5_000)
        assert fed[4:] == [75_000]
        running.cancel()
        second.cancel()

    asyncio.run(story())


def test_what_cannot_be_said_is_no_trouble_of_the_doors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Notifier(ManualWorld(), str(tmp_path / "nobody")).say("READY=1")

    def exhausted(*_: Any) -> socket.socket:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", exhausted)
    Notifier(ManualWorld(), str(tmp_path / "nobody")).say("WATCHDOG=1")


@pytest.mark.parametrize(
    ("limit", "every"), [("15000000", 5_000), ("", None), ("nonsense", None), ("2", None)]
)
def test_the_watchdog_is_fed_three_times_as_often_as_asked(
    monkeypatch: pytest.MonkeyPatch, limit: str, every: int | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", limit)
    monkeypatch.setenv("NOTIFY_SOCKET", "@systemd")
    notifier = Notifier.from_environment(ManualWorld())
    assert (notifier.address, notifier.every_ms) == ("@systemd", every)


def unit() -> Callable[[str], list[str]]:
    parser = configparser.RawConfigParser(strict=False, dict_type=_Many)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text())
    return lambda key: [part for part in parser["Service"][key].split("\n") if part]


class _Many(dict[str, Any]):
    """Keeps every line of a key that comes more than once."""

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, list) and isinstance(self.get(key), list):
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def test_the_unit_lets_devices_through_and_asks_the_kernel_about_ntp() -> None:
    service = unit()
    assert service("Type") == ["notify"]
    assert service("StateDirectory") == ["pleintemps-edge"]
    assert service("CapabilityBoundingSet") == []
    devices = {line.split()[0] for line in service("DeviceAllow")}
    assert {"char-gpiochip", "char-ttyAMA", "char-ttyUSB", "char-rtc"} <= devices
    # each line adds to those before it, or takes away: so it has to be the last
    assert "adjtimex" in service("SystemCallFilter")[-1].split()


def test_systemd_understands_the_unit_and_finds_it_closed() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:  # a container without systemd; the keys are looked at above
        return
    done = subprocess.run(
        [program, "security", "--offline=true", "--threshold=20", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-400:] + done.stderr
    assert "Failed to parse" not in done.stderr and "Unknown" not in done.stderr
