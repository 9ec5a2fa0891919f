"""Leases in the store (PostgreSQL). What may be done is said by :mod:`.rules`, under the lock of the site."""

import hashlib
from collections.abc import Iterable
from typing import Final

from sqlalchemy import BigInteger, Connection, Engine, cast, delete, extract, func, select, update

from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import gateways, leases, reigns
from pleintemps_gateway.store.upsert import upsert

from .rules import LIVES_MS, Gateway, Term, View, is_free, next_token

EVERY: Final = "*"
KEPT_MS: Final = 30 * 86_400_000
"""Terms that ended earlier are forgotten when the site is taken again."""
_NOW: Final = select(cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger))


def mark_of(sites: Iterable[str]) -> str:
    """Tells one set of sites from another."""
    return hashlib.sha256("\n".join(sorted(sites)).encode()).hexdigest()[:16]


def clock(conn: Connection) -> int:
    """Unix ms by the store's clock, which all gateways share."""
    return int(conn.execute(_NOW).scalar_one())


def look(conn: Connection, site: str | None = None) -> View:
    """Who lives and who rules; everywhere, or at one ``site``."""
    alive = {
        row.gateway: Gateway(row.run, row.expires, row.sites)
        for row in conn.execute(select(gateways).where(gateways.c.site == EVERY))
    }
    in_force = select(leases).where(leases.c.ended.is_(None))
    if site is not None:
        in_force = in_force.where(leases.c.site == site)
    terms = {row.site: Term(row.gateway, row.run, row.token) for row in conn.execute(in_force)}
    return View(clock(conn), alive, terms)


def join(engine: Engine, gateway: str, run: str, sites: Iterable[str]) -> None:
    """Show up for the first time; an earlier process of the same name is dead from now on."""
    with engine.begin() as conn:
        now = clock(conn)
        row = {"site": EVERY, "gateway": gateway, "run": run, "sites": mark_of(sites), "joined": now}
        upsert(conn, gateways, [row | {"expires": now + LIVES_MS}])


def renew(engine: Engine, gateway: str, run: str) -> View:
    """Show a sign of life, if this process still goes by this name, and see who rules."""
    mine = (gateways.c.site == EVERY) & (gateways.c.gateway == gateway) & (gateways.c.run == run)
    with engine.begin() as conn:
        alive = update(gateways).where(mine).values(expires=clock(conn) + LIVES_MS)
        conn.execute(alive)
        return look(conn)


def leave(engine: Engine, gateway: str, run: str) -> None:
    """Go in order: whatever this process still holds is free."""
    with engine.begin() as conn:
        mine = (leases.c.gateway == gateway) & (leases.c.run == run) & leases.c.ended.is_(None)
        conn.execute(update(leases).where(mine).values(ended=clock(conn)))
        own = (gateways.c.site == EVERY) & (gateways.c.gateway == gateway) & (gateways.c.run == run)
        conn.execute(delete(gateways).where(own))


def take(engine: Engine, site: str, gateway: str, run: str, wall: int) -> int | None:
    """Begin a term, if the site is free and we live; its token. ``wall``: Unix ms of the gateway's clock.

    The site's lock keeps out whoever writes in its name: what the last holder wrote is committed, and from
    here on it writes nothing.
    """
    with write_transaction(engine, [site]) as conn:
        view = look(conn, site)
        me = view.gateways.get(gateway)
        if me is None or me.run != run or view.now >= me.expires:
            return None
        if not is_free(view.terms.get(site), view.gateways, view.now):
            return None
        mine = leases.c.site == site
        conn.execute(update(leases).where(mine, leases.c.ended.is_(None)).values(ended=view.now))
        conn.execute(delete(leases).where(mine, leases.c.ended < view.now - KEPT_MS))
        last = conn.execute(select(reigns.c.epoch).where(reigns.c.site == site)).scalar_one_or_none()
        token = next_token(last, wall)
        term = {"site": site, "token": token, "gateway": gateway, "run": run, "taken": view.now}
        upsert(conn, leases, [term | {"ended": None}])
        upsert(conn, reigns, [{"site": site, "epoch": token, "revision": 0, "started": wall}])
        return token


def release(engine: Engine, site: str, token: int) -> None:
    """End a term of ours; everything that was to be written in it is."""
    with write_transaction(engine, [site]) as conn:
        mine = (leases.c.site == site) & (leases.c.token == token) & leases.c.ended.is_(None)
        conn.execute(update(leases).where(mine).values(ended=clock(conn)))
