"""A desk with two doors in a world that stands still, for tests of its checks."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from pleintemps_contract.agent_messages import AccessRefused, Event, RefusalReason
from pleintemps_contract.credentials import card_text, hash_code, lookup
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.gateway_messages import (
    CredentialKind,
    Grant,
    GrantsManifest,
    GrantsPage,
    HashSet,
    OfflineKeys,
)
from pleintemps_contract.keyfiles import AgentKeys
from pleintemps_contract.wire import encode
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.access.desk import Desk
from pleintemps_edge.access.dialogue import Entered
from pleintemps_edge.access.grants import page_digest
from pleintemps_edge.door import CodeAccepted
from pleintemps_edge.drivers.base import Feedback

from .actors import AGENT, HASHES, PEPPER, SIGNER, SITE, grant

KEYS = AgentKeys(SITE, AGENT, "demo", PEPPER, TrustedKeys([SIGNER.public]))
CARD = "w26:12:34567"
WRONG = "00000000"
SECRET = b"o" * 32


class Notebook:
    """A journal in memory, in the order of what was written."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.written: list[Event | dict[str, bytes]] = []

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]":
        self.written += [*events, *([dict(state)] if state else [])]
        self.kept |= state or {}
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_result(0)
        return future

    def state(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def reasons(self) -> list[RefusalReason]:
        return [entry.reason for entry in self.written if isinstance(entry, AccessRefused)]


class Place:
    """A desk with two doors and a world that stands still; ``why`` is what the doors refuse for."""

    def __init__(
        self,
        *grants: Grant,
        notebook: Notebook | None = None,
        trusted: bool = True,
        why: RefusalReason | None = None,
        kind: type[Desk] = Desk,
        hashes: Sequence[HashSet] = (HASHES,),
        offline: Sequence[OfflineKeys] = (),
        **manifest: Any,
    ) -> None:
        self.world = ManualWorld()
        self.notebook = notebook or Notebook()
        self.accepted: list[CodeAccepted] = []
        self.shown: list[Feedback] = []
        self.trusted = trusted
        self.why = why
        self.desk = kind(
            ["hall", "gate"],
            keys=KEYS,
            trusted=lambda: KEYS.trusted,
            world=self.world,
            journal=self.notebook,
            trusted_now=lambda: self.world.now() if self.trusted else None,
            open_door=self.open,
            show=lambda reader, feedback: self.shown.append(feedback),
        )
        self.give(*(grants or (grant(),)), hashes=hashes, offline=offline, **manifest)

    def give(
        self,
        *grants: Grant,
        hashes: Sequence[HashSet] = (HASHES,),
        offline: Sequence[OfflineKeys] = (),
        **manifest: Any,
    ) -> None:
        body = encode(GrantsPage(epoch=1, revision=1, grants=list(grants), offline=list(offline)))
        pages = [page_digest(body)]
        made = GrantsManifest(epoch=1, revision=1, hashes=list(hashes), pages=pages, **manifest)
        self.desk.table = self.desk.build(made, [body])

    def open(self, door: str, accepted: CodeAccepted, keep: Mapping[str, bytes]) -> RefusalReason | None:
        if self.why is None:
            self.accepted.append(accepted)
            self.notebook.append([], keep)
        return self.why

    @property
    def opened(self) -> list[str]:
        return [accepted.grant for accepted in self.accepted]

    @property
    def wrong(self) -> bytes:
        return self.notebook.kept["throttle:hall"]

    async def enter(self, code: str | None, door: str = "hall") -> bool:
        return await self.desk.enter(door, Entered(code), "keypad")


def staged(story: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test that runs in an event loop of its own."""

    def run() -> None:
        asyncio.run(story())

    run.__name__ = story.__name__
    return run


def card_grant(card: str = CARD, kind: CredentialKind = CredentialKind.CARD) -> Grant:
    value = lookup(PEPPER, hash_code(card_text(card), HASHES))
    return msgspec.structs.replace(grant(), kind=kind, lookup=value, id="ca" * 16)
