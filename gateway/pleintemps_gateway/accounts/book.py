"""Accounts in the store: added, changed, disabled, and every change written down. What takes a right away, or
gives another one, ends the sessions of that account; they are returned, for the live streams to end as well.

Functions that take ``conn`` run inside ``write_transaction`` of the account's ``home``.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from pleintemps_contract.world import World
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.errors import AccountError
from pleintemps_gateway.store.reading import EVERY_SITE
from pleintemps_gateway.store.schema import account_links, push_subscriptions, sessions, users

MANAGER: Final = "manager"
ROLES: Final = ("caretaker", "manager", "tester", "viewer")
LANGUAGES: Final = ("", "fr", "en")
THEMES: Final = ("", "light", "dark")
_MAX_NAME: Final = 80
_MAX_MAIL: Final = 254


class Draft(NamedTuple):
    """An account to be. ``sites`` empty: every site. ``mail`` is where links go; empty if nowhere."""

    name: str
    role: str
    sites: tuple[str, ...] = ()
    mail: str = ""


class Person(NamedTuple):
    """An account. ``sites`` is None for every site; ``sessions`` counts those that are good now."""

    key: str
    home: str
    name: str
    role: str
    sites: tuple[str, ...] | None
    created: int
    seen: int | None
    disabled: int | None
    mail: str
    language: str
    theme: str
    has_password: bool
    issuer: str
    sessions: int

    def within(self, seen: Sequence[str], everywhere: bool) -> bool:
        """Whether a manager of the sites ``seen`` rules it (``everywhere``: of all, and of those to come)."""
        return everywhere if self.sites is None else set(self.sites) <= set(seen)


def key_of(home: str, name: str) -> str:
    """The name of an account in addresses: no person's name stands in a log of addresses."""
    return hashlib.blake2b(f"{home}\0{name}".encode(), digest_size=16).hexdigest()


def people(conn: Connection, now: int) -> list[Person]:
    """Everybody, by name."""
    table = sessions.c
    good = (table.expires > now) & (table.idle_at.is_(None) | (table.idle_at > now))
    counted = select(table.site, table.name, func.count()).where(good).group_by(table.site, table.name)
    counts = {(site, name): int(count) for site, name, count in conn.execute(counted)}
    rows = conn.execute(select(users).order_by(users.c.name, users.c.site)).all()
    return [_person(row, counts.get((row.site, row.name), 0)) for row in rows]


def find(conn: Connection, key: str, now: int) -> Person:
    """Raises AccountError ``unknown``."""
    for person in people(conn, now):
        if person.key == key:
            return person
    raise AccountError("unknown", "no such account")


def named(conn: Connection, said: str, now: int) -> list[Person]:
    """Who is called so, or has this address, large or small; none who logs in elsewhere or may not at all."""
    wanted = " ".join(said.split()).casefold()
    return [
        person
        for person in people(conn, now)
        if wanted in (person.name.casefold(), person.mail.casefold())
        and not person.issuer
        and person.disabled is None
    ]


def row_of(conn: Connection, home: str, name: str) -> Row[Any]:
    """Its row of ``users``; raises AccountError ``unknown``."""
    row = conn.execute(select(users).where(users.c.site == home, users.c.name == name)).first()
    if row is None:
        raise AccountError("unknown", "no such account")
    return row


def has_manager(conn: Connection) -> bool:
    """Whether anybody may run the whole gateway."""
    return _managers(conn) > 0


def add(conn: Connection, world: World, draft: Draft, by: str, password: str = "") -> tuple[str, str]:
    """Add an account without a password, or with the encoded ``password``; (home, name).

    Raises AccountError for what cannot be.
    """
    name = check(draft)
    taken = conn.execute(select(users.c.name).where(func.lower(users.c.name) == name.lower())).first()
    if taken is not None:
        raise AccountError("name-taken", "there is an account of that name")
    now = world.now()
    conn.execute(
        insert(users).values(
            site=EVERY_SITE,
            name=name,
            password=password,
            role=draft.role,
            created=now,
            changed=now if password else None,
            mail=draft.mail.strip() or None,
            sites=_listed(draft.sites),
        )
    )
    written(conn, world, EVERY_SITE, name, "user.added", by, role=draft.role, sites=list(draft.sites))
    return EVERY_SITE, name


def check(draft: Draft) -> str:
    """The name as it is kept; raises AccountError ``name``, ``role``, ``mail``."""
    name = " ".join(draft.name.split())
    if not 1 <= len(name) <= _MAX_NAME or not name.isprintable():
        raise AccountError("name", f"a name has 1 to {_MAX_NAME} printable characters")
    if draft.role not in ROLES:
        raise AccountError("role", "no such role")
    check_mail(draft.mail.strip())
    return name


def check_mail(mail: str) -> None:
    """Raises AccountError ``mail`` for what is no address; empty is none."""
    local, at, host = mail.partition("@")
    fits = len(mail) <= _MAX_MAIL and mail.isprintable() and not any(letter in mail for letter in " ,;<>{}")
    if mail and not (fits and local and at and "." in host and "@" not in host):
        raise AccountError("mail", "this is no mail address")


def change(
    conn: Connection, world: World, person: Person, role: str, sites: tuple[str, ...], by: str
) -> list[str]:
    """Give another role or other sites (empty: every one); the hashes of the sessions that this ends.

    Raises AccountError ``role``, ``last-manager``, or ``sites`` for other sites of an account of one site.
    """
    if role not in ROLES:
        raise AccountError("role", "no such role")
    if person.home != EVERY_SITE and sites != (person.home,):
        raise AccountError("sites", "this account is of one site: make another one")
    wanted = None if person.home != EVERY_SITE else _listed(sites)
    mine = (users.c.site == person.home) & (users.c.name == person.name)
    conn.execute(update(users).where(mine).values(role=role, sites=wanted))
    _keep_a_manager(conn, person)
    written(conn, world, person.home, person.name, "user.changed", by, role=role, sites=list(sites))
    return end_sessions(conn, person.home, person.name)


def disable(conn: Connection, world: World, person: Person, by: str, *, disabled: bool = True) -> list[str]:
    """Let nobody log in by it, or again; as :func:`change`."""
    mine = (users.c.site == person.home) & (users.c.name == person.name)
    conn.execute(update(users).where(mine).values(disabled=world.now() if disabled else None))
    _keep_a_manager(conn, person)
    action = "user.disabled" if disabled else "user.enabled"
    written(conn, world, person.home, person.name, action, by)
    return end_sessions(conn, person.home, person.name)


def remove(conn: Connection, world: World, person: Person, by: str) -> list[str]:
    """Take it out, and the browsers that told it of alerts; as :func:`change`."""
    ended = end_sessions(conn, person.home, person.name)
    links, browsers = account_links.c, push_subscriptions.c
    conn.execute(delete(account_links).where(links.site == person.home, links.name == person.name))
    conn.execute(
        delete(push_subscriptions).where(browsers.site == person.home, browsers.person == person.name)
    )
    conn.execute(delete(users).where(users.c.site == person.home, users.c.name == person.name))
    _keep_a_manager(conn, person)
    written(conn, world, person.home, person.name, "user.removed", by)
    return ended


def set_password(conn: Connection, world: World, home: str, name: str, password: str, by: str) -> list[str]:
    """Another password, encoded; as :func:`change`. One-time links of the account are over."""
    mine = (users.c.site == home) & (users.c.name == name)
    conn.execute(update(users).where(mine).values(password=password, changed=world.now()))
    conn.execute(delete(account_links).where(account_links.c.site == home, account_links.c.name == name))
    written(conn, world, home, name, "user.password", by)
    return end_sessions(conn, home, name)


def set_own(conn: Connection, home: str, name: str, mail: str, language: str, theme: str) -> None:
    """What people choose for themselves; raises AccountError ``mail``."""
    check_mail(mail)
    mine = (users.c.site == home) & (users.c.name == name)
    known = {"language": language if language in LANGUAGES else "", "theme": theme if theme in THEMES else ""}
    values = {"mail": mail or None} | {column: value or None for column, value in known.items()}
    conn.execute(update(users).where(mine).values(**values))


def end_all(conn: Connection, world: World, person: Person, by: str) -> list[str]:
    """End every session of an account that is another's; as :func:`change`."""
    written(conn, world, person.home, person.name, "user.sessions-ended", by)
    return end_sessions(conn, person.home, person.name)


def end_sessions(conn: Connection, home: str, name: str) -> list[str]:
    """The hashes of the sessions that were."""
    mine = (sessions.c.site == home) & (sessions.c.name == name)
    found = conn.scalars(select(sessions.c.token_hash).where(mine)).all()
    conn.execute(delete(sessions).where(mine))
    return [str(each) for each in found]


def _managers(conn: Connection) -> int:
    table = users.c
    able = (table.role == MANAGER) & table.disabled.is_(None) & (table.site == EVERY_SITE)
    able &= table.sites.is_(None) & ((table.password != "") | table.subject.is_not(None))
    return int(conn.scalar(select(func.count()).where(able)) or 0)


def _keep_a_manager(conn: Connection, person: Person) -> None:
    """Raises AccountError ``last-manager``, which undoes the transaction."""
    if person.role == MANAGER and person.sites is None and _managers(conn) == 0:
        raise AccountError("last-manager", "somebody must be able to run the gateway")


def _listed(sites: Sequence[str]) -> str | None:
    return json.dumps(sorted(sites)) if sites else None


def _person(row: Row[Any], count: int) -> Person:
    sites: tuple[str, ...] | None = (row.site,) if row.site != EVERY_SITE else None
    if row.sites is not None:
        sites = tuple(json.loads(row.sites))
    return Person(
        key=key_of(row.site, row.name),
        home=row.site,
        name=row.name,
        role=row.role,
        sites=sites,
        created=row.created,
        seen=row.seen,
        disabled=row.disabled,
        mail=row.mail or "",
        language=row.language or "",
        theme=row.theme or "",
        has_password=bool(row.password),
        issuer=row.issuer or "",
        sessions=count,
    )


def written(conn: Connection, world: World, home: str, name: str, action: str, by: str, **more: Any) -> None:
    """One entry of the audit log about an account."""
    fields = {"name": name, "by": by} | more
    record(conn, home, world, action, f"account/{key_of(home, name)[:16]}", fields)
