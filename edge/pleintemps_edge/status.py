"""How the running agent is: told over ``status.sock`` in its state folder, one JSON object for each caller.

Whoever may enter the state folder may ask; nothing in the answer is secret and nothing can be told to it.
"""

import asyncio
import base64
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from pleintemps_contract.agent_messages import (
    Birth,
    ClockSource,
    DeviceInfo,
    DoorInfo,
    GrantsHeld,
    Health,
    JournalPosition,
    PanelInfo,
    PanelState,
    SignalInfo,
    StorageInfo,
)
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.logs import line
from pleintemps_contract.onvif import DoorAlarm, DoorPhysicalState, LockPhysicalState

from .errors import NotRunningError

SOCKET: Final = "status.sock"
ANSWER_S: Final = 5.0
"""A caller that does not read, or an agent that does not answer, is given up."""
_LOG: Final = logging.getLogger("status")


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The agent at one moment; ``at`` is its own time. ``line`` is whether it has a broker.

    ``gateway_keys`` are the public keys (base64) that may sign for the gateway now.
    """

    site: str
    agent: str
    version: str
    boot: str
    at: int
    clock: ClockSource
    clock_trusted: bool
    line: bool
    doors: list[DoorInfo]
    devices: list[DeviceInfo]
    panels: list[PanelInfo]
    signals: list[SignalInfo]
    storage: list[StorageInfo]
    journals: list[JournalPosition]
    grants: GrantsHeld | None
    gateway_keys: list[str] = msgspec.field(default_factory=list)

    @classmethod
    def of(cls, site: str, agent: str, line: bool, birth: Birth, keys: TrustedKeys) -> "Status":
        """What ``birth`` would tell now, without what is of no use here."""
        return cls(
            site=site,
            agent=agent,
            version=birth.version,
            boot=birth.boot,
            at=birth.at,
            clock=birth.clock,
            clock_trusted=birth.clock_trusted,
            line=line,
            doors=birth.doors,
            devices=birth.devices,
            panels=birth.panels,
            signals=birth.signals,
            storage=birth.storage,
            journals=birth.journals,
            grants=birth.grants,
            gateway_keys=[base64.b64encode(key.public_bytes_raw()).decode() for key in keys.public.values()],
        )


def complaints(status: Status) -> list[str]:
    """What a caretaker should look at, one line each; nothing if all is well."""
    return list(_complaints(status))


def _complaints(status: Status) -> Iterator[str]:
    if not status.clock_trusted:
        yield "the time is not trusted: codes with a time are refused"
    if not status.line:
        yield "no line to the broker"
    for storage in status.storage:
        if storage.health is not Health.OK:
            yield f"storage of {storage.stream}: {storage.detail or storage.health}"
    for device in status.devices:
        if device.health is not Health.OK:
            yield f"device {device.device}: {device.health} {device.detail}".rstrip()
    for door in status.doors:
        if door.alarm is not DoorAlarm.NORMAL:
            yield f"door {door.door}: {door.alarm}"
        if door.physical is DoorPhysicalState.FAULT or door.lock is LockPhysicalState.FAULT:
            yield f"door {door.door}: its contact or its lock cannot be read"
        if door.fire:
            yield f"door {door.door}: fire, or not confirmed as over"
    for panel in status.panels:
        if panel.state is PanelState.ALARM:
            yield f"panel {panel.panel}: alarm"


def describe(status: Status) -> str:
    """``status`` for a person, without the complaints."""
    trusted = "trusted" if status.clock_trusted else "not trusted"
    lines = [
        f"agent    {status.agent} of {status.site}, version {status.version}",
        f"clock    {status.clock}, {trusted}",
        f"line     {'up' if status.line else 'down'}",
    ]
    for door in status.doors:
        fire = ", fire" if door.fire else ""
        lines.append(f"door     {door.door}: {door.mode}, {door.physical}, lock {door.lock}{fire}")
    lines += [f"panel    {panel.panel}: {panel.state}" for panel in status.panels]
    lines += [f"signal   {signal.signal}: {'on' if signal.on else 'off'}" for signal in status.signals]
    for device in status.devices:
        detail = f", {device.detail}" if device.detail and device.health is Health.OK else ""
        lines.append(f"device   {device.device} ({device.driver}): {device.health}{detail}")
    lines += [f"storage  {storage.stream}: {storage.health}" for storage in status.storage]
    lines += [f"journal  {each.stream}: {each.next - each.first} waiting" for each in status.journals]
    if status.grants is None:
        lines.append("grants   none")
    else:
        lines.append(f"grants   {status.grants.grants}, revision {status.grants.revision}")
    return "\n".join(lines)


@contextlib.contextmanager
def _short(folder: Path) -> Iterator[str]:
    """The socket's path by way of an open folder: an address has room for 107 bytes only."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{held}/{SOCKET}"
    finally:
        os.close(held)


@contextlib.asynccontextmanager
async def telling(folder: Path, now: Callable[[], Status]) -> AsyncIterator[None]:
    """Answer callers until the end. A folder that takes no socket costs the answers only."""
    encoder = msgspec.json.Encoder()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(encoder.encode(now()) + b"\n")
            async with asyncio.timeout(ANSWER_S):
                await writer.drain()
        except (OSError, TimeoutError) as error:
            _LOG.debug(line("caller-gone", error=error))
        finally:
            writer.close()

    server = None
    try:
        listener = _listen(folder)
        server = await asyncio.start_unix_server(answer, sock=listener)
    except OSError as error:
        _LOG.warning(line("no-status-socket", folder=folder, error=error))
    try:
        yield
    finally:
        if server is not None:
            server.close()
            (folder / SOCKET).unlink(missing_ok=True)


def _listen(folder: Path) -> socket.socket:
    """Raises OSError."""
    (folder / SOCKET).unlink(missing_ok=True)  # of an agent that was killed: this folder is ours alone
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        with _short(folder) as path:
            listener.bind(path)
        os.chmod(folder / SOCKET, 0o600)
    except OSError:
        listener.close()
        raise
    return listener


def ask(folder: Path) -> Status:
    """The status of the agent whose state folder this is; raises NotRunningError."""
    try:
        with _short(folder) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line_to:
            line_to.settimeout(ANSWER_S)
            line_to.connect(path)
            told = b"".join(iter(lambda: line_to.recv(65_536), b""))
        return msgspec.json.decode(told, type=Status)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotRunningError(f"no agent answers in {folder}: {error}") from error
