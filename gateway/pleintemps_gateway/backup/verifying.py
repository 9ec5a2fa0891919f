"""Proving a back-up by restoring it: into a store of its own that is thrown away afterwards."""

import shutil
import sqlite3
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, func, inspect, select, text

from pleintemps_contract.world import World
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.audit.log import check, sites_of
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.errors import SettingsError, StoreError
from pleintemps_gateway.keys import load_gateway_keys
from pleintemps_gateway.store.engine import migrate, open_engine
from pleintemps_gateway.store.schema import metadata

from .copies import KEYS, STORE, Manifest, find_copy, opened_copy, read_manifest
from .restoring import restore


class Verified(NamedTuple):
    """``rows`` were counted in the copy, ``schema`` is what they were brought to; ``keys`` that it holds keys
    which are those of its codes."""

    folder: Path
    manifest: Manifest
    rows: int
    schema: str
    keys: bool


def verify(config: GatewayConfig, vault: Vault, world: World, source: Path, passphrase: str = "") -> Verified:
    """Restore the back-up at ``source`` (or the youngest in it) into nothing and look at what comes out.

    Raises SettingsError, SchemaError or StoreError with the first thing that is wrong. Neither the store nor
    the back-up changes; takes the room of two copies of the store in the state folder while it lasts.
    """
    folder = find_copy(source)
    manifest = read_manifest(folder)
    state = Path(config.state)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    work = state / f".verifying-{world.new_id()}"
    for path in (work, work / "plain", work / "state"):
        path.mkdir(mode=0o700)
    try:
        plain = opened_copy(folder, manifest, passphrase, work / "plain")
        rows = _count(folder, plain / STORE, manifest)
        keys = (plain / KEYS).is_dir()
        if keys:
            found = Vault(load_gateway_keys(plain / KEYS).sealing, world)
            if found.mark("*", "sealing", "") != manifest.sealing:
                raise SettingsError(f"{folder}: its keys are not those of its codes")
        url = f"sqlite:///{work / 'state' / 'gateway.db'}"
        schema = migrate(url)
        engine = open_engine(url)
        try:
            apart = replace(config, state=str(work / "state"), database_url=url)
            restore(apart, engine, vault, world, folder, passphrase=passphrase)
            with engine.connect() as conn:
                _look(folder, conn)
        finally:
            engine.dispose()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Verified(folder, manifest, rows, schema, keys)


def _count(folder: Path, store: Path, manifest: Manifest) -> int:
    """Every row that the manifest speaks of is in the copy."""
    connection = sqlite3.connect(f"file:{store}?mode=ro&immutable=1", uri=True)
    try:
        verdict = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        raise StoreError(f"{folder}: {error}") from error
    finally:
        connection.close()
    if verdict != "ok":
        raise StoreError(f"{folder}: {STORE}: {verdict}")
    engine = open_engine(f"sqlite:///file:{store}?mode=ro&immutable=1&uri=true")
    try:
        with engine.connect() as conn:
            there = set(inspect(conn).get_table_names())
            for table in metadata.sorted_tables:
                wanted = manifest.rows.get(table.name)
                if wanted is None and table.name not in there:
                    continue  # younger than the back-up
                found = conn.execute(select(func.count()).select_from(table)).scalar_one()
                if found != wanted:
                    raise StoreError(f"{folder}: {table.name} has {found} rows, its manifest says {wanted}")
    finally:
        engine.dispose()
    return sum(manifest.rows.values())


def _look(folder: Path, conn: Connection) -> None:
    """What was restored holds together, and its audit log with it."""
    verdict = str(conn.execute(text("PRAGMA integrity_check(1)")).scalar_one())
    if verdict != "ok":
        raise StoreError(f"{folder}: restored: {verdict}")
    for site in sites_of(conn):
        chain = check(conn, site, {})
        if chain.broken is not None:
            raise StoreError(f"{folder}: audit log of {site}: entry {chain.broken}: {chain.reason}")
