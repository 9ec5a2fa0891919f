"""Hearing the words of other processes that they have written (``store/wake.py``)."""

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from pleintemps_contract.logs import line
from pleintemps_gateway.store.wake import CHANNEL, LONGEST, listening

AGAIN_S: Final = 1.0
"""Between two attempts to listen to PostgreSQL."""
_MOST: Final = 64
"""Words that are read in one turn of the loop."""

_log = logging.getLogger(__name__)


async def hear(engine: Engine, told: Callable[[str], None]) -> None:
    """Call ``told`` with the site of each word, until cancelled. Where nothing can be heard nothing is."""
    if engine.dialect.name == "postgresql":
        await _hear_postgresql(engine, told)
    else:
        await _hear_beside(Path(str(engine.url.database)), told)


async def _hear_beside(file: Path, told: Callable[[str], None]) -> None:
    loop, never = asyncio.get_running_loop(), asyncio.Event()
    try:
        with listening(file) as own:
            loop.add_reader(own, _read, own, told)
            try:
                await never.wait()
            finally:
                loop.remove_reader(own)
    except OSError as error:
        _log.warning(line("hints-down", error=error))
        await never.wait()


def _read(own: socket.socket, told: Callable[[str], None]) -> None:
    for _ in range(_MOST):
        try:
            word = own.recv(LONGEST)
        except BlockingIOError:
            return
        told(word.decode("ascii", "replace"))


async def _hear_postgresql(engine: Engine, told: Callable[[str], None]) -> None:
    import psycopg

    _, options = engine.dialect.create_connect_args(engine.url)
    down, never = False, asyncio.Event()
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(**options, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}".encode())
                if down:
                    down = False
                    _log.info(line("hints-back"))
                async for word in connection.notifies():
                    told(word.payload)
        except (psycopg.Error, OSError) as error:
            if not down:
                down = True
                _log.warning(line("hints-down", error=type(error).__name__))
        try:
            await asyncio.wait_for(never.wait(), AGAIN_S)
        except TimeoutError:
            continue
