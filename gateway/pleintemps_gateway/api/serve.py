"""The web server. Live streams never end by themselves: they are ended first when the process is to stop."""

import socket
from typing import Final

import uvicorn
from fastapi import FastAPI

from pleintemps_gateway.config import WebConfig

from .context import Context

GONE_MS: Final = 60_000


def settings(web: WebConfig, app: FastAPI) -> uvicorn.Config:
    """How the server runs: it believes ``X-Forwarded-For`` of ``web.trusted_proxies``, and of nobody else."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        proxy_headers=True,
        forwarded_allow_ips=list(web.trusted_proxies),
    )


def drop_the_gone(listener: socket.socket) -> None:
    """Whoever takes nothing of what was sent for a minute is gone, and so is what waits for them in memory;
    TCP alone tries for a quarter of an hour. Connections have this from their listener.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_MS)


class Server(uvicorn.Server):
    """Uvicorn that says good-bye to its viewers: their pages then say that the connection is lost."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._context: Context = app.state.context

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._context.hub.close()
        await super().shutdown(sockets)
