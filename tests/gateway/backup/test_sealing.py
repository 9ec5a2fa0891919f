"""Sealed back-ups: what goes in comes out, and nothing else opens."""

import json
import shutil
import stat
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.backup.copies import (
    MANIFEST,
    Manifest,
    copies_in,
    digest_of,
    read_manifest,
    surplus,
    thin,
    write_manifest,
)
from pleintemps_gateway.backup.saving import save
from pleintemps_gateway.backup.sealing import (
    CHUNK,
    MAGIC,
    Seal,
    Sealed,
    find_seal,
    new_seal,
    open_file,
    read_passphrase,
    seal_file,
)
from pleintemps_gateway.backup.verifying import verify
from pleintemps_gateway.bookings.service import create
from pleintemps_gateway.cli import main
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.store.engine import write_transaction
from tests.gateway.house import HOUR, NOW, House, build

WORDS = "a lamp for each room"
QUICK_N = 10


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "house").mkdir()
    made = build(tmp_path / "house", "")
    with write_transaction(made.engine, ["ecole"]) as conn:
        create(conn, made.site, made.desk, space="hall", title="Chœur", start=NOW, end=NOW + HOUR)
    return made


def seal_of(house: House) -> Seal:
    return new_seal(house.world, WORDS, QUICK_N)


def saved(house: House, to: Path, *, with_keys: bool = True) -> tuple[Path, Manifest]:
    vault = house.desk.vault
    made = save(house.config, house.engine, vault, house.world, to, seal=seal_of(house), with_keys=with_keys)
    return made.folder, made.manifest


def check(house: House, folder: Path, words: str = WORDS) -> bool:
    return verify(house.config, house.desk.vault, house.world, folder, words).keys


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2 * CHUNK + 1), st.integers(0, 10**9), st.sampled_from(["cut", "flip", "more", "name"]))
def test_a_sealed_file_opens_whole_or_not_at_all(
    tmp_path_factory: pytest.TempPathFactory, size: int, where: int, how: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    world = ManualWorld(seed=size)
    seal = Seal(bytes(32), Sealed(salt="", log_n=QUICK_N))
    plain, sealed, out = (folder / name for name in ("plain", "sealed", "out"))
    plain.write_bytes(world.random_bytes(size))
    seal_file(seal, world, "store.db", plain, sealed)
    open_file(seal, "store.db", sealed, out)
    assert out.read_bytes() == plain.read_bytes()
    data, name = bytearray(sealed.read_bytes()), "store.db"
    at = where % len(data)
    if how == "cut":
        del data[at:]
    elif how == "flip":
        data[at] ^= 1
    elif how == "more":
        data += b"x"
    else:
        name = "keys/gateway/sealing.key"
    sealed.write_bytes(data)
    with pytest.raises(SettingsError):
        open_file(seal, name, sealed, out)
    assert not out.exists()


def test_chunks_cannot_change_places(tmp_path: Path) -> None:
    seal, world = Seal(bytes(32), Sealed(salt="", log_n=QUICK_N)), ManualWorld()
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(bytes(3 * CHUNK))
    seal_file(seal, world, "x", plain, sealed)
    data, start, step = sealed.read_bytes(), len(MAGIC) + 16, CHUNK + 16
    one, two, rest = (
        data[start : start + step],
        data[start + step : start + 2 * step],
        data[start + 2 * step :],
    )
    for wrong in (two + one + rest, one + two, one + rest):
        sealed.write_bytes(data[:start] + wrong)
        with pytest.raises(SettingsError, match="cut off, damaged"):
            open_file(seal, "x", sealed, tmp_path / "out")


def test_nothing_of_it_can_be_read(house: House, tmp_path: Path) -> None:
    folder, manifest = saved(house, tmp_path / "copies")
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert "store.db.sealed" in names and "keys/gateway/sealing.key.sealed" in names
    assert all(name.endswith(".sealed") or name == MANIFEST for name in names)
    key = (Path(house.config.keys) / "gateway" / "sealing.key").read_bytes()
    for path in folder.rglob("*"):
        if path.is_file():
            assert "Chœur".encode() not in path.read_bytes() and key not in path.read_bytes()
            assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    assert manifest.rows["bookings"] == 1
    assert not list(Path(house.config.state).glob(".saving*"))
    assert check(house, tmp_path / "copies")
    assert not list(Path(house.config.state).glob(".verifying*"))


def test_each_thing_that_is_wrong_has_its_line(house: House, tmp_path: Path) -> None:
    folder, manifest = saved(house, tmp_path)
    store = folder / "store.db.sealed"
    data = store.read_bytes()

    def refused(match: str, words: str = WORDS) -> None:
        with pytest.raises(SettingsError, match=match) as found:
            check(house, folder, words)
        assert "\n" not in str(found.value)

    def claim(changed: Manifest) -> None:
        """As somebody would who can write the folder and does not know the passphrase."""
        write_manifest(folder, changed)

    refused("it is sealed: name the file of its passphrase", "")
    refused("not its passphrase, or its manifest was changed", "another lamp, another room")
    store.write_bytes(data[:-7])
    refused("damaged: its checksum is not that of the manifest")
    files = manifest.files | {"store.db.sealed": digest_of(store)}
    claim(msgspec.structs.replace(manifest, files=files))
    refused("its manifest was changed")
    claim(msgspec.structs.replace(manifest, made=manifest.made + 1))
    store.write_bytes(data)
    refused("its manifest was changed")
    assert manifest.sealed is not None
    claim(msgspec.structs.replace(manifest, sealed=msgspec.structs.replace(manifest.sealed, log_n=30)))
    refused("no version of this program writes")
    claim(msgspec.structs.replace(manifest, format=3))
    refused("newer than this program")
    (folder / MANIFEST).write_text('{"some": "other program"}')
    refused("no manifest of a back-up")
    claim(manifest)
    assert check(house, folder)


def test_a_file_of_somebody_else_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"SQLite format 3\0" * 9)
    with pytest.raises(SettingsError, match="no file that this program has sealed"):
        open_file(
            find_seal(Sealed(salt="A" * 22 + "==", log_n=QUICK_N), WORDS), "x", tmp_path / "x", tmp_path / "y"
        )


def test_keys_are_never_saved_in_clear(house: House, tmp_path: Path) -> None:
    vault, world = house.desk.vault, house.world
    with pytest.raises(SettingsError, match="sealed back-ups only"):
        save(house.config, house.engine, vault, world, tmp_path, with_keys=True)
    assert copies_in(tmp_path) == []


def test_a_passphrase_is_long_and_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_text(WORDS + "\n")
    file.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_passphrase(file)
    file.chmod(0o600)
    assert read_passphrase(file) == WORDS
    file.write_text("short")
    with pytest.raises(SettingsError, match="12 characters"):
        read_passphrase(file)


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(0, 5))
def test_the_youngest_stay(made: list[int], keep: int) -> None:
    copies = [(at, Path(str(index))) for index, at in enumerate(made)]
    gone = set(surplus(copies, keep))
    left = [at for at, path in copies if path not in gone]
    assert len(left) == (min(keep, len(made)) if keep else len(made))
    assert all(at >= old for at in left for old, path in copies if path in gone)


def test_thinning_touches_this_gateways_back_ups_only(house: House, tmp_path: Path) -> None:
    folders = []
    for _ in range(3):
        house.world.move(HOUR)
        folders.append(saved(house, tmp_path, with_keys=False)[0])
    foreign, unreadable = tmp_path / "pleintemps-1", tmp_path / "pleintemps-2"
    for other in (foreign, unreadable):
        shutil.copytree(folders[0], other)
    manifest = read_manifest(folders[0])
    write_manifest(foreign, msgspec.structs.replace(manifest, sealing="another gateway's", made=0))
    (unreadable / MANIFEST).write_text("{")
    assert thin(tmp_path, 2, manifest.sealing) == [folders[0]]
    assert copies_in(tmp_path) == sorted([foreign, unreadable, *folders[1:]])


def test_a_machine_that_has_nothing_left(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is in the configuration; one command brings store and keys back from a sealed back-up."""
    monkeypatch.setattr("pleintemps_gateway.backup.cli.new_seal", partial(new_seal, log_n=QUICK_N))
    words = tmp_path / "words"
    words.write_text(WORDS)
    words.chmod(0o600)
    more = f'[backup]\nto = "../copies"\nkeep = 1\npassphrase_file = "{words}"\nwith_keys = true\n'
    house.file.write_text(house.file.read_text() + more)
    where = ["--config", str(house.file)]
    assert main(["backup", *where, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["sealed"], first["keys"], first["gone"]) == (True, True, [])
    assert main(["backup", "verify", *where]) == 0
    assert "restored and whole\nits keys are in it" in capsys.readouterr().out
    house.engine.dispose()
    state, keys = Path(house.config.state), Path(house.config.keys)
    key = (keys / "gateway" / "sealing.key").read_bytes()
    state.rename(tmp_path / "lost-state")
    keys.rename(tmp_path / "lost-keys")
    assert main(["restore", *where, "--from", str(tmp_path / "copies")]) == 0
    out = capsys.readouterr().out
    assert "the keys were put back" in out and "start the gateway" in out
    assert (keys / "gateway" / "sealing.key").read_bytes() == key
    assert not list(keys.parent.glob(".restoring*"))
