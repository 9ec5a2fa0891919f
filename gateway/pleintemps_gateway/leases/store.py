"""Leases in the store (PostgreSQL). What may be done is said by :mod:`.rules`, under the lock of the site."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from sqlalchemy import BigInteger, Connection, Engine, cast, delete, extract, func, select, tuple_, update

from pleintemps_gateway.store.engine import IDLE_MS, write_transaction
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


def look(conn: Connection, sites: Collection[str] | None = None) -> View:
    """Who lives and who rules; everywhere, or at ``sites``."""
    alive = {
        row.gateway: Gateway(row.run, row.expires, row.sites)
        for row in conn.execute(select(gateways).where(gateways.c.site == EVERY))
    }
    in_force = select(leases).where(leases.c.ended.is_(None))
    if sites is not None:
        in_force = in_force.where(leases.c.site.in_(sites))
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


def take(engine: Engine, sites: Collection[str], gateway: str, run: str, wall: int) -> dict[str, int]:
    """Begin a term at those of ``sites`` that are free, if we live; its token, by site. ``wall``: Unix ms of
    the gateway's clock.

    The sites' locks keep out whoever writes in their name: what the last holders wrote is committed, and from
    here on they write nothing.
    """
    with write_transaction(engine, sites, idle_ms=IDLE_MS) as conn:
        view = look(conn, sites)
        me = view.gateways.get(gateway)
        if me is None or me.run != run or view.now >= me.expires:
            return {}
        free = [site for site in sites if is_free(view.terms.get(site), view.gateways, view.now)]
        if not free:
            return {}
        mine = leases.c.site.in_(free)
        conn.execute(update(leases).where(mine, leases.c.ended.is_(None)).values(ended=view.now))
        conn.execute(delete(leases).where(mine, leases.c.ended < view.now - KEPT_MS))
        reigned = select(reigns.c.site, reigns.c.epoch).where(reigns.c.site.in_(free))
        last = {row.site: int(row.epoch) for row in conn.execute(reigned)}
        tokens = {site: next_token(last.get(site), wall) for site in free}
        term = {"gateway": gateway, "run": run, "taken": view.now, "ended": None}
        upsert(conn, leases, [{"site": site, "token": token, **term} for site, token in tokens.items()])
        reign = {"revision": 0, "started": wall}
        upsert(conn, reigns, [{"site": site, "epoch": token, **reign} for site, token in tokens.items()])
        return tokens


def release(engine: Engine, tokens: Mapping[str, int]) -> None:
    """End terms of ours, by site; everything that was to be written in them is."""
    with write_transaction(engine, tokens, idle_ms=IDLE_MS) as conn:
        own = tuple_(leases.c.site, leases.c.token).in_(list(tokens.items()))
        conn.execute(update(leases).where(own, leases.c.ended.is_(None)).values(ended=clock(conn)))
