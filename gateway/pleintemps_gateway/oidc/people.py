"""From the claims of a provider to an account here."""

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from pleintemps_contract.world import World
from pleintemps_gateway.accounts.book import end_sessions, written
from pleintemps_gateway.errors import LogInError
from pleintemps_gateway.store.reading import EVERY_SITE
from pleintemps_gateway.store.schema import users

from .config import OidcConfig

_MAX_NAME: Final = 80


def words_of(config: OidcConfig, claims: Mapping[str, Any]) -> list[str]:
    """What ``role_claim`` holds: dots lead into objects, a single word is a list of one."""
    found: Any = claims
    for part in config.role_claim.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return [found]
    return [word for word in found if isinstance(word, str)] if isinstance(found, list) else []


def role_of(config: OidcConfig, words: list[str]) -> tuple[str, tuple[str, ...] | None]:
    """(role, sites or None for all); raises LogInError ``role`` for who has none of the words."""
    for word, role in config.roles.items():
        if word in words:
            named = config.sites.get(word)
            return role, None if named is None else tuple(sorted(named))
    raise LogInError("role", "nothing here is for this account")


def admit(
    conn: Connection, world: World, config: OidcConfig, claims: Mapping[str, Any]
) -> tuple[Row[Any], list[str]]:
    """The account's row, added or brought up to date, and the sessions that this ends; inside
    ``write_transaction`` of every site. Raises LogInError ``role``, ``name``, ``name-taken``, ``disabled``.

    People are known by issuer and subject alone: a name that the provider gives to somebody else, or that
    stands here with a password, lets nobody in.
    """
    role, sites = role_of(config, words_of(config, claims))
    listed = None if sites is None else json.dumps(list(sites))
    same = (users.c.issuer == config.issuer) & (users.c.subject == claims["sub"])
    row = conn.execute(select(users).where(same)).first()
    if row is None:
        name = _name(config, claims)
        taken = select(users.c.name).where(func.lower(users.c.name) == name.lower())
        if conn.execute(taken).first() is not None:
            raise LogInError("name-taken", "there is another account of that name")
        now = world.now()
        told = {"issuer": config.issuer, "subject": claims["sub"], "role": role, "sites": listed}
        conn.execute(insert(users).values(site=EVERY_SITE, name=name, password="", created=now, **told))
        written(conn, world, EVERY_SITE, name, "user.added", config.label, role=role)
        return conn.execute(select(users).where(same)).one(), []
    if row.disabled is not None:
        raise LogInError("disabled", "this account is disabled here")
    ended: list[str] = []
    if (row.role, row.sites) != (role, listed):
        conn.execute(update(users).where(same).values(role=role, sites=listed))
        written(conn, world, row.site, row.name, "user.changed", config.label, role=role)
        ended = end_sessions(conn, row.site, row.name)
    return conn.execute(select(users).where(same)).one(), ended


def _name(config: OidcConfig, claims: Mapping[str, Any]) -> str:
    told = claims.get(config.name_claim)
    name = " ".join(told.split()) if isinstance(told, str) else ""
    if not 1 <= len(name) <= _MAX_NAME or not name.isprintable() or len(claims["sub"]) > 255:
        raise LogInError("name", "the provider gives no usable name")
    return name
