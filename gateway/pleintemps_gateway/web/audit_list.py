"""The audit log for people: searched, in pages, with what proves it."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, func, or_, select

from pleintemps_gateway.audit.chain import Verdict
from pleintemps_gateway.audit.log import EVERY_SITE, check
from pleintemps_gateway.store.schema import audit, audit_heads

PAGE: Final = 50
MOST_CSV: Final = 20_000
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "doors": ("door.",),
    "codes": ("code.", "salt."),
    "bookings": ("booking.", "help."),
    "groups": ("group.", "right."),
    "alerts": ("alert.", "notice.", "push."),
    "people": ("user.",),
    "looks": ("access.",),
    "privacy": ("person.",),
    "rooms": ("occupancy.",),
    "running": ("agent.", "broker.", "calendar.", "config.", "key.", "store.", "update.", "webhook."),
}
"""What the page calls a kind, by the beginnings of its actions."""


class Search(NamedTuple):
    """``start`` and ``end`` are Unix ms; empty texts and None ask for everything."""

    kind: str = ""
    door: str = ""
    who: str = ""
    start: int | None = None
    end: int | None = None


class Item(NamedTuple):
    """One entry. ``facts`` is None once erased; ``who`` is empty where nobody is named."""

    site: str
    seq: int
    at: int
    action: str
    subject: str
    who: str
    facts: Mapping[str, Any] | None


class Proof(NamedTuple):
    """How the chain of a site is, when that was found, when its head was signed last (Unix ms)."""

    site: str
    verdict: Verdict
    checked: int
    signed: int | None


def search(
    conn: Connection, sites: Sequence[str], wanted: Search, page: int = 0, limit: int = PAGE
) -> tuple[list[Item], bool]:
    """A page of entries, the youngest first, and whether more follow."""
    where: list[Any] = [audit.c.site.in_(sites)]
    if wanted.kind in KINDS:
        where.append(or_(*(audit.c.action.startswith(start) for start in KINDS[wanted.kind])))
    if wanted.door:
        where.append(audit.c.subject == f"door/{wanted.door}")
    if wanted.who:
        text = msgspec.json.encode(wanted.who).decode()
        named = [audit.c.fields.contains(f'"{key}":{text}', autoescape=True) for key in ("by", "name")]
        where.append(or_(*named))
    if wanted.start is not None:
        where.append(audit.c.at >= wanted.start)
    if wanted.end is not None:
        where.append(audit.c.at < wanted.end)
    order = (audit.c.at.desc(), audit.c.site, audit.c.seq.desc())
    query = select(audit).where(*where).order_by(*order).offset(page * limit).limit(limit + 1)
    rows = conn.execute(query).all()
    return [_item(row) for row in rows[:limit]], len(rows) > limit


def _item(row: Any) -> Item:
    facts = None if row.fields is None else msgspec.json.decode(row.fields, type=dict[str, Any])
    who = "" if facts is None else str(facts.get("by") or facts.get("name") or "")
    return Item(row.site, int(row.seq), int(row.at), row.action, row.subject, who, facts)


class Prover:
    """Proofs of this process. A chain is followed whole when it is asked for, or new: a long one takes
    seconds, so what was found is kept for :data:`FRESH_MS`. Any thread may call.
    """

    FRESH_MS: Final = 3_600_000
    SHORT: Final = 5_000
    """A chain of so few entries is followed each time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, Proof] = {}

    def prove(
        self,
        conn: Connection,
        sites: Sequence[str],
        keys: Mapping[str, Ed25519PublicKey],
        now: int,
        *,
        again: bool,
    ) -> list[Proof]:
        """One proof for each of ``sites`` that has entries."""
        found = []
        for site in sites:
            count = conn.scalar(select(func.max(audit.c.seq)).where(audit.c.site == site)) or 0
            if not count:
                continue
            with self._lock:
                known = self._found.get(site)
            if again or count <= self.SHORT or known is None or not 0 <= now - known.checked < self.FRESH_MS:
                signed = conn.scalar(select(func.max(audit_heads.c.at)).where(audit_heads.c.site == site))
                known = Proof(site, check(conn, site, keys), now, signed)
                with self._lock:
                    self._found[site] = known
            found.append(known)
        return found


def logs_of(sites: Sequence[str], *, everywhere: bool) -> list[str]:
    """The logs that a manager of ``sites`` reads: what concerns all sites is for who looks after all."""
    return [*sites, EVERY_SITE] if everywhere else list(sites)
