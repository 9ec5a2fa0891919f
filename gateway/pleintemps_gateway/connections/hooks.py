"""Webhooks as people make and change them. Every function runs inside ``write_transaction``."""

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from pleintemps_contract.world import World
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.errors import WebhookError
from pleintemps_gateway.store.changes import last_change, record_change
from pleintemps_gateway.store.schema_connections import posts, webhooks

from .bodies import EVENTS
from .guarded import Networks, check_url
from .signing import SECRET_BYTES, secret_text

MOST: Final = 20
"""Webhooks of one site."""
OVERLAP_MS: Final = 86_400_000
"""So long the old secret signs beside the new one."""
LABEL: Final = 80


class Made(NamedTuple):
    """``secret`` is shown to its owner this once."""

    hook: str
    secret: str


def make(
    conn: Connection,
    site: str,
    vault: Vault,
    world: World,
    networks: Networks,
    *,
    label: str,
    url: str,
    events: Collection[str],
    by: str,
) -> Made:
    """A webhook that is told what changes from now on; raises WebhookError."""
    wanted = [event for event in EVENTS if event in events]
    if not wanted:
        raise WebhookError("events", "choose what is to be told")
    address = check_url(url, networks)
    if (conn.scalar(select(func.count()).where(webhooks.c.site == site)) or 0) >= MOST:
        raise WebhookError("too-many", f"a site has at most {MOST} webhooks")
    hook, secret, now = world.new_id(), world.random_bytes(SECRET_BYTES), world.now()
    conn.execute(
        insert(webhooks).values(
            site=site,
            hook=hook,
            label=label.strip()[:LABEL],
            url=address,
            events=msgspec.json.encode(wanted).decode(),
            secret=vault.seal_hook(site, hook, secret),
            made=now,
            made_by=by,
            state="on",
            cursor=last_change(conn, site),
        )
    )
    _note(conn, site, world, "webhook.made", hook, by)
    return Made(hook, secret_text(secret))


def rotate(conn: Connection, site: str, hook: str, vault: Vault, world: World, by: str) -> Made | None:
    """Another secret; the old one signs beside it for a day. None for a webhook that is not there."""
    row = find(conn, site, hook)
    if row is None:
        return None
    secret = world.random_bytes(SECRET_BYTES)
    values = {
        "secret": vault.seal_hook(site, hook, secret),
        "old_secret": row.secret,
        "old_until": world.now() + OVERLAP_MS,
    }
    _set(conn, site, hook, values)
    _note(conn, site, world, "webhook.secret", hook, by)
    return Made(hook, secret_text(secret))


def switch(conn: Connection, site: str, hook: str, on: bool, world: World, by: str) -> bool:
    """Switch it on or off; on again it hears of what has changed meanwhile. False if it is not there."""
    if find(conn, site, hook) is None:
        return False
    values: dict[str, Any] = {"state": "on" if on else "off", "failing": None, "error": None}
    _set(conn, site, hook, values)
    if on:
        waiting = (posts.c.site == site) & (posts.c.hook == hook) & posts.c.body.is_not(None)
        conn.execute(update(posts).where(waiting).values(due=world.now(), attempts=0))
    _note(conn, site, world, "webhook.on" if on else "webhook.off", hook, by)
    return True


def remove(conn: Connection, site: str, hook: str, world: World, by: str) -> bool:
    """Forget it and all that waits for it; False if it is not there."""
    if find(conn, site, hook) is None:
        return False
    conn.execute(delete(posts).where(posts.c.site == site, posts.c.hook == hook))
    conn.execute(delete(webhooks).where(webhooks.c.site == site, webhooks.c.hook == hook))
    _note(conn, site, world, "webhook.removed", hook, by)
    return True


def find(conn: Connection, site: str, hook: str) -> Row[Any] | None:
    mine = (webhooks.c.site == site) & (webhooks.c.hook == hook)
    return conn.execute(select(webhooks).where(mine)).first()


def _set(conn: Connection, site: str, hook: str, values: dict[str, Any]) -> None:
    mine = (webhooks.c.site == site) & (webhooks.c.hook == hook)
    conn.execute(update(webhooks).where(mine).values(**values))


def _note(conn: Connection, site: str, world: World, action: str, hook: str, by: str) -> None:
    record_change(conn, site, "webhooks", hook, world.now())
    record(conn, site, world, action, f"webhook/{hook}", {"by": by})
