"""The web server. Live streams never end by themselves: they are ended first when the process is to stop."""

import socket

import uvicorn
from fastapi import FastAPI

from .context import Context


class Server(uvicorn.Server):
    """Uvicorn that says good-bye to its viewers: their pages then say that the connection is lost."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._context: Context = app.state.context

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._context.hub.close()
        await super().shutdown(sockets)
