"""``sd_notify(3)`` by hand: READY once, WATCHDOG as long as the event loop turns; nothing where there is no
systemd.
"""

import os
import socket
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
        """Send one notification; a systemd that does not listen is none of our business."""
        if not self.address:
            return
        target = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.setblocking(False)
            try:
                line.sendto(text.encode(), target)
            except OSError:
                return

    async def run(self) -> None:
        """Say READY, then feed the watchdog from the loop that also turns the doors."""
        self.say("READY=1")
        while self.address and self.every_ms is not None:
            await self.world.sleep_until(self.world.monotonic() + self.every_ms)
            self.say("WATCHDOG=1")
