"""Orders to a running demo over its control socket: press keys, push, leave by or force a door, make noise,
pull a plug.
"""

import asyncio
import contextlib
import logging
import socket
from pathlib import Path
from typing import Final

import msgspec

from pleintemps_contract.logs import line as log_line

from .devices.door import Push
from .errors import ControlError
from .scenario.people import Town
from .scenario.rooms import Occupant

ADDRESS_FILE: Final = "control.json"
"""In the demo's data folder: where the socket is."""
_ANSWER_S: Final = 60.0
_RELEASE_MS: Final = 1_500
_WHO: Final = "visitor"

_log = logging.getLogger(__name__)


class Press(msgspec.Struct, frozen=True, kw_only=True, tag="press"):
    """Keys at a door's keypad."""

    door: str
    keys: str


class PushDoor(msgspec.Struct, frozen=True, kw_only=True, tag="push"):
    door: str


class Leave(msgspec.Struct, frozen=True, kw_only=True, tag="leave"):
    """Out by the inside handle."""

    door: str


class Force(msgspec.Struct, frozen=True, kw_only=True, tag="force"):
    door: str


class Noise(msgspec.Struct, frozen=True, kw_only=True, tag="noise"):
    """A loudspeaker of ``level_db`` at the meter of ``space`` for ``seconds``."""

    space: str
    level_db: float
    seconds: float


class Unplug(msgspec.Struct, frozen=True, kw_only=True, tag="unplug"):
    device: str


class Plug(msgspec.Struct, frozen=True, kw_only=True, tag="plug"):
    device: str


Order = Press | PushDoor | Leave | Force | Noise | Unplug | Plug


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """``ok`` false: ``text`` says what was wrong with the order."""

    ok: bool
    text: str


class Address(msgspec.Struct, frozen=True, kw_only=True):
    socket: str


class ControlServer:
    """Carries out orders, one JSON line each, and answers with one."""

    def __init__(self, town: Town, path: Path) -> None:
        self._town = town
        self._path = path
        self._server: asyncio.Server | None = None
        self._playing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def stop(self) -> None:
        """Stop listening and silence what still plays."""
        if self._server is not None:
            self._server.close()
        for task in self._playing:
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            order = msgspec.json.decode(await reader.readline(), type=Order)
            answer = Answer(ok=True, text=await self.carry_out(order))
        except (ControlError, msgspec.MsgspecError) as error:
            answer = Answer(ok=False, text=str(error))
        except (ConnectionError, ValueError) as error:
            _log.warning(log_line("control-client", error=error))
            writer.close()
            return
        writer.write(msgspec.json.encode(answer) + b"\n")
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async def carry_out(self, order: Order) -> str:
        """Do it and say what came of it; raises ControlError for a wrong order."""
        match order:
            case Press(door=door, keys=keys):
                return await self._press(door, keys)
            case PushDoor(door=door):
                came = self._town.building.door(door).push()
                self._town.note(_WHO, f"pushes: {came.value}", door)
                return came.value
            case Leave(door=door):
                came = await self._town.building.door(door).leave()
                self._town.note(_WHO, f"leaves by the handle: {came.value}", door)
                return came.value
            case Force(door=door):
                return self._force(door)
            case Noise():
                return self._noise(order)
            case Unplug(device=name):
                device = self._town.building.device(name)
                if device.link.plugged:
                    device.link.unplug()
                    self._town.ledger.alarming(self._now(), _WHO, "unplugs", name, "device-fault")
                return "unplugged"
            case Plug(device=name):
                self._town.building.device(name).link.plug()
                self._town.note(_WHO, "plugs in", name)
                return "plugged"

    def _now(self) -> int:
        return self._town.world.now()

    async def _press(self, door: str, keys: str) -> str:
        """One code after the other; whether a code was good is seen by the lock, as a person sees it."""
        post = self._town.building.door(door)
        async with post.queue:
            released = False
            for code in keys.split("#")[:-1]:
                await post.shut(_RELEASE_MS)
                await post.press(f"{code}#")
                released = await post.released(_RELEASE_MS)
                if code.strip("*"):
                    self._town.ledger.typed(self._now(), _WHO, door, valid=released)
            if rest := keys.rpartition("#")[2]:
                await post.press(rest)
        return "the lock lets go: push" if released else "the lock holds"

    def _force(self, door: str) -> str:
        post = self._town.building.door(door)
        released = post.mechanics.released
        came = post.force()
        if came is Push.OPENED and not released:
            self._town.ledger.alarming(self._now(), _WHO, "forces the door", door, "door-forced-open")
        return came.value

    def _noise(self, order: Noise) -> str:
        room = self._town.building.room(order.space)
        if room.meter is None:
            raise ControlError(f"{order.space}: nobody measures noise there")
        if not 0 <= order.level_db <= 140 or not 0 < order.seconds <= 600:
            raise ControlError("noise: 0 to 140 dB for at most 600 s")
        rules = self._town.rules
        if order.level_db > rules.noise_limit_db + 1 and order.seconds >= rules.noise_window_s:
            self._town.ledger.alarming(self._now(), _WHO, "makes noise", order.space, "noise")
        task = asyncio.create_task(self._play(order))
        self._playing.add(task)
        task.add_done_callback(self._playing.discard)
        return f"{order.level_db:g} dB for {order.seconds:g} s"

    async def _play(self, order: Noise) -> None:
        # beyond the radar's reach: a loudspeaker is nobody
        speaker = Occupant(distance_cm=1_000, moving=False, level_db=order.level_db)
        with self._town.building.inside(order.space, f"loudspeaker-{id(speaker)}", speaker):
            await self._town.wait(int(order.seconds * 1_000))


def send(data: Path, order: Order) -> str:
    """Give an order to the demo whose data folder is ``data``; raises ControlError with its answer."""
    try:
        address = msgspec.json.decode((data / ADDRESS_FILE).read_bytes(), type=Address)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER_S)
            connection.connect(address.socket)
            connection.sendall(msgspec.json.encode(order) + b"\n")
            with connection.makefile("rb") as lines:
                answer = msgspec.json.decode(lines.readline(), type=Answer)
    except (OSError, msgspec.MsgspecError) as error:
        raise ControlError(f"no demo runs in {data}: {error}") from error
    if not answer.ok:
        raise ControlError(answer.text)
    return answer.text
