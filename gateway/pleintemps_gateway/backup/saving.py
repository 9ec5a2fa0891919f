"""Making a back-up while the gateway works: one moment of the store, as a SQLite file."""

import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, func, insert, select, text

from pleintemps_contract import __version__
from pleintemps_contract.keyfiles import write_secret
from pleintemps_contract.world import World
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.errors import SettingsError, StoreError
from pleintemps_gateway.privacy import lists
from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction
from pleintemps_gateway.store.schema import audit, metadata, reigns

from .copies import (
    FORMAT,
    FORMAT_SEALED,
    KEYS,
    MANIFEST,
    PREFIX,
    STORE,
    Manifest,
    count_rows,
    digest_of,
    proved,
    remember_folder,
    settle,
    write_manifest,
)
from .sealing import SUFFIX, Seal, seal_file

BATCH: Final = 1_000
"""Rows that are copied at a time."""


class Saved(NamedTuple):
    folder: Path
    manifest: Manifest


def sealing_mark(vault: Vault) -> str:
    """Tells one sealing key from another, and nothing about it."""
    return vault.mark("*", "sealing", "")


def save(
    config: GatewayConfig,
    engine: Engine,
    vault: Vault,
    world: World,
    to: Path,
    *,
    seal: Seal | None = None,
    with_keys: bool = False,
) -> Saved:
    """Put a back-up into the folder ``to``, which this gateway then knows; encrypted with a ``seal``.

    Raises SettingsError for a folder that cannot be used, or keys without a seal; StoreError or OSError when
    it cannot be written.
    """
    if with_keys and seal is None:
        raise SettingsError("keys go into sealed back-ups only: name a file with a passphrase")
    now = world.now()
    name = PREFIX + datetime.fromtimestamp(now / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{to}: {error.strerror}") from error
    folder, unfinished = to / name, to / f".{name}"
    if folder.exists():
        raise SettingsError(f"{folder} is there already")
    remember_folder(Path(config.state), to)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    # what is to be sealed lies in clear where the store does, never on the disk of the back-ups
    plain = unfinished if seal is None else Path(config.state) / f".saving-{world.new_id()}"
    plain.mkdir(mode=0o700, exist_ok=True)
    try:
        schema = _copy_store(engine, plain / STORE)
        if with_keys:
            _copy_keys(Path(config.keys), plain / KEYS)
        if seal is None:
            manifest = _describe(plain, plain, engine, vault, now, schema)
        else:
            _seal(seal, world, plain, unfinished)
            manifest = proved(_describe(plain, unfinished, engine, vault, now, schema), seal)
        write_manifest(unfinished, manifest)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(plain, ignore_errors=True)
        shutil.rmtree(unfinished, ignore_errors=True)
    with engine.connect() as conn:
        told = {entry.erasure for entry in lists.read(to)}
        lists.append(to, [entry for entry in lists.stored(conn) if entry.erasure not in told])
    return Saved(folder, manifest)


def _copy_store(engine: Engine, path: Path) -> str:
    """The revision of the schema."""
    write_secret(path, b"")  # its owner's before anything is in it
    if engine.dialect.name == "sqlite":
        pooled = engine.raw_connection()
        try:
            pooled.cursor().execute("VACUUM INTO ?", (str(path),))
        except sqlite3.Error as error:
            raise StoreError(f"the store cannot be copied: {error}") from error
        finally:
            pooled.close()
    else:
        migrate(f"sqlite:///{path}")
        copy = open_engine(f"sqlite:///{path}")
        moment = engine.connect().execution_options(isolation_level="REPEATABLE READ")
        with moment as source, write_transaction(copy, []) as target:
            copy_rows(source, target)
        copy.dispose()
    settle(path)
    with engine.connect() as conn:
        return str(conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def copy_rows(source: Connection, target: Connection) -> dict[str, int]:
    """Every row of every table; how many of each."""
    counts = {}
    for table in metadata.sorted_tables:
        counts[table.name] = 0
        found = source.execution_options(stream_results=True).execute(select(table))
        for rows in found.mappings().partitions(BATCH):
            target.execute(insert(table), [dict(row) for row in rows])
            counts[table.name] += len(rows)
    return counts


def _copy_keys(keys: Path, to: Path) -> None:
    for path in sorted(keys.rglob("*")):
        place = to / path.relative_to(keys)
        if path.is_file():
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_secret(place, path.read_bytes())


def _seal(seal: Seal, world: World, plain: Path, to: Path) -> None:
    for path in sorted(plain.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(plain))
            target = to / (name + SUFFIX)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            seal_file(seal, world, name, path, target)


def _describe(plain: Path, folder: Path, engine: Engine, vault: Vault, now: int, schema: str) -> Manifest:
    copy = open_engine(f"sqlite:///{plain / STORE}")
    with copy.connect() as conn:
        rows = count_rows(conn)
        epochs = {row.site: row.epoch for row in conn.execute(select(reigns.c.site, reigns.c.epoch))}
        heads = heads_of(conn)
    copy.dispose()
    settle(plain / STORE)
    files = {
        str(path.relative_to(folder)): digest_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    return Manifest(
        format=FORMAT if plain == folder else FORMAT_SEALED,
        made=now,
        program=__version__,
        schema=schema,
        database=engine.dialect.name,
        sealing=sealing_mark(vault),
        epochs=epochs,
        rows=rows,
        heads=heads,
        files=files,
    )


def heads_of(conn: Connection) -> dict[str, str]:
    """The youngest entry of each site's audit log, as ``SEQ:CHAIN``."""
    last = select(audit.c.site, func.max(audit.c.seq).label("seq")).group_by(audit.c.site).subquery()
    same = (audit.c.site == last.c.site) & (audit.c.seq == last.c.seq)
    rows = conn.execute(select(audit.c.site, audit.c.seq, audit.c.chain).join(last, same))
    return {str(row.site): f"{row.seq}:{row.chain}" for row in rows}
