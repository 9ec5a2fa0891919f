"""The folders of back-ups.

    DIR/erasures.jsonl                     what was erased since, as marks
    DIR/pleintemps-20261123T081209Z/       one back-up, complete as soon as it has this name
        manifest.json                      what it is, with the checksum of every file
        store.db                           every table, as SQLite
        keys/                              with --with-keys only, and then sealed

Under a passphrase each file but the manifest is encrypted and called ``<name>.sealed``. A back-up without one
holds names and addresses as the store did; its folder is for its owner alone.
"""

import hashlib
import hmac
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, func, select

from pleintemps_contract.errors import ContractError
from pleintemps_contract.keyfiles import write_secret
from pleintemps_gateway.errors import SettingsError, StoreError
from pleintemps_gateway.privacy.scrub import scrub
from pleintemps_gateway.store.engine import BESIDE, migrate, open_engine
from pleintemps_gateway.store.schema import metadata

from .sealing import SUFFIX, Seal, Sealed, find_seal, open_file

MANIFEST: Final = "manifest.json"
STORE: Final = "store.db"
PREFIX: Final = "pleintemps-"
FOLDERS: Final = "backups.json"
FORMAT: Final = 1
FORMAT_SEALED: Final = 2
KEYS: Final = "keys"
_BLOCK: Final = 1 << 20


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``made`` is Unix ms, ``files`` SHA-256 by name, ``heads`` the audit log's ``SEQ:CHAIN`` by site;
    ``sealing`` is a mark of the sealing key that the codes in it need, ``sealed`` how its files are
    encrypted.
    """

    format: int
    made: int
    program: str
    schema: str
    database: str
    sealing: str
    epochs: dict[str, int]
    rows: dict[str, int]
    heads: dict[str, str]
    files: dict[str, str]
    sealed: Sealed | None = None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    unfinished = folder / f".{MANIFEST}"
    write_secret(unfinished, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    unfinished.replace(folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest:
    """Raises SettingsError for what is no back-up of ours."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: no manifest of a back-up: {error}") from error
    if manifest.format != (FORMAT if manifest.sealed is None else FORMAT_SEALED):
        raise SettingsError(f"{path}: format {manifest.format} is newer than this program")
    return manifest


def digest_of(path: Path) -> str:
    """SHA-256 of a file; raises OSError."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


def check(folder: Path, manifest: Manifest) -> None:
    """Raises SettingsError unless every file is there as it was written."""
    for name, wanted in manifest.files.items():
        try:
            made = digest_of(folder / name)
        except OSError as error:
            raise SettingsError(f"{folder / name}: {error.strerror}") from error
        if made != wanted:
            raise SettingsError(f"{folder / name}: damaged: its checksum is not that of the manifest")


def proved(manifest: Manifest, seal: Seal) -> Manifest:
    """``manifest`` with the proof of ``seal``."""
    told = msgspec.structs.replace(seal.told, proof=_proof(manifest, seal))
    return msgspec.structs.replace(manifest, sealed=told)


def _proof(manifest: Manifest, seal: Seal) -> str:
    return seal.proof(msgspec.json.encode(msgspec.structs.replace(manifest, sealed=seal.told)))


def opened_copy(folder: Path, manifest: Manifest, passphrase: str, work: Path) -> Path:
    """Where the files of a checked back-up lie in clear: in itself, or below ``work`` if it is sealed.

    Raises SettingsError without the passphrase, for a wrong one, or where something was changed.
    """
    check(folder, manifest)
    if manifest.sealed is None:
        return folder
    if not passphrase:
        raise SettingsError(f"{folder}: it is sealed: name the file of its passphrase (--passphrase-file)")
    told = msgspec.structs.replace(manifest.sealed, proof="")
    seal = find_seal(told, passphrase)
    if not hmac.compare_digest(_proof(manifest, seal), manifest.sealed.proof):
        raise SettingsError(f"{folder}: this is not its passphrase, or its manifest was changed")
    for name in manifest.files:
        plain = work / name.removesuffix(SUFFIX)
        plain.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        open_file(seal, name.removesuffix(SUFFIX), folder / name, plain)
    return work


def find_copy(folder: Path) -> Path:
    """``folder`` if it is a back-up, the youngest in it otherwise; raises SettingsError if there is none."""
    if (folder / MANIFEST).exists():
        return folder
    found = copies_in(folder)
    if not found:
        raise SettingsError(f"{folder}: there is no back-up in it")
    return max(found, key=lambda copy: (read_manifest(copy).made, copy.name))


def copies_in(folder: Path) -> list[Path]:
    """Every complete back-up in a folder of back-ups."""
    return sorted(path.parent for path in folder.glob(f"{PREFIX}*/{MANIFEST}"))


def known_folders(state: Path) -> list[Path]:
    """Where this gateway has put back-ups; raises SettingsError if its list cannot be read."""
    path = state / FOLDERS
    try:
        return [Path(name) for name in msgspec.json.decode(path.read_bytes(), type=list[str])]
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError(f"{path}: no list of folders: {error}") from error


def remember_folder(state: Path, folder: Path) -> None:
    """An erasure must reach this folder as well."""
    known = [str(path) for path in known_folders(state)]
    name = str(folder.absolute())
    if name in known:
        return
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = state / f".{FOLDERS}"
    write_secret(unfinished, msgspec.json.encode([*known, name]))
    unfinished.replace(state / FOLDERS)


def surplus(copies: Iterable[tuple[int, Path]], keep: int) -> list[Path]:
    """Which of ``copies`` (when made, where) are too many: all but the youngest ``keep``; none for 0."""
    youngest = sorted(copies, key=lambda copy: (-copy[0], copy[1]))
    return [path for _, path in youngest[keep:]] if keep else []


def thin(folder: Path, keep: int, sealing: str) -> list[Path]:
    """Take away the :func:`surplus` of ``folder``, of back-ups with this mark ``sealing`` only."""
    found: list[tuple[int, Path]] = []
    for copy in copies_in(folder):
        try:
            manifest = read_manifest(copy)
        except SettingsError:
            continue  # not ours to judge
        if manifest.sealing == sealing:
            found.append((manifest.made, copy))
    gone = surplus(found, keep)
    for copy in gone:
        (copy / MANIFEST).unlink()  # first: what is half taken away is no back-up
        shutil.rmtree(copy)
    return gone


class Seen(NamedTuple):
    """A folder of back-ups as it is now: whether it is ``there``, how many it has, when the youngest was made
    (Unix ms), how many bytes all hold, and whether the youngest holds the keys."""

    folder: Path
    there: bool
    copies: int
    made: int | None
    size: int
    with_keys: bool


def look(folder: Path) -> Seen:
    """What is in a folder of back-ups; one whose manifest cannot be read counts for nothing."""
    found: list[tuple[int, Path, Manifest]] = []
    for copy in copies_in(folder) if folder.is_dir() else ():
        try:
            manifest = read_manifest(copy)
        except SettingsError:
            continue
        found.append((manifest.made, copy, manifest))
    if not found:
        return Seen(folder, folder.is_dir(), 0, None, 0, False)
    made, _, manifest = max(found, key=lambda each: each[0])
    size = sum(path.stat().st_size for _, copy, _ in found for path in copy.rglob("*") if path.is_file())
    return Seen(
        folder, True, len(found), made, size, any(name.startswith(f"{KEYS}/") for name in manifest.files)
    )


def last_made(state: Path) -> int | None:
    """When the youngest back-up in a folder that is there now was made (Unix ms); None if there is none."""
    try:
        folders = known_folders(state)
    except SettingsError:
        return None
    return max((seen.made for seen in map(look, folders) if seen.made is not None), default=None)


def count_rows(conn: Connection) -> dict[str, int]:
    """How many rows each table has."""
    query = {table.name: select(func.count()).select_from(table) for table in metadata.sorted_tables}
    return {name: int(conn.execute(count).scalar_one()) for name, count in query.items()}


def settle(path: Path) -> None:
    """Make a SQLite file one file again, without anything beside it; raises StoreError."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise StoreError(f"{path.name}: {error}") from error
    finally:
        connection.close()
    for name in BESIDE:
        path.with_name(path.name + name).unlink(missing_ok=True)


def wipe_copies(folders: Iterable[Path], erase: Callable[[Engine], None]) -> tuple[int, list[str]]:
    """Let ``erase`` work on every back-up; how many, and a line for each that still holds everything.

    Those are erased when they are restored: their list says what.
    """
    done, left = 0, []
    for folder in folders:
        if not folder.is_dir():
            left.append(f"back-ups in {folder}: the folder is not there now")
            continue
        for copy in copies_in(folder):
            try:
                _wipe(copy, erase)
            except (SettingsError, StoreError, ContractError, OSError) as error:
                left.append(f"the back-up {copy}: {' '.join(str(error).split())}")
                continue
            done += 1
    return done, left


def _wipe(copy: Path, erase: Callable[[Engine], None]) -> None:
    manifest = read_manifest(copy)
    if manifest.sealed is not None:
        raise SettingsError("sealed: it is erased again when it is restored")
    check(copy, manifest)
    url = f"sqlite:///{copy / STORE}"
    schema = migrate(url)
    engine = open_engine(url)
    try:
        erase(engine)
        scrub(engine)
        with engine.connect() as conn:
            rows = count_rows(conn)
    finally:
        engine.dispose()
    settle(copy / STORE)
    files = manifest.files | {STORE: digest_of(copy / STORE)}
    write_manifest(copy, msgspec.structs.replace(manifest, schema=schema, files=files, rows=rows))
