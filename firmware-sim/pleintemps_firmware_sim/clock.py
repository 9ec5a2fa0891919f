"""The server of the simulated clock: speed, step, pause. ``pleintemps_contract.simclock`` is its client."""

import asyncio
from pathlib import Path

import msgspec

from pleintemps_contract.simclock import Anchor


class ClockServer:
    """One clock for everybody on the machine; time runs from :meth:`start` on."""

    def __init__(self, path: Path, *, now: int, speed: float = 1.0) -> None:
        """``now`` in Unix ms; ``speed`` 0 stands still, 120 makes two minutes of a second."""
        if speed < 0:
            raise ValueError("time does not run backwards")
        self._path = path
        self._anchor = Anchor(host_ns=0, now=now, monotonic=0, speed=speed)
        self._clients: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    def now(self) -> int:
        """Simulated wall time in Unix ms."""
        return self._anchor.now + self._anchor.elapsed(_host_ns())

    async def start(self) -> None:
        """Listen and let time run."""
        self._anchor = msgspec.structs.replace(self._anchor, host_ns=_host_ns())
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def stop(self) -> None:
        """Hang up; those who followed keep the last speed."""
        if self._server is None:
            return
        self._server.close()
        for client in list(self._clients):
            client.close()
        await self._server.wait_closed()
        self._server = None
        self._path.unlink(missing_ok=True)

    def set_speed(self, speed: float) -> None:
        """Simulated seconds per second from now on; 0 is a pause."""
        if speed < 0:
            raise ValueError("time does not run backwards")
        self._change(0, speed)

    def pause(self) -> None:
        self.set_speed(0.0)

    def step(self, milliseconds: int) -> None:
        """Let ``milliseconds`` pass at once, wall and monotonic time alike."""
        if milliseconds < 0:
            raise ValueError("time does not run backwards")
        self._change(milliseconds, self._anchor.speed)

    def leap(self, milliseconds: int) -> None:
        """Move the wall clock alone, forwards or back; monotonic time does not notice."""
        self._change(0, self._anchor.speed, leap=milliseconds)

    def _change(self, step: int, speed: float, *, leap: int = 0) -> None:
        host_ns = _host_ns()
        passed = self._anchor.elapsed(host_ns) + step
        self._anchor = Anchor(
            host_ns=host_ns,
            now=self._anchor.now + passed + leap,
            monotonic=self._anchor.monotonic + passed,
            speed=speed,
        )
        for client in self._clients:
            client.write(self._line())

    def _line(self) -> bytes:
        return msgspec.json.encode(self._anchor) + b"\n"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._line())
        self._clients.add(writer)
        try:
            while await reader.read(1024):
                continue  # followers have nothing to say
        except ConnectionError:
            return
        finally:
            self._clients.discard(writer)
            writer.close()


def _host_ns() -> int:
    """The host's CLOCK_MONOTONIC, as the running event loop reads it."""
    return int(asyncio.get_running_loop().time() * 1_000_000_000)
