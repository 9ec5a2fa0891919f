"""A way to reach people, and the simplest: a folder of files."""

from pathlib import Path
from typing import Protocol

import msgspec

from pleintemps_contract.keyfiles import write_secret
from pleintemps_gateway.errors import UndeliveredError

from .messages import Message


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is due, with the name of its row and of its texts."""

    delivery: str
    template: str
    message: Message


class Channel(Protocol):
    async def send(self, parcel: Parcel) -> None:
        """Return when the message was accepted; raises UndeliveredError."""


class Spool:
    """One JSON file a message, readable by its owner only, complete as soon as it has its name ``*.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, parcel: Parcel) -> None:
        """A second time writes the same file again. Raises UndeliveredError."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished = self._folder / f".{parcel.delivery}"
            told = msgspec.to_builtins(parcel.message) | {"template": parcel.template}
            write_secret(unfinished, msgspec.json.encode(told) + b"\n")
            unfinished.rename(self._folder / f"{parcel.delivery}.json")
        except OSError as error:
            raise UndeliveredError(f"outbox: {error.strerror or type(error).__name__}") from error

    def take_back(self, delivery: str) -> None:
        """Delete the file of a message that was erased while it was written; raises OSError."""
        (self._folder / f"{delivery}.json").unlink(missing_ok=True)
