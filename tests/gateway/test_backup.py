"""Back-ups: complete, checked, without keys; restored at once or not at all, and doors obey them."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, insert, select, update

from pleintemps_contract.gateway_messages import GrantsManifest
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import encode, open_gateway
from pleintemps_edge.access.grants import is_newer
from pleintemps_gateway.access.on_door import codes_on_doors, first_reason
from pleintemps_gateway.access.service import UNPUBLISHED
from pleintemps_gateway.audit.log import check, record
from pleintemps_gateway.backup.copies import MANIFEST, STORE, digest_of, known_folders, write_manifest
from pleintemps_gateway.backup.restoring import Restored, restore
from pleintemps_gateway.backup.saving import Saved, save
from pleintemps_gateway.bookings.service import cancel, create
from pleintemps_gateway.bookings.sources.base import Contact
from pleintemps_gateway.cli import main
from pleintemps_gateway.errors import DeposedError, SettingsError, StoreError
from pleintemps_gateway.ingest.memory import GatewayMemory, take_over
from pleintemps_gateway.ingest.site import SiteMemory
from pleintemps_gateway.keys import load_gateway_keys, load_peppers
from pleintemps_gateway.privacy.finding import Wanted
from pleintemps_gateway.privacy.lists import FILE
from pleintemps_gateway.privacy.wiping import wipe
from pleintemps_gateway.store.engine import migrate, open_engine, write_transaction
from pleintemps_gateway.store.schema import (
    agents,
    alerts,
    audit,
    bookings,
    commands,
    contacts,
    credentials,
    erasures,
    grants,
    metadata,
    reigns,
    sample_batches,
    sessions,
)
from pleintemps_gateway.users import put_user

from .house import HOUR, NOW, House, build
from .light_agent import LightAgent
from .player import birth

MAIL = "anemone@example.org"


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    folder = tmp_path / "house"
    folder.mkdir()
    made = build(folder, store_url)
    yield made
    made.engine.dispose()


def book(house: House, title: str, **more: Any) -> tuple[str, str, str]:
    """Booking, grant and code of a new booking of the hall, from now on."""
    times: dict[str, Any] = {"start": NOW + HOUR, "end": NOW + 9 * HOUR}
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = create(conn, house.site, house.desk, space="hall", title=title, **times, **more)
    return made.booking, made.issued.grant, made.issued.code


def back_up(house: House, folder: Path) -> Saved:
    return save(house.config, house.engine, house.desk.vault, house.world, folder)


def put_back(house: House, folder: Path, *, force: bool = True) -> Restored:
    return restore(house.config, house.engine, house.desk.vault, house.world, folder, force=force)


def rows(house: House) -> dict[str, list[Any]]:
    with house.engine.connect() as conn:
        return {
            table.name: sorted(map(repr, conn.execute(select(table)).all()))
            for table in metadata.sorted_tables
        }


class Gateway:
    """An ingest process from its take-over on, and the agents that hear it."""

    def __init__(self, house: House, doors: dict[str, LightAgent]) -> None:
        keys, self._house = load_gateway_keys(Path(house.config.keys)), house
        peppers = load_peppers(Path(house.config.keys), "ecole")
        self.epoch = take_over(house.engine, "ecole", house.world)
        vault = house.desk.vault
        self.site = SiteMemory(house.site, house.world, keys.signing, vault, peppers, self.epoch)
        self._said: list[tuple[str, bytes]] = []
        self._memory = GatewayMemory(
            [self.site], lambda topic, payload, _: self._said.append((topic, payload))
        )
        with house.engine.connect() as conn:
            self._memory.reload(conn)
        self._doors = doors
        for name in doors:
            self._take(Topic.of_agent("ecole", name, Channel.BIRTH), encode(birth()))
        self.spread()

    def _take(self, topic: Topic, payload: bytes) -> None:
        with write_transaction(self._house.engine, ["ecole"]) as conn:
            self._memory.take(str(topic), payload, False)(conn)
            self._memory.flush(conn)
        self._memory.committed()

    def spread(self) -> None:
        """Publish what has changed; the agents take what is newer than what they hold, and answer."""
        with write_transaction(self._house.engine, ["ecole"]) as conn:
            self.site.follow(conn)
            self._memory.flush(conn)
        self._memory.committed()
        said, self._said = self._said, []
        for text, payload in said:
            topic = Topic.parse(text)
            door = self._doors.get(topic.agent)
            if door is None or not payload or topic.channel not in (Channel.PAGE, Channel.MANIFEST):
                continue
            message = open_gateway(topic, payload, door.keys.trusted)
            if not isinstance(message, GrantsManifest) or is_newer(message, door.table.manifest):
                door.hear(topic, payload)
        for name, door in self._doors.items():
            answer = door.apply()
            if answer is not None:
                self._take(Topic.of_agent("ecole", name, Channel.RESPONSE), encode(answer))


def reason(house: House, booking: str) -> str:
    with house.engine.connect() as conn:
        return first_reason(codes_on_doors(conn, house.site, [booking], house.world.now())[booking])


@pytest.mark.parametrize("clock_ms", [0, -30 * 86_400_000])
def test_back_up_issue_restore_issue_again(house: House, tmp_path: Path, clock_ms: int) -> None:
    """The code issued after the back-up is off the doors and that is said; the next one opens, whatever the
    clock of the restored machine says."""
    doors = {name: LightAgent(house.agent_keys(name)) for name in ("entrance", "upstairs")}
    entrance, at = doors["entrance"], NOW + 2 * HOUR
    kept, _, kept_code = book(house, "kept")
    back_up(house, tmp_path / "copies")
    gateway = Gateway(house, doors)
    first, first_grant, first_code = book(house, "first")
    gateway.spread()
    assert entrance.refusal("hall", first_code, at) is None and reason(house, first) == ""

    house.world.step_wall(clock_ms)
    done = put_back(house, tmp_path / "copies")
    told = done.sites["ecole"]
    assert (told.bookings_lost, told.codes_lost) == ([first], [first_grant])
    assert (told.bookings_back, told.codes_withdrawn) == ([], [])
    assert entrance.refusal("hall", first_code, at) is None  # the door works alone until it hears
    assert reason(house, kept) == "not-sent"

    second_gateway = Gateway(house, doors)
    assert second_gateway.epoch > gateway.epoch
    second, _, second_code = book(house, "second")
    second_gateway.spread()
    assert entrance.refusal("hall", second_code, at) is None and reason(house, second) == ""
    assert entrance.refusal("hall", kept_code, at) is None and reason(house, kept) == ""
    assert entrance.refusal("hall", first_code, at) is not None
    with house.engine.connect() as conn:
        alert = conn.execute(select(alerts).where(alerts.c.kind == "store-restored")).one()
        assert msgspec.json.decode(alert.facts) == {"made": NOW, "bookings": 1, "codes": 1}
        assert check(conn, "ecole", {}).broken is None
        last = conn.execute(select(audit).where(audit.c.action == "store.restored")).one()
        assert last.subject == "site/ecole"


def test_the_old_gateway_is_deposed_by_a_restore(house: House, tmp_path: Path) -> None:
    back_up(house, tmp_path)
    gateway = Gateway(house, {})
    put_back(house, tmp_path)
    with pytest.raises(DeposedError):
        gateway.spread()


def test_what_was_withdrawn_since_stays_so_and_what_was_cancelled_is_said(
    house: House, tmp_path: Path
) -> None:
    lost, old, _ = book(house, "lost its code")
    gone, dropped, _ = book(house, "cancelled later")
    back_up(house, tmp_path)
    with write_transaction(house.engine, ["ecole"]) as conn:
        new = house.desk.reissue(conn, house.site, lost)
        cancel(conn, house.site, house.desk, gone)
    told = put_back(house, tmp_path).sites["ecole"]
    assert told.codes_lost == [new.grant]
    assert told.codes_withdrawn == sorted([old, dropped])
    assert told.bookings_back == [gone]
    with house.engine.connect() as conn:
        assert conn.execute(select(grants)).all() == []
        assert None not in set(conn.execute(select(credentials.c.rests_until)).scalars())


def test_a_back_up_is_everything_and_restores_into_nothing(house: House, tmp_path: Path) -> None:
    book(house, "one", contact=Contact("Anémone", MAIL, "", "fr"))
    put_user(house.engine, "*", "anne", "a long password", "caretaker", house.world)
    batch = {"journal": "a" * 32, "seq": 1, "agent": "entrance", "base": NOW, "readings": 1}
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(insert(sample_batches).values(site="ecole", body=b"\0\xff", **batch))
        session = {"name": "anne", "csrf": "c", "created": NOW, "expires": NOW}
        conn.execute(insert(sessions).values(site="*", token_hash="t", **session))
        command: dict[str, Any] = {
            "agent": "entrance",
            "door": "hall",
            "action": "AccessDoor",
            "user": "anne",
        }
        command |= {"requested": NOW, "expires": NOW, "outcome": "sent"}
        conn.execute(insert(commands).values(site="ecole", command="1" * 32, **command))
        conn.execute(update(grants).values(epoch=5, revision=7))
        held: dict[str, Any] = {"presence": "online", "grants_epoch": 5, "grants_revision": 7}
        conn.execute(insert(agents).values(site="ecole", agent="entrance", **held))
    before = rows(house)
    saved = back_up(house, tmp_path / "copies")
    assert {name: len(found) for name, found in before.items()} == saved.manifest.rows
    assert known_folders(Path(house.config.state)) == [tmp_path / "copies"]
    assert {path.name for path in saved.folder.iterdir()} == {MANIFEST, STORE}
    assert all(not path.stat().st_mode & 0o077 for path in (saved.folder, *saved.folder.iterdir()))

    # another machine: the same keys, an empty store of the other kind
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copytree(house.config.keys, elsewhere / "keys")
    other = build(elsewhere, f"sqlite:///{elsewhere / 'other.db'}")
    done = restore(other.config, other.engine, other.desk.vault, other.world, tmp_path / "copies")
    assert done.sites == {} and done.folder == saved.folder
    after = rows(other)
    changed = {name for name in before if before[name] != after[name]}
    # what is new or does not outlive its moment; everything else is the same to the byte
    assert changed == {"agents", "alerts", "audit", "changes", "commands", "grants", "reigns", "sessions"}
    with other.engine.connect() as conn:
        assert conn.execute(select(grants.c.epoch)).scalar_one() == UNPUBLISHED
        assert conn.execute(select(commands.c.outcome)).scalar_one() == "no-answer"
        assert conn.execute(select(agents.c.grants_epoch)).scalar_one() is None
        assert conn.execute(select(reigns.c.epoch)).scalar_one() == NOW // 1000
    other.engine.dispose()


def test_a_restored_back_up_does_not_bring_the_erased_back(house: House, tmp_path: Path) -> None:
    contact = Contact("Anémone", MAIL, "", "fr")
    early, _, _ = book(house, "early", contact=contact)
    copies = tmp_path / "copies"
    saved = back_up(house, copies)
    untouched = tmp_path / "tape" / saved.folder.name
    shutil.copytree(saved.folder, untouched)
    late, _, _ = book(house, "late")
    for kind, text in (("mail", MAIL), ("booking", late)):
        wanted = Wanted(kind, text)  # type: ignore[arg-type]
        wiped = wipe(house.config, house.engine, house.desk.vault, house.world, wanted, "test")
        assert wiped.copies == 1
    # the back-up that the gateway knows was written anew, and is whole
    assert MAIL.encode() not in b"".join(path.read_bytes() for path in copies.rglob("*") if path.is_file())
    assert MAIL.encode() in (untouched / STORE).read_bytes()
    assert put_back(house, copies).erased == 0

    # the one on the shelf was not: its list, or the one beside the store, says what must go
    for place in (Path(house.config.state), copies):
        shutil.copyfile(place / FILE, untouched.parent / FILE)
        (Path(house.config.state) / FILE).unlink()
        with write_transaction(house.engine, ["ecole"]) as conn:
            conn.execute(erasures.delete())
        assert put_back(house, untouched).erased == 1
        with house.engine.connect() as conn:
            row = conn.execute(select(bookings)).one()
            assert (row.booking, row.title, row.withheld) == (early, "", "erased")
            assert conn.execute(select(contacts)).all() == conn.execute(select(grants)).all() == []
        shutil.copyfile(copies / FILE, Path(house.config.state) / FILE)
    assert put_back(house, untouched).erased == 1
    assert put_back(house, copies).erased == 0


def test_an_erasure_after_the_back_up_says_which_folder_it_could_not_reach(
    house: House, tmp_path: Path
) -> None:
    booking, _, _ = book(house, "x")
    back_up(house, tmp_path / "here")
    house.world.move(1_000)
    saved = back_up(house, tmp_path / "away")
    shutil.rmtree(tmp_path / "away")
    (tmp_path / "here" / saved.folder.name.replace("T", "X")).mkdir()
    file = next((tmp_path / "here").glob(f"*/{STORE}"))
    file.write_bytes(file.read_bytes()[:-1])
    wanted = Wanted("booking", booking)
    wiped = wipe(house.config, house.engine, house.desk.vault, house.world, wanted, "test")
    said = " / ".join(wiped.remains)
    assert wiped.copies == 0
    assert "away: the folder is not there now" in said and "damaged" in said


def test_what_is_refused(house: House, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no back-up in it"):
        put_back(house, tmp_path)
    book(house, "x")
    saved = back_up(house, tmp_path)
    before = rows(house)
    with pytest.raises(SettingsError, match="is there already"):
        back_up(house, tmp_path)
    with pytest.raises(SettingsError, match="--force"):
        put_back(house, tmp_path, force=False)
    manifest = (saved.folder / MANIFEST).read_bytes()
    (saved.folder / MANIFEST).write_bytes(manifest.replace(b'"format": 1', b'"format": 2'))
    with pytest.raises(SettingsError, match="newer than this program"):
        put_back(house, tmp_path)
    (saved.folder / MANIFEST).write_bytes(b"{")
    with pytest.raises(SettingsError, match="no manifest"):
        put_back(house, tmp_path)
    (saved.folder / MANIFEST).write_bytes(manifest)
    store = (saved.folder / STORE).read_bytes()
    (saved.folder / STORE).write_bytes(store[:-1] + b"x")
    with pytest.raises(SettingsError, match="checksum"):
        put_back(house, tmp_path)
    (saved.folder / STORE).unlink()
    with pytest.raises(SettingsError, match=STORE):
        put_back(house, tmp_path)
    (saved.folder / STORE).write_bytes(store)
    other_key = Path(house.config.keys) / "gateway" / "sealing.key"
    other_key.write_bytes(b"o" * 32)
    assert main(["restore", "--config", str(house.file), "--from", str(tmp_path), "--force"]) == 2
    assert rows(house) == before


def test_a_restore_that_fails_changes_nothing(house: House, tmp_path: Path) -> None:
    book(house, "x")
    saved = back_up(house, tmp_path)
    with contextlib.closing(sqlite3.connect(saved.folder / STORE)) as copy:
        copy.execute("DROP TABLE usage")  # the last but few that is read
    files = {STORE: digest_of(saved.folder / STORE)}
    write_manifest(saved.folder, msgspec.structs.replace(saved.manifest, files=files))
    before = rows(house)
    with pytest.raises(StoreError, match=r"nothing was restored: .*usage"):
        put_back(house, tmp_path)
    assert rows(house) == before
    assert not list(Path(house.config.state).glob(".restoring*"))


def test_the_commands(house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book(house, "x")
    with write_transaction(house.engine, ["ecole"]) as conn:
        record(conn, "ecole", house.world, "door.command", "door/hall", {})
        conn.execute(update(reigns).values(epoch=1))
    where = ["--config", str(house.file)]
    assert main(["backup", *where, "--to", str(tmp_path / "c"), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert Path(made["folder"]).parent == tmp_path / "c" and made["rows"] > 3 and made["keys"] is False
    book(house, "y")
    assert main(["restore", *where, "--from", made["folder"]]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["restore", *where, "--from", made["folder"], "--force", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["erased"]) == (made["rows"], 0)
    assert main(["restore", *where, "--from", str(tmp_path / "c"), "--force"]) == 0
    assert "start the gateway" in capsys.readouterr().out
    with house.engine.connect() as conn:
        assert conn.execute(select(func.count()).select_from(bookings)).scalar_one() == 1
    migrate(house.config.database_url)
    engine = open_engine(f"sqlite:///{Path(made['folder']) / STORE}")
    with engine.connect() as conn:
        assert conn.execute(select(bookings.c.title)).scalar_one() == "x"
    engine.dispose()
