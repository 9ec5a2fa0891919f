"""Programs that the demo starts: each in a process group of its own, with its log in a file."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pleintemps_contract.world import World

from .errors import ChildError, PortBusyError

TERM_MS: Final = 2_500
_LOOK_MS: Final = 50
_TAIL: Final = 1_500


class Child:
    """One program. It may be started again after it has ended."""

    def __init__(
        self, name: str, argv: list[str], *, log: Path, cwd: Path, extra_env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._argv = argv
        self._log = log
        self._cwd = cwd
        self._env = os.environ | dict(extra_env or {})
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it; raises ChildError if the program cannot be run."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._cwd,
                    env=self._env,
                    start_new_session=True,
                )
            except OSError as error:
                raise ChildError(f"{self.name}: cannot run {self._argv[0]}: {error.strerror}") from error

    async def wait(self) -> int:
        """Its exit status, once it has ended; raises ChildError if it was never started."""
        if self._process is None:
            raise ChildError(f"{self.name} was not started")
        return await self._process.wait()

    def kill(self) -> None:
        """End the whole group at once, as a power cut would."""
        self._signal(signal.SIGKILL)

    async def stop(self, world: World, within_ms: int = TERM_MS) -> None:
        """Ask it to end, and end its whole group after ``within_ms`` whether it listened or not."""
        if self._process is None:
            return
        if self.running:
            self._signal(signal.SIGTERM)
            ended = asyncio.ensure_future(self._process.wait())
            deadline = asyncio.ensure_future(world.sleep_until(world.monotonic() + within_ms))
            await asyncio.wait([ended, deadline], return_when=asyncio.FIRST_COMPLETED)
            deadline.cancel()
            ended.cancel()
        # also when its leader has ended: children of its own may be left in the group
        self._signal(signal.SIGKILL)
        await self._process.wait()

    def failure(self, what: str) -> ChildError:
        """An error with the end of its log."""
        tail = self._log.read_text(errors="replace")[-_TAIL:].strip() if self._log.exists() else ""
        return ChildError(f"{self.name} {what}" + (f"; its log ends:\n{tail}" if tail else ""))

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


async def until(
    look: Callable[[], Awaitable[bool]],
    world: World,
    *,
    within_ms: int,
    what: str,
    child: Child | None = None,
) -> None:
    """Return when ``look`` says yes; raises ChildError when ``child`` ends first or the time is up."""
    deadline = world.monotonic() + within_ms
    while not await look():
        if child is not None and not child.running:
            raise child.failure("ended by itself")
        if world.monotonic() > deadline:
            message = f"gave no {what} within {within_ms / 1000:g} s"
            raise child.failure(message) if child is not None else ChildError(message)
        await world.sleep_until(world.monotonic() + _LOOK_MS)


async def answers(port: int) -> bool:
    """Whether something listens on a loopback port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def claim_port(port: int) -> None:
    """Raises PortBusyError if ``port`` cannot be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortBusyError(
                f"port {port} is in use ({error.strerror}); choose another with --port"
            ) from error


def end_on_signals(work: "asyncio.Future[Any]") -> None:
    """Cancel ``work`` at the first SIGINT or SIGTERM; the cleaning up that follows is not cancelled."""
    told = False

    def end() -> None:
        nonlocal told
        if not told:
            told = True
            work.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
