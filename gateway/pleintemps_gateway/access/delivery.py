"""Handing an issued code on. The store cannot show it again, so this happens before the commit."""

from pathlib import Path
from typing import Protocol

import msgspec

from pleintemps_contract.keyfiles import write_secret
from pleintemps_gateway.config import GatewayConfig


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What the person with the booking must get: the typed code and the secret of the booking's page."""

    site: str
    booking: str
    source: str
    uid: str
    title: str
    start: int
    end: int
    code: str
    link: str


class Delivery(Protocol):
    def deliver(self, grant: str, message: Message) -> None:
        """Raises OSError if the message cannot be handed on: the code is then not issued."""


class Nowhere:
    """Who asks for the code gets it as an answer and passes it on."""

    def deliver(self, grant: str, message: Message) -> None:
        return


class Spool:
    """One JSON file a message, readable by its owner only, complete as soon as it has its name ``*.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def deliver(self, grant: str, message: Message) -> None:
        unfinished = self._folder / f".{grant}"
        write_secret(unfinished, msgspec.json.encode(message) + b"\n")
        unfinished.rename(self._folder / f"{grant}.json")


def delivery_of(config: GatewayConfig) -> Delivery:
    """The delivery that the configuration asks for."""
    return Spool(Path(config.state) / "outbox") if config.delivery.kind == "spool" else Nowhere()
