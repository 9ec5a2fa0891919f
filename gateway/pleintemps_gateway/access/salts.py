"""How codes are hashed at a site: one set of argon2id parameters, and two from a change until the last code
of the older one is off its doors. The gateway cannot read a code back, so none changes its set.

Every function runs inside ``write_transaction``.
"""

from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select

from pleintemps_contract.gateway_messages import HashSet
from pleintemps_contract.world import World
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.store.changes import record_changes
from pleintemps_gateway.store.schema import credentials, grants, salts


class SetInUse(NamedTuple):
    """A set of parameters, the codes and cards that live under it, and when the last of them ends (Unix ms,
    None where none is on a door).
    """

    hashes: HashSet
    codes: int
    until: int | None


def sets_of(conn: Connection, site: str) -> list[HashSet]:
    """The sets of the site, the one for new codes first; none before the first code."""
    order = (salts.c.made.desc(), salts.c.salt_id)
    return [_read(row) for row in conn.execute(select(salts).where(salts.c.site == site).order_by(*order))]


def ensure_salt(conn: Connection, site: SiteConfig, world: World) -> HashSet:
    """How new codes are hashed: the youngest set, made at the first call."""
    found = sets_of(conn, site.site)
    return found[0] if found else _make(conn, site, world, "first")


def new_salt(conn: Connection, site: SiteConfig, world: World) -> HashSet:
    """Another salt, with the cost of the configuration, for every code from now on; agents are told.

    Raises SettingsError while codes of two sets live: that is the wire's limit, and each set costs the door a
    hash per attempt.
    """
    ensure_salt(conn, site, world)
    if old := next((each for each in in_use(conn, site.site)[1:] if each.codes), None):
        raise SettingsError(
            f"{old.codes} codes of the set before this one live: see `pleintemps-gateway codes salt status`"
        )
    made = _make(conn, site, world, f"s-{world.new_id()[:16]}")
    _tell(conn, site, made.salt_id, world.now())
    forget_unused(conn, site, world.now())
    return made


def in_use(conn: Connection, site: str) -> list[SetInUse]:
    """The sets of the site, the one for new codes first, with what lives under each."""
    living = (
        select(credentials.c.salt_id, func.count(credentials.c.grant.distinct()), func.max(grants.c.end))
        .join(
            grants,
            (grants.c.site == credentials.c.site) & (grants.c.grant == credentials.c.grant),
            isouter=True,
        )
        .where(
            credentials.c.site == site,
            credentials.c.rests_until.is_(None),
            credentials.c.sealed_hash != b"",  # tokens and offline codes are looked up by nobody
        )
        .group_by(credentials.c.salt_id)
    )
    counts = {row[0]: (int(row[1]), row[2]) for row in conn.execute(living)}
    return [SetInUse(each, *counts.get(each.salt_id, (0, None))) for each in sets_of(conn, site)]


def forget_unused(conn: Connection, site: SiteConfig, now: int) -> None:
    """Drop every set but the youngest under which nothing lives: doors hash once again for each attempt."""
    for old in in_use(conn, site.site)[1:]:
        if not old.codes:
            mine = (salts.c.site == site.site) & (salts.c.salt_id == old.hashes.salt_id)
            conn.execute(delete(salts).where(mine))
            _tell(conn, site, old.hashes.salt_id, now)


def _make(conn: Connection, site: SiteConfig, world: World, name: str) -> HashSet:
    made = HashSet(
        salt_id=name,
        salt=world.new_id(),
        memory_kib=site.codes.memory_kib,
        iterations=site.codes.iterations,
        lanes=1,
    )
    last = conn.execute(select(func.max(salts.c.made)).where(salts.c.site == site.site)).scalar_one()
    at = max(world.now(), 0 if last is None else int(last) + 1)  # a clock that went back is no older set
    conn.execute(insert(salts).values(site=site.site, made=at, **msgspec.structs.asdict(made)))
    return made


def _tell(conn: Connection, site: SiteConfig, name: str, now: int) -> None:
    agents = dict.fromkeys(door.agent for door in site.doors)
    record_changes(conn, site.site, [("grants", f"{agent}/{name}") for agent in agents], now)


def _read(row: Row[tuple[object, ...]]) -> HashSet:
    fields = row._mapping
    return msgspec.convert({name: fields[name] for name in HashSet.__struct_fields__}, HashSet)
