"""Making credentials: drawn, hashed, sealed, put into the store. Runs inside ``write_transaction``."""

from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, func, insert, select

from pleintemps_contract.credentials import hash_code
from pleintemps_contract.gateway_messages import CredentialKind
from pleintemps_contract.world import World
from pleintemps_gateway.config import DoorConfig, SiteConfig
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import credentials, grants

from .allocator import MIN_DIGITS, digits_for, draw
from .salts import ensure_salt
from .vault import Vault, link_hash

TYPED: Final = (CredentialKind.CODE.value, CredentialKind.STAFF_CODE.value)


class Issued(NamedTuple):
    """Shown once: the store cannot give it back without the link. ``code`` is what is typed, or the text of a
    token.
    """

    grant: str
    code: str
    link: str


class Issuer:
    """Makes credentials of one gateway: its vault and its World."""

    def __init__(self, vault: Vault, world: World) -> None:
        self.vault = vault
        self.world = world

    def draw(
        self,
        conn: Connection,
        site: SiteConfig,
        kind: CredentialKind,
        doors: list[DoorConfig],
        facts: dict[str, Any],
        page: bytes | None = None,
    ) -> Issued:
        """A new typed code, as long as the doors want that shall know it; ``facts`` are columns."""
        known = known_at_doors(conn, site.site, {door.agent for door in doors})
        most = max((sum(known.get(door.door, {}).values()) for door in doors), default=0)
        digits = digits_for(most, site.codes.guess, site.codes.digits)
        code = draw(self.world, digits, lambda code: self.is_taken(conn, site, code))
        hashed = hash_code(code, ensure_salt(conn, site, self.world))
        facts = {**facts, "digits": digits}
        return self.keep(conn, site, kind.value, self.world.new_id(), code, hashed, facts, page)

    def is_taken(self, conn: Connection, site: SiteConfig, text: str) -> bool:
        """Whether a credential of the site, alive or resting, has this very text."""
        same = (credentials.c.site == site.site) & (
            credentials.c.uniqueness == self.vault.uniqueness(site.site, text)
        )
        return conn.execute(select(credentials.c.grant).where(same)).first() is not None

    def keep(
        self,
        conn: Connection,
        site: SiteConfig,
        kind: str,
        grant: str,
        text: str,
        hashed: bytes,
        facts: dict[str, Any],
        page: bytes | None = None,
    ) -> Issued:
        """A row of ``credentials``. ``hashed`` is empty for what no door looks up; ``page`` is the key of the
        page that shall show it, besides the one of its own link.
        """
        link, now = self.vault.new_link(), self.world.now()
        conn.execute(
            insert(credentials).values(
                **facts,
                site=site.site,
                grant=grant,
                kind=kind,
                salt_id=ensure_salt(conn, site, self.world).salt_id,
                sealed_hash=self.vault.seal_hash(site.site, grant, hashed) if hashed else b"",
                uniqueness=self.vault.uniqueness(site.site, text),
                encrypted_code=self.vault.encrypt_code(site.site, grant, link, text),
                link_hash=link_hash(link),
                paged_code=None if page is None else self.vault.seal_to_page(site.site, grant, page, text),
                created=now,
            )
        )
        record_change(conn, site.site, "credentials", grant, now)
        return Issued(grant, text, link)


def known_at_doors(conn: Connection, site: str, agents: set[str]) -> dict[str, dict[int, int]]:
    """How many typed codes of each length every door of ``agents`` knows."""
    query = (
        select(grants.c.doors, credentials.c.digits, func.count())
        .join(credentials, (credentials.c.site == grants.c.site) & (credentials.c.grant == grants.c.grant))
        .where(grants.c.site == site, grants.c.agent.in_(sorted(agents)), credentials.c.kind.in_(TYPED))
        .group_by(grants.c.doors, credentials.c.digits)
    )
    found: dict[str, dict[int, int]] = {}
    for doors, digits, count in conn.execute(query):
        for door in msgspec.json.decode(doors, type=list[str]):
            lengths = found.setdefault(door, {})
            length = int(digits or MIN_DIGITS)
            lengths[length] = lengths.get(length, 0) + int(count)
    return found
