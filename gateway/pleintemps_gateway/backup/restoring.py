"""Putting a back-up into the store, whatever kind that is: in one transaction, or not at all.

Agents obey: the epoch of each site rises above every one that it had, in the store that is replaced and in
the back-up, to the time in seconds at least; grants count as published by nobody, so every agent gets its
set anew. What happened after the back-up is not in the store any more, but some of it must not be undone:
what was erased is erased again, a code that was withdrawn since stays withdrawn, and an agent that was shut
out stays out.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_contract.world import World
from pleintemps_gateway.access.service import UNPUBLISHED
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.alerts.book import subject_of
from pleintemps_gateway.alerts.records import RANKS, AlertKind, AlertState
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.errors import SettingsError, StoreError
from pleintemps_gateway.privacy import lists
from pleintemps_gateway.privacy.again import erase_again
from pleintemps_gateway.privacy.lists import Erasure
from pleintemps_gateway.privacy.scrub import scrub
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import first_line, migrate, open_engine, write_transaction
from pleintemps_gateway.store.reading import EVERY_SITE
from pleintemps_gateway.store.schema import (
    account_links,
    agents,
    alerts,
    bookings,
    commands,
    credentials,
    enrolments,
    gateways,
    grants,
    leases,
    metadata,
    reigns,
    sessions,
    shut_out,
)
from pleintemps_gateway.store.upsert import upsert

from .copies import KEYS, STORE, Manifest, find_copy, opened_copy, read_manifest
from .saving import copy_rows, sealing_mark


class Code(NamedTuple):
    """A credential of a booking or right: ``ended`` is when its rest ends, None while it lives."""

    owner: str
    ended: int | None


class State(NamedTuple):
    """What a store says of a site: its epoch, bookings that are not over, and every code."""

    epoch: int
    bookings: frozenset[str]
    codes: dict[str, Code]


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Two states of one site beside each other, as booking ids and grants.

    ``bookings_lost`` and ``codes_lost`` were made after the back-up and are gone: such a code opens nothing
    once the agents have their new set. ``bookings_back`` were cancelled after it and live again;
    ``codes_withdrawn`` live in the back-up, were withdrawn after it, and stay so.
    """

    epoch: int
    bookings_lost: list[str]
    bookings_back: list[str]
    codes_lost: list[str]
    codes_withdrawn: list[str]


class Restored(NamedTuple):
    """``sites`` is empty where there was nothing before; ``erased`` counts what was erased again."""

    folder: Path
    manifest: Manifest
    sites: dict[str, Site]
    rows: int
    erased: int
    remains: list[str]


def is_empty(conn: Connection) -> bool:
    """Whether no table has a row."""
    return all(conn.execute(select(table).limit(1)).first() is None for table in metadata.sorted_tables)


def restore(
    config: GatewayConfig,
    engine: Engine,
    vault: Vault,
    world: World,
    source: Path,
    *,
    force: bool = False,
    passphrase: str = "",
) -> Restored:
    """Make the store what the back-up at ``source`` says; see the module.

    Raises SettingsError for no back-up, a damaged one, one of another passphrase or sealing key, or a store
    with data unless ``force``; SchemaError for one of a newer program; StoreError if the store does not take
    it. A running gateway would end by itself: stop it first.
    """
    folder = find_copy(source)
    manifest = read_manifest(folder)
    if manifest.sealing != sealing_mark(vault):
        raise SettingsError(f"{folder}: its codes need another sealing.key than that in {config.keys}")
    with engine.connect() as conn:
        if not force and not is_empty(conn):
            raise SettingsError("the store holds data: --force replaces it, and says what is lost")
    state = Path(config.state)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    work = state / f".restoring-{world.new_id()}"
    work.mkdir(mode=0o700)
    try:
        plain = opened_copy(folder, manifest, passphrase, work)
        if plain == folder:
            # apart: a back-up of an earlier version is brought along, and itself stays as it is
            shutil.copyfile(folder / STORE, work / STORE)
        url = f"sqlite:///{work / STORE}"
        migrate(url)
        copy = open_engine(url)
        try:
            known = [*lists.read(state), *lists.read(folder.parent)]
            with copy.connect() as conn:
                restored = _replace(config, engine, conn, folder, manifest, known, vault, world)
        except SQLAlchemyError as error:
            raise StoreError(f"nothing was restored: {first_line(error)}") from error
        finally:
            copy.dispose()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return restored._replace(remains=scrub(engine))


def restore_keys(config: GatewayConfig, world: World, source: Path, passphrase: str) -> bool:
    """Put the keys of a sealed back-up where there are none, for a machine that has nothing left.

    False where there are keys already, or the back-up holds none. Raises SettingsError as :func:`restore`.
    """
    keys = Path(config.keys)
    if (keys / "gateway").exists():
        return False
    folder = find_copy(source)
    manifest = read_manifest(folder)
    if not any(name.startswith(f"{KEYS}/") for name in manifest.files):
        return False
    keys.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    work = keys.parent / f".restoring-{world.new_id()}"
    work.mkdir(mode=0o700)
    try:
        plain = opened_copy(folder, manifest, passphrase, work)
        if plain != work:
            shutil.copytree(plain / KEYS, work / KEYS)
        keys.mkdir(mode=0o700, exist_ok=True)
        for part in sorted((work / KEYS).iterdir(), key=lambda path: path.name == "gateway"):
            part.rename(keys / part.name)  # the gateway's own last: its presence says that all are there
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return True


def _replace(
    config: GatewayConfig,
    engine: Engine,
    copy: Connection,
    folder: Path,
    manifest: Manifest,
    known: Iterable[Erasure],
    vault: Vault,
    world: World,
) -> Restored:
    names = [site.site for site in config.sites]
    now = world.now()
    with write_transaction(engine, [EVERY_SITE, *names]) as conn:
        had_data = not is_empty(conn)
        sites = sorted({*names, *_reigned(conn), *_reigned(copy)})
        before = {site: state_of(conn, site, now) for site in sites}
        stored = lists.stored(copy)
        there = {entry.erasure for entry in stored}
        missing = {e.erasure: e for e in (*known, *lists.stored(conn)) if e.erasure not in there}
        refused = [dict(row) for row in conn.execute(select(shut_out)).mappings()]
        for table in metadata.sorted_tables:
            conn.execute(delete(table))
        rows = sum(copy_rows(copy, conn).values())
        _clear(conn)
        upsert(conn, shut_out, refused)  # who was shut out since stays so
        after = {site: state_of(conn, site, now) for site in sites}
        told = {site: compare(before[site], after[site], now) for site in sites}
        for site, both in told.items():
            _withdraw(conn, site, both.codes_withdrawn, before[site])
            _reign(conn, site, both.epoch, now)
        erased = erase_again(conn, config, list(missing.values()), vault, world)
        for site, both in told.items():
            _say(conn, site, both, manifest, world, had_data)
    return Restored(folder, manifest, told if had_data else {}, rows, erased, [])


def _reigned(conn: Connection) -> list[str]:
    return [str(site) for site in conn.execute(select(reigns.c.site)).scalars()]


def state_of(conn: Connection, site: str, now: int) -> State:
    ahead = (bookings.c.site == site) & (bookings.c.status == "confirmed") & (bookings.c.end > now)
    found = conn.execute(select(credentials).where(credentials.c.site == site))
    epoch = conn.execute(select(reigns.c.epoch).where(reigns.c.site == site)).scalar()
    return State(
        epoch=int(epoch or 0),
        bookings=frozenset(conn.execute(select(bookings.c.booking).where(ahead)).scalars()),
        codes={row.grant: Code(row.booking or row.right or "", row.rests_until) for row in found},
    )


def compare(before: State, after: State, now: int) -> Site:
    """What becomes of a site that was as ``before`` and is made as ``after``. Pure."""
    living = {grant for grant, code in before.codes.items() if code.ended is None}
    withdrawn = before.codes.keys() - living
    back = {grant for grant, code in after.codes.items() if code.ended is None}
    return Site(
        epoch=max(before.epoch + 1, after.epoch + 1, now // 1000),
        bookings_lost=sorted(before.bookings - after.bookings),
        bookings_back=sorted(after.bookings - before.bookings),
        codes_lost=sorted(living - after.codes.keys()),
        codes_withdrawn=sorted(back & withdrawn),
    )


def _clear(conn: Connection) -> None:
    """Take out what was true of the moment of the back-up only."""
    conn.execute(delete(sessions))
    conn.execute(delete(account_links))
    conn.execute(delete(enrolments))  # a one-time token may have been used since
    conn.execute(delete(gateways))
    conn.execute(delete(leases))
    conn.execute(update(grants).values(epoch=UNPUBLISHED, revision=0))
    conn.execute(update(agents).values(grants_epoch=None, grants_revision=None))
    under_way = commands.c.outcome.in_(("requested", "sent"))
    conn.execute(update(commands).where(under_way).values(outcome="no-answer"))


def _withdraw(conn: Connection, site: str, names: list[str], before: State) -> None:
    for grant in names:
        mine = (credentials.c.site == site) & (credentials.c.grant == grant)
        conn.execute(update(credentials).where(mine).values(rests_until=before.codes[grant].ended))
        conn.execute(delete(grants).where(grants.c.site == site, grants.c.grant == grant))


def _reign(conn: Connection, site: str, epoch: int, now: int) -> None:
    conn.execute(delete(reigns).where(reigns.c.site == site))
    conn.execute(insert(reigns).values(site=site, epoch=epoch, revision=0, started=now))


def _say(conn: Connection, site: str, both: Site, manifest: Manifest, world: World, had_data: bool) -> None:
    """To the caretaker as an alert, and to the audit log."""
    now = world.now()
    facts: dict[str, Any] = {"made": manifest.made}
    if had_data:
        facts |= {"bookings": len(both.bookings_lost), "codes": len(both.codes_lost)}
    kind, alert = AlertKind.STORE_RESTORED, world.new_id()
    conn.execute(
        insert(alerts).values(
            site=site,
            alert=alert,
            kind=kind.value,
            rank=RANKS[kind].value,
            subject=subject_of(kind, str(now)),
            state=AlertState.OPEN.value,
            opened=now,
            facts=msgspec.json.encode(facts).decode(),
        )
    )
    record_change(conn, site, "alerts", alert, now)
    fields = {"by": "command line", "made": manifest.made, "head": manifest.heads.get(site, "")}
    record(conn, site, world, "store.restored", f"site/{site}", fields)
