"""The lines of the bench from a phone to the relay: to the web process, and to the broker as a witness."""

import asyncio
import re
import threading
import time
from typing import Final

from pleintemps_contract.topics import PREFIX

from .rawmqtt import RawMqtt

ECHO: Final = "bench/echo"


class Line:
    """One HTTP connection that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[str, bytes]:
        """Head and body of the answer."""
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"(?i)^content-length: (\d+)", head, re.MULTILINE)
        return head, await self._reader.readexactly(int(length[1]) if length else 0)


class Listener:
    """When each command came from the broker, in nanoseconds of CLOCK_MONOTONIC; and the control."""

    def __init__(self, port: int, site: str, agent: str) -> None:
        self.came: dict[str, int] = {}
        self._line = RawMqtt(port, "bench-listener", self._on_command)
        self._line.subscribe([f"{PREFIX}/{site}/{agent}/command"])
        self._echoed = False
        self._own = RawMqtt(port, "bench-echo", self._on_echo)
        self._own.subscribe([ECHO])
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="bench-listener")
        self._thread.start()

    def _listen(self) -> None:
        while not self._ends.is_set():
            self._line.step(0.2)

    def _on_command(self, _topic: str, payload: bytes) -> None:
        now = time.monotonic_ns()
        if found := re.search(rb'"id":"([0-9a-f]+)"', payload):
            self.came[found[1].decode()] = now

    def _on_echo(self, _topic: str, _payload: bytes) -> None:
        self._echoed = True

    async def wait_for(self, command: str) -> None:
        """Until it has come, which is a matter of milliseconds."""
        while command not in self.came:
            await asyncio.sleep(0.01)

    def echo(self) -> float:
        """Milliseconds of a bare message to ourselves."""
        began, self._echoed = time.monotonic_ns(), False
        self._own.publish(ECHO, b"x" * 300)
        while not self._echoed:
            self._own.step(1)
        return (time.monotonic_ns() - began) / 1e6

    def close(self) -> None:
        self._ends.set()
        self._thread.join()
        self._line.close()
        self._own.close()
