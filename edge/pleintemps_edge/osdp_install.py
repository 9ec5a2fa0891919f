"""Puts a key of its own into an OSDP reader: ``pleintemps-edge osdp-install``.

A reader on the default key takes it in the channel of that key, a reader with a key file in its own channel.
The new key is on disk, in ``KEYFILE.new``, before the reader hears of it, and takes the place of the old one
when the reader has opened a channel with it: at no moment of a power cut is the reader's key lost.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pleintemps_contract.keyfiles import write_secret

from .drivers.osdp import OsdpConfig, read_key
from .drivers.osdp_session import TICK_MS, Reader, Session
from .drivers.registry import Context
from .drivers.serial_port import OpenPort
from .errors import EdgeError
from .sensing.osdp import KEY_BYTES

_PATIENCE_MS: Final = 10_000


class InstallError(EdgeError, OSError):
    """The reader has not taken the key; the message says why."""


async def install(config: OsdpConfig, context: Context) -> str:
    """Give the reader of ``config`` a new key and its file; returns what was done, in few words.

    Raises InstallError, PortLost when the port cannot be had, KeyFileError for a key file of no use.
    """
    path = context.base / config.key_file
    fresh = path.with_name(path.name + ".new")
    port = OpenPort(context.port(config.port), config.baud, context.wires)
    try:
        dialogue = _Dialogue(config, context, port)
        if fresh.exists() and not await dialogue.connect(read_key(fresh)):
            _keep(fresh, path)
            return "finished what an earlier run had begun"
        old = read_key(path) if path.exists() else None
        key = context.world.random_bytes(KEY_BYTES)
        fresh.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_secret(fresh, key.hex().encode() + b"\n")
        _sync(fresh)
        if fault := await (dialogue.replace(old, key) if old else dialogue.first(key)):
            raise InstallError(f"the reader {fault}")
        if fault := await dialogue.connect(key):
            raise InstallError(f"after the new key, which is in {fresh}, the reader {fault}")
        _keep(fresh, path)
        return "changed the key of the reader" if old else "gave the reader its first key"
    finally:
        port.close()


def _keep(fresh: Path, path: Path) -> None:
    fresh.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Dialogue:
    """Sessions with one reader, one after the other. Each answers with what was wrong, or nothing."""

    def __init__(self, config: OsdpConfig, context: Context, port: OpenPort) -> None:
        self._config = config
        self._context = context
        self._port = port

    async def connect(self, key: bytes) -> str:
        """Open a channel on ``key``, as in service."""
        session = self._session(key)
        return await self._until(session, lambda: session.secure)

    async def first(self, key: bytes) -> str:
        """Put ``key`` into a reader on the default key."""
        session = self._session(key, installing=True)
        return await self._until(session, lambda: session.secure)

    async def replace(self, old: bytes, key: bytes) -> str:
        """Put ``key`` into a reader that holds ``old``."""
        session = self._session(old)
        asked = False

        def changed() -> bool:
            nonlocal asked
            if session.secure and not asked:
                asked = True
                session.change_key(key)
            return session.key_changed

        return await self._until(session, changed)

    def _session(self, key: bytes, installing: bool = False) -> Session:
        reader = Reader(self._config.address, key, installing)
        return Session(reader, self._context.line, self._context.world, self._port.write)

    async def _until(self, session: Session, truth: Callable[[], bool]) -> str:
        line = self._context.line
        end = line.monotonic() + _PATIENCE_MS
        try:
            while line.monotonic() < end:
                session.receive(self._port.drain())
                if truth():
                    return ""
                # while installing, the first answer is one to a key that the reader cannot know
                if session.fault and (session.in_clear or not session.installing):
                    return session.fault
                await line.sleep_until(line.monotonic() + TICK_MS)
            if not session.frames:
                raise InstallError(f"no answer for {_PATIENCE_MS // 1000} s: check wiring, address and baud")
            return session.fault or "does not take the key"
        finally:
            session.close()
