"""The gateway's processes: ``ingest`` and ``web``, and ``run``, which keeps them alive."""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from pleintemps_contract.clockconfig import open_world
from pleintemps_contract.world import SystemWorld, World
from pleintemps_gateway.config import GatewayConfig, load
from pleintemps_gateway.keys import load_gateway_keys, load_purpose
from pleintemps_gateway.supervisor import Child, supervise

PARTS: Final = ("ingest", "web")
DESK: Final = "enrolment"
"""A part that the others do without."""
_COLLECT_EACH: Final = 20_000
"""Ingest makes so many objects in a group of messages that nothing of them is worth looking for earlier."""


def world_of(config: GatewayConfig, base: Path) -> World:
    """The World of a gateway process; raises ConfigError, KeyFileError or ClockError."""
    return open_world(config.clock, base, load_purpose(Path(config.keys)))


async def until_signal(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run ``work`` with an event that SIGTERM or SIGINT sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await work(stop)


def ingest(path: Path) -> None:
    """The ingest process, until SIGTERM or SIGINT; raises the package's errors."""
    from pleintemps_gateway.ingest.run import Ingest

    config = load(path)
    worker = Ingest(config, world_of(config, path.absolute().parent))
    gc.freeze()  # what stands now stays
    gc.set_threshold(_COLLECT_EACH, 20, 20)
    asyncio.run(until_signal(worker.run))
    gc.freeze()  # all is stored: no collection looks through the rooms once more at the end


def web(path: Path) -> None:
    """The web process, until SIGTERM or SIGINT; raises the package's errors, OSError for a busy port."""
    import socket

    from pleintemps_gateway.access.service import CodeDesk
    from pleintemps_gateway.api.app import create_app
    from pleintemps_gateway.api.serve import Server, drop_the_gone, settings
    from pleintemps_gateway.delivery.outbox import Outbox
    from pleintemps_gateway.store.engine import migrate, open_engine

    config = load(path)
    world = world_of(config, path.absolute().parent)
    keys = load_gateway_keys(Path(config.keys))
    migrate(config.database_url)
    engine = open_engine(config.database_url)
    desk = CodeDesk(keys.sealing, world, Outbox(config.delivery, keys.sealing, world))
    family = socket.AF_INET6 if ":" in config.web.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        drop_the_gone(listener)
        try:
            listener.bind((config.web.host, config.web.port))
        except OSError as error:
            where = f"{config.web.host}:{config.web.port}"
            raise OSError(f"web.port: cannot listen on {where}: {error.strerror}") from error
        app = create_app(config, world, engine, desk)
        Server(settings(config.web, app), app).run(sockets=[listener])
    engine.dispose()


async def _start(path: Path, part: str) -> Child:
    arguments = ["-m", "pleintemps_gateway.cli", part, "--config", str(path)]
    return await asyncio.create_subprocess_exec(sys.executable, *arguments)


def run(path: Path) -> int:
    """``ingest``, ``web`` and, where there is one, the desk ``enrolment`` as children, until SIGTERM or
    SIGINT; returns the exit code.
    """
    from pleintemps_gateway.enrolment.service import settings_of

    # a mistake is said once, here, before anything starts
    parts = PARTS if settings_of(load(path)) is None else (*PARTS, DESK)
    code = 0

    async def work(stop: asyncio.Event) -> None:
        nonlocal code
        code = await supervise(parts, partial(_start, path), SystemWorld(), stop, (DESK,))

    asyncio.run(until_signal(work))
    return code
