"""The control socket of a running building: orders one JSON line each, and a stream of what is to be seen.

A client sends one line: an :class:`~.console.acts.Order`, answered by one :class:`Answer`; or a
:class:`Watch`, answered by a :class:`~.console.views.Picture` and then by a :class:`~.console.views.Change`
whenever there is one, and at least once a second.
"""

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Final

import msgspec

from pleintemps_contract.logs import line as log_line
from pleintemps_contract.world import World

from .console.acts import Order
from .console.model import Model, Watcher, is_empty
from .console.views import Change, Picture
from .errors import ControlError, SimulatorError

ADDRESS_FILE: Final = "control.json"
"""In the data folder of what runs: where the socket is."""
_ANSWER_S: Final = 60.0
_SILENT_S: Final = 5.0
_LOOK_MS: Final = 200
_ALIVE_LOOKS: Final = 5
_LONGEST: Final = 1 << 20


class Watch(msgspec.Struct, frozen=True, kw_only=True, tag="watch"):
    """Show what is to be seen, until the client hangs up."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """``ok`` false: ``text`` says what was wrong with the order."""

    ok: bool
    text: str


class Address(msgspec.Struct, frozen=True, kw_only=True):
    socket: str


class ControlServer:
    """Carries out orders on a model and shows it. ``host`` is the machine's clock: testers live by it."""

    def __init__(self, model: Model, path: Path, host: World) -> None:
        self._model = model
        self._path = path
        self._host = host
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def stop(self) -> None:
        """Hang up on everybody; nothing that was ordered plays on."""
        if self._server is not None:
            self._server.close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._model.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        if call is not None:
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, ValueError) as error:
            _log.warning(log_line("control-client", error=error))
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = await reader.readline()
        try:
            wanted = msgspec.json.decode(text, type=Order | Watch)
            if isinstance(wanted, Watch):
                await self._show(reader, writer)
                return
            answer = Answer(ok=True, text=await self._model.carry_out(wanted))
        except (SimulatorError, msgspec.MsgspecError) as error:
            answer = Answer(ok=False, text=str(error))
        writer.write(msgspec.json.encode(answer) + b"\n")
        await writer.drain()

    async def _show(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(msgspec.json.encode(self._model.picture) + b"\n")
        watcher = Watcher(self._model)
        looks = _ALIVE_LOOKS
        # whoever reads slowly is shown less often: each look has all that came since the last
        while not reader.at_eof() and not writer.is_closing():
            change, looks = watcher.look(), looks + 1
            if looks >= _ALIVE_LOOKS or not is_empty(change):
                writer.write(msgspec.json.encode(change) + b"\n")
                await writer.drain()
                looks = 0
            await self._host.sleep_until(self._host.monotonic() + _LOOK_MS)


_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def offered(model: Model, path: Path, data: Path, host: World) -> AsyncIterator[ControlServer]:
    """Answer at the socket ``path`` for as long as the block lasts; who looks in ``data`` finds it."""
    server = ControlServer(model, path, host)
    await server.start()
    address = data / ADDRESS_FILE
    address.write_bytes(msgspec.json.encode(Address(socket=str(path))))
    try:
        yield server
    finally:
        address.unlink(missing_ok=True)
        await server.stop()


def find() -> Path:
    """The data folder of the one demo of this user that runs in a temporary one; raises ControlError."""
    found = sorted(
        address.parent for address in Path(tempfile.gettempdir()).glob(f"pleintemps-demo-*/{ADDRESS_FILE}")
    )
    if len(found) == 1:
        return found[0]
    if not found:
        raise ControlError("no demo runs in a temporary folder; name its folder with --data")
    raise ControlError(f"several demos run, name one with --data: {', '.join(map(str, found))}")


async def _call(data: Path, wanted: Order | Watch) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        address = msgspec.json.decode((data / ADDRESS_FILE).read_bytes(), type=Address)
        reader, writer = await asyncio.open_unix_connection(address.socket, limit=_LONGEST)
    except (OSError, msgspec.MsgspecError) as error:
        raise ControlError(f"nothing runs in {data}: {error}") from error
    writer.write(msgspec.json.encode(wanted) + b"\n")
    return reader, writer


async def ask(data: Path, order: Order) -> str:
    """Give an order to what runs in ``data``; raises ControlError with its answer."""
    reader, writer = await _call(data, order)
    try:
        async with asyncio.timeout(_ANSWER_S):
            answer = msgspec.json.decode(await reader.readline(), type=Answer)
    except (OSError, TimeoutError, msgspec.MsgspecError) as error:
        raise ControlError(f"nothing answers in {data}: {error}") from error
    finally:
        writer.close()
    if not answer.ok:
        raise ControlError(answer.text)
    return answer.text


def send(data: Path, order: Order) -> str:
    """:func:`ask`, where no event loop runs."""
    return asyncio.run(ask(data, order))


async def watch(data: Path) -> AsyncGenerator[Picture | Change, None]:
    """What is to be seen of what runs in ``data``, the picture first; raises ControlError at its end."""
    reader, writer = await _call(data, Watch())
    decoder = msgspec.json.Decoder(Picture | Change)
    try:
        while True:
            async with asyncio.timeout(_SILENT_S):
                text = await reader.readline()
            if not text:
                raise ControlError("it has ended")
            yield decoder.decode(text)
    except (OSError, TimeoutError, ValueError) as error:
        if isinstance(error, ControlError):
            raise
        raise ControlError(f"it says nothing any more: {str(error) or 'silence'}") from error
    finally:
        writer.close()
