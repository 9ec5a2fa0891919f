"""From rows of ``grants`` to the pages and the manifest that one agent gets."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, Row, select

from pleintemps_contract.credentials import lookup
from pleintemps_contract.envelope import Signer
from pleintemps_contract.gateway_messages import (
    CredentialKind,
    Grant,
    GrantsManifest,
    GrantsPage,
    HashSet,
    Window,
)
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import encode, seal_gateway
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.errors import StoreError
from pleintemps_gateway.store.schema import credentials, grants


class Page(NamedTuple):
    grants: list[Grant]
    digest: str
    payload: bytes


class Published(NamedTuple):
    """What an agent should hold: sealed messages, ready to be sent again at every connect."""

    epoch: int
    revision: int
    pages: dict[int, Page]
    manifest: bytes

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(page.digest for page in self.pages.values())

    def messages(self, site: str, agent: str) -> list[tuple[str, bytes]]:
        """(topic, payload) in the order of sending: pages, then the manifest that names them."""
        pages = [
            (str(Topic.of_agent(site, agent, Channel.PAGE, page.digest)), page.payload)
            for page in self.pages.values()
        ]
        return [*pages, (str(Topic.of_agent(site, agent, Channel.MANIFEST)), self.manifest)]


class GrantBook:
    """Composes one agent's grants; keeps look-ups, so that a change costs one page."""

    def __init__(self, site: str, agent: str, pepper: bytes, vault: Vault, signer: Signer) -> None:
        self._site = site
        self._agent = agent
        self._pepper = pepper
        self._vault = vault
        self._signer = signer
        self._lookups: dict[str, str] = {}
        self.published: Published | None = None

    def sign_with(self, signer: Signer) -> None:
        """Forget what another key has signed; to be composed anew."""
        self._signer = signer
        self.published = None

    def compose(self, conn: Connection, hashes: HashSet, epoch: int, revision: int) -> Published:
        """The complete set as stored, as revision ``revision``; pages that did not change stay.

        Raises StoreError if the store was sealed with another key, ValueError if a page is too large.
        """
        pages: dict[int, Page] = {}
        old = {} if self.published is None else self.published.pages
        for number, wanted in self._wanted(conn).items():
            known = old.get(number)
            pages[number] = known if known and known.grants == wanted else self._page(wanted, epoch, revision)
        manifest = GrantsManifest(
            epoch=epoch,
            revision=revision,
            hashes=[hashes],
            pages=[page.digest for page in pages.values()],
        )
        topic = Topic.of_agent(self._site, self._agent, Channel.MANIFEST)
        return Published(epoch, revision, pages, seal_gateway(topic, manifest, self._signer))

    def _page(self, wanted: Sequence[Grant], epoch: int, revision: int) -> Page:
        page = GrantsPage(epoch=epoch, revision=revision, grants=list(wanted))
        digest = hashlib.sha256(encode(page)).hexdigest()
        topic = Topic.of_agent(self._site, self._agent, Channel.PAGE, digest)
        return Page(list(wanted), digest, seal_gateway(topic, page, self._signer))

    def _wanted(self, conn: Connection) -> dict[int, list[Grant]]:
        query = (
            select(grants, credentials.c.kind, credentials.c.salt_id, credentials.c.sealed_hash)
            .join(
                credentials,
                (credentials.c.site == grants.c.site) & (credentials.c.grant == grants.c.grant),
            )
            .where(grants.c.site == self._site, grants.c.agent == self._agent)
            .order_by(grants.c.page, grants.c.grant)
        )
        pages: dict[int, list[Grant]] = {}
        for row in conn.execute(query):
            pages.setdefault(int(row.page), []).append(self._grant(row))
        return pages

    def _grant(self, row: Row[Any]) -> Grant:
        name = str(row.grant)
        if name not in self._lookups:
            try:
                code_hash = self._vault.open_hash(self._site, name, row.sealed_hash)
            except InvalidTag as error:
                raise StoreError("codes cannot be unsealed: sealing.key is not that of this store") from error
            self._lookups[name] = lookup(self._pepper, code_hash)
        return Grant(
            id=name,
            kind=CredentialKind(row.kind),
            salt_id=row.salt_id,
            lookup=self._lookups[name],
            doors=msgspec.json.decode(row.doors, type=list[str]),
            windows=[Window(start=row.start, end=row.end)],
        )
