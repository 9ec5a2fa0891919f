"""A program that writes sound samples to its standard output: started, read, ended. Nothing is kept."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from pleintemps_edge.errors import EdgeError

from .patience import Patience
from .registry import Context

_READ_SIZE: Final = 65_536
_SILENCE_MS: Final = 5_000
_WORDS: Final = 200


class StreamLost(EdgeError, OSError):
    """The program cannot be started, has ended or writes nothing. Becomes the device's health."""


async def stream(command: Sequence[str], context: Context) -> AsyncGenerator[bytes, None]:
    """What ``command`` writes, as it comes; raises StreamLost at its end, at once or after 5 s without bytes.

    The program is killed when the iterator is closed.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=context.base,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise StreamLost(f"{command[0]}: {getattr(error, 'strerror', None) or error}") from error
    assert process.stdout is not None and process.stderr is not None
    complaint: list[str] = []
    listener = asyncio.ensure_future(_last_words(process.stderr, complaint))
    try:
        while data := await _read(process.stdout, context, command[0]):
            yield data
        await listener
        code = await process.wait()
        raise StreamLost(": ".join((f"{command[0]} has ended ({code})", *complaint)))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # asyncio sees the end of a program only when its output was read to the end
        while await process.stdout.read(_READ_SIZE):
            pass
        await listener
        await process.wait()


async def _read(reader: asyncio.StreamReader, context: Context, name: str) -> bytes:
    patience = asyncio.ensure_future(Patience(context, _SILENCE_MS).out())
    more = asyncio.ensure_future(reader.read(_READ_SIZE))
    try:
        await asyncio.wait((more, patience), return_when=asyncio.FIRST_COMPLETED)
        if not more.done():
            raise StreamLost(f"{name} writes nothing")
        return more.result()
    finally:
        patience.cancel()
        more.cancel()
        await asyncio.wait((more,))  # the stream takes one reader at a time


async def _last_words(reader: asyncio.StreamReader, complaint: list[str]) -> None:
    """Keep the last line that the program says to a person."""
    while data := await reader.read(4096):
        lines = [each for each in data.decode(errors="replace").splitlines() if each.strip()]
        if lines:
            complaint[:] = ["".join(c if c.isprintable() else " " for c in lines[-1])[:_WORDS]]
