"""Calls that may come twice: the same ``Idempotency-Key`` does a thing once."""

import hmac
from collections.abc import Callable
from typing import Annotated, Final, NamedTuple

from fastapi import Header
from sqlalchemy import Connection, delete, select

from pleintemps_gateway.audit.chain import SALT_BYTES, digest_of
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import calls
from pleintemps_gateway.store.upsert import upsert

from .context import Context
from .problems import Problem

KEEP_MS: Final = 7 * 86_400_000
"""So long a key is known."""

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,200}$",
        description="The caller's own name for this call: with it the call may be repeated for a week",
    ),
]


class Done(NamedTuple):
    """``again``: it was done before, and nothing was done now."""

    booking: str
    again: bool


def once(
    context: Context, site: SiteConfig, key: str | None, asked: str, work: Callable[[Connection], Done]
) -> Done:
    """Do ``work`` in one transaction, unless a call with this key asked for the same before.

    ``asked`` is the whole call in words; raises Problem 409 if the key was used for another.
    """
    with write_transaction(context.engine, [site.site]) as conn:
        if key is not None and (known := _find(conn, site.site, key, asked)) is not None:
            return Done(known, True)
        done = work(conn)
        if key is not None:
            _remember(conn, context, site.site, key, asked, done.booking)
        return done


def _find(conn: Connection, site: str, key: str, asked: str) -> str | None:
    row = conn.execute(select(calls).where(calls.c.site == site, calls.c.key == key)).first()
    if row is None:
        return None
    if not hmac.compare_digest(str(row.digest), digest_of(bytes(row.salt), asked)):
        message = "this key was used for another call"
        raise Problem(409, message, where="Idempotency-Key", code="key-used")
    return str(row.booking)


def _remember(conn: Connection, context: Context, site: str, key: str, asked: str, booking: str) -> None:
    now, salt = context.world.now(), context.world.random_bytes(SALT_BYTES)
    conn.execute(delete(calls).where(calls.c.site == site, calls.c.at < now - KEEP_MS))
    row = {"site": site, "key": key, "salt": salt, "digest": digest_of(salt, asked), "booking": booking}
    upsert(conn, calls, [row | {"at": now}])
