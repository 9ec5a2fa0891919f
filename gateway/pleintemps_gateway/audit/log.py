"""The audit log in the store. Writing runs inside ``write_transaction``."""

import base64
from collections.abc import Collection, Container, Iterator, Mapping
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Row, insert, select, update

from pleintemps_contract.envelope import Header, Signer, key_id, signed_bytes
from pleintemps_contract.world import World
from pleintemps_gateway.store.engine import lock_site
from pleintemps_gateway.store.schema import audit, audit_heads

from .chain import GENESIS, SALT_BYTES, Entry, Verdict, chain_of, digest_of, verify

EVERY_SITE: Final = "*"
"""The log of what concerns no single site: people who look after all of them."""
_BATCH: Final = 1_000


def record(
    conn: Connection, site: str, world: World, action: str, subject: str, fields: Mapping[str, Any]
) -> int:
    """Add an entry; its number. ``subject`` is ``kind/id`` and never a person; who did it, and whatever else
    is personal, stands in ``fields`` (JSON) and can be erased.
    """
    lock_site(conn, site)
    last = conn.execute(
        select(audit.c.seq, audit.c.chain).where(audit.c.site == site).order_by(audit.c.seq.desc()).limit(1)
    ).first()
    seq, before = (1, GENESIS) if last is None else (int(last.seq) + 1, str(last.chain))
    at, salt = world.now(), world.random_bytes(SALT_BYTES)
    text = msgspec.json.encode(dict(fields), order="deterministic").decode()
    digest = digest_of(salt, text)
    conn.execute(
        insert(audit).values(
            site=site,
            seq=seq,
            at=at,
            action=action,
            subject=subject,
            salt=salt,
            fields=text,
            digest=digest,
            chain=chain_of(before, site, seq, at, action, subject, digest),
        )
    )
    return seq


def erase(
    conn: Connection,
    site: str,
    *,
    subject: str | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> int:
    """Forget what entries about ``subject``, or older than ``before`` (Unix ms), say of people; how many."""
    mine = (audit.c.site == site) & audit.c.fields.is_not(None)
    if subject is not None:
        mine &= audit.c.subject == subject
    if before is not None:
        mine &= audit.c.at < before
    if limit is not None:
        oldest = select(audit.c.seq).where(mine).order_by(audit.c.at, audit.c.seq).limit(limit)
        mine = (audit.c.site == site) & audit.c.seq.in_(oldest)
    return conn.execute(update(audit).where(mine).values(salt=None, fields=None)).rowcount


def erase_named(conn: Connection, site: str, words: Collection[str]) -> int:
    """As :func:`erase`, for every entry whose fields hold one of ``words``, in any case of letters; how many.

    Reads the whole log of the site.
    """
    found = [entry.seq for entry in named(conn, site, words)]
    for start in range(0, len(found), _BATCH):
        some = (audit.c.site == site) & audit.c.seq.in_(found[start : start + _BATCH])
        conn.execute(update(audit).where(some).values(salt=None, fields=None))
    return len(found)


def named(conn: Connection, site: str, words: Collection[str]) -> list[Entry]:
    """The entries whose fields hold one of ``words``, in any case of letters, the oldest first."""
    wanted = [word.casefold() for word in words if word]
    return [
        entry
        for entry in _entries(conn, site)
        if entry.fields is not None and any(word in entry.fields.casefold() for word in wanted)
    ]


def sign_head(conn: Connection, site: str, signer: Signer, now: int) -> bool:
    """Sign the last entry with the gateway's key, if it is not signed yet."""
    lock_site(conn, site)
    last = conn.execute(
        select(audit.c.seq, audit.c.chain).where(audit.c.site == site).order_by(audit.c.seq.desc()).limit(1)
    ).first()
    if last is None:
        return False
    signed = select(audit_heads.c.seq).where(audit_heads.c.site == site, audit_heads.c.seq == last.seq)
    if conn.execute(signed).first() is not None:
        return False
    sealed = signer.seal(_domain(site), _head(int(last.seq), str(last.chain)))
    conn.execute(
        insert(audit_heads).values(
            site=site,
            seq=last.seq,
            at=now,
            chain=last.chain,
            kid=signer.kid,
            signature=msgspec.json.decode(sealed.partition(b"\n")[0], type=Header).sig,
        )
    )
    return True


def check(conn: Connection, site: str, keys: Mapping[str, Ed25519PublicKey]) -> Verdict:
    """Follow the whole chain of ``site``, and every signed head in it whose key is among ``keys``."""
    heads = {int(row.seq): row for row in conn.execute(select(audit_heads).where(audit_heads.c.site == site))}
    chains: dict[int, str] = {}
    verdict = verify(site, _remembered(_entries(conn, site), heads.keys(), chains))
    if verdict.broken is not None:
        return verdict
    for seq, head in sorted(heads.items()):
        if chains.get(seq) != head.chain:
            return verdict._replace(broken=seq, reason="it is not what was signed")
        key = keys.get(head.kid)
        if key is None:
            continue  # of a key that was retired; the next head covers what it covered
        if not _is_signed(key, site, head):
            return verdict._replace(broken=seq, reason="its signature is not the gateway's")
        verdict = verdict._replace(heads=verdict.heads + 1, proved=seq)
    return verdict


def sites_of(conn: Connection) -> list[str]:
    """Every site with entries; ``*`` is what concerns them all."""
    return sorted(str(site) for site in conn.execute(select(audit.c.site).distinct()).scalars())


def chain_at(conn: Connection, site: str, seq: int) -> str | None:
    """The chain value of entry ``seq``; None if there is none."""
    mine = (audit.c.site == site) & (audit.c.seq == seq)
    return conn.execute(select(audit.c.chain).where(mine)).scalar()


def entries_about(conn: Connection, site: str, subject: str = "") -> Iterator[Entry]:
    """The entries of a site, the oldest first; those about ``subject`` alone if it is given."""
    return (entry for entry in _entries(conn, site) if subject in ("", entry.subject))


def public_keys(keys: list[Ed25519PublicKey]) -> dict[str, Ed25519PublicKey]:
    """Keys by their id, for :func:`check`."""
    return {key_id(key): key for key in keys}


def _domain(site: str) -> str:
    """What a signed head stands under in the place of a topic: no message is mistaken for one."""
    return f"audit/{site}"


def _head(seq: int, chain: str) -> bytes:
    return f"{seq} {chain}".encode()


def _is_signed(key: Ed25519PublicKey, site: str, head: Row[Any]) -> bool:
    signed = signed_bytes(_domain(site), _head(int(head.seq), str(head.chain)))
    try:
        key.verify(base64.b64decode(head.signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _remembered(entries: Iterator[Entry], wanted: Container[int], chains: dict[int, str]) -> Iterator[Entry]:
    for entry in entries:
        if entry.seq in wanted:
            chains[entry.seq] = entry.chain
        yield entry


def _entries(conn: Connection, site: str) -> Iterator[Entry]:
    after = 0
    while True:
        rows = conn.execute(
            select(audit).where(audit.c.site == site, audit.c.seq > after).order_by(audit.c.seq).limit(_BATCH)
        ).all()
        for row in rows:
            yield Entry(
                seq=int(row.seq),
                at=int(row.at),
                action=row.action,
                subject=row.subject,
                salt=None if row.salt is None else bytes(row.salt),
                fields=row.fields,
                digest=row.digest,
                chain=row.chain,
            )
        if len(rows) < _BATCH:
            return
        after = int(rows[-1].seq)
