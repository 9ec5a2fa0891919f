"""``sd_notify(3)`` by hand: READY once, WATCHDOG as long as the doors obey; nothing where there is no
systemd.
"""

import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pleintemps_contract.world import World


@dataclass(frozen=True, slots=True)
class Notifier:
    """``address`` is systemd's datagram socket, or empty; ``every_ms`` is None without a watchdog."""

    world: World
    address: str = ""
    every_ms: int | None = None

    @classmethod
    def from_environment(cls, world: World) -> "Notifier":
        address = os.environ.get("NOTIFY_SOCKET", "")
        limit_us = os.environ.get("WATCHDOG_USEC", "")
        every_ms = int(limit_us) // 3_000 if limit_us.isdigit() and int(limit_us) >= 3_000 else None
        return cls(world, address, every_ms)

    def say(self, text: str) -> None:
        """Send one notification; what keeps it from leaving is no trouble of the doors."""
        if not self.address:
            return
        target = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            # the socket too may be refused: no descriptor is left
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.setblocking(False)
                line.sendto(text.encode(), target)
        except OSError:
            return

    async def run(self, self_check: Callable[[], Awaitable[None]]) -> None:
        """Say READY once the doors obey, then feed the watchdog after each ``self_check`` that returns.

        One that does not return, because a door hangs, starves the watchdog: systemd starts the agent anew.
        """
        await self_check()
        self.say("READY=1")
        while self.address and self.every_ms is not None:
            await self.world.sleep_until(self.world.monotonic() + self.every_ms)
            await self_check()
            self.say("WATCHDOG=1")
