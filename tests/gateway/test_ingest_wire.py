"""The ingest process on a real broker, seen by an agent: what it acknowledges is stored, once."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from pleintemps_contract.agent_messages import (
    Availability,
    CommandResult,
    ManifestResult,
    Presence,
    SamplesBatch,
    Stream,
)
from pleintemps_contract.credentials import hash_code, lookup
from pleintemps_contract.gateway_messages import Announcement, Command, GrantsPage, Receipt, RoomState
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel
from pleintemps_gateway.access.on_door import codes_on_doors
from pleintemps_gateway.bookings.service import cancel, create
from pleintemps_gateway.store.changes import changes_since, last_change, record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents, commands, events, journals, refusals
from tests.support.broker import Mosquitto

from .house import HOUR, House, build
from .player import BOOT, DEADLINE_S, JOURNAL, Player, batch, birth, playing

pytestmark = pytest.mark.serial


class Ingest:
    """The process under test."""

    def __init__(self, file: Path, log: Path) -> None:
        self._file = file
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = [sys.executable, "-m", "pleintemps_gateway.cli", "ingest"]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([*program, "--config", str(self._file)], stdout=log, stderr=log)

    def end(self, sign: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(sign)
        return self.process.wait(DEADLINE_S)


@contextmanager
def running(house: House, folder: Path) -> Iterator[Ingest]:
    ingest = Ingest(house.file, folder / "ingest.log")
    ingest.start()
    try:
        yield ingest
    finally:
        if ingest.process is not None and ingest.process.poll() is None:
            ingest.end(signal.SIGTERM)


def until(question: Callable[[], bool]) -> None:
    """Ask the store again and again until it says yes."""
    deadline = time.monotonic() + DEADLINE_S
    while not question():
        assert time.monotonic() < deadline, "the store never said so"
        time.sleep(0.02)


def stored(house: House) -> list[int]:
    with house.engine.connect() as conn:
        query = select(events.c.seq).where(events.c.journal == JOURNAL).order_by(events.c.seq)
        return [int(seq) for seq in conn.execute(query).scalars()]


def refused(house: House) -> dict[str, int]:
    with house.engine.connect() as conn:
        rows = conn.execute(select(refusals)).all()
    return {f"{row.source}: {row.reason}": int(row._mapping["count"]) for row in rows}


@pytest.fixture
def house(tmp_path: Path, store_url: str, mosquitto: Mosquitto) -> House:
    return build(tmp_path, store_url, port=mosquitto.port)


@pytest.fixture
def player(house: House, mosquitto: Mosquitto) -> Iterator[Player]:
    with playing(house.agent_keys("entrance"), mosquitto.port) as one:
        yield one


def test_an_agent_is_heard_answered_and_told_the_time(house: House, player: Player, tmp_path: Path) -> None:
    with running(house, tmp_path):
        player.wait(lambda: next(iter(player.messages(Announcement)), None))
        player.say(Channel.BIRTH, birth(), retain=True)
        answer = player.wait(lambda: next((r for r in player.messages(Receipt) if r.time is not None), None))
        assert answer.time is not None and answer.time.nonce == "c" * 32
        assert abs(answer.time.now - time.time_ns() // 1_000_000) < 60_000
        player.say(Channel.EVENTS, batch(1, 3))
        player.receipt(3)
        player.say(Channel.EVENTS, batch(2, 5))  # the receipt of 2 and 3 was lost on the way
        player.receipt(5)
        player.say(Channel.EVENTS, batch(8, 9))  # 6 and 7 are still on the agent
        player.say(Channel.EVENTS, batch(8, 9, first=7))  # 6 is gone for good
        player.say(Channel.EVENTS, batch(7, 9, first=7))
        player.receipt(9)
        assert stored(house) == [1, 2, 3, 4, 5, 7, 8, 9]
        with house.engine.connect() as conn:
            mark = conn.execute(select(journals).where(journals.c.journal == JOURNAL)).one()
            row = conn.execute(select(agents).where(agents.c.agent == "entrance")).one()
        assert (mark.through, mark.lost, mark.duplicates) == (9, 1, 2)
        assert (row.presence, row.boot) == ("online", BOOT)
        assert sum("missing" in reason for reason in refused(house)) == 1
        # an old will must not hide the new birth
        old_will = Availability(state=Presence.OFFLINE, boot="d" * 32)
        player.say(Channel.AVAILABILITY, old_will, retain=True)
        player.say(Channel.EVENTS, batch(10, 10, first=7))
        player.receipt(10)
        with house.engine.connect() as conn:
            assert conn.execute(select(agents.c.presence)).scalars().first() == "online"


def test_what_is_wrong_is_counted_and_harms_nothing_else(
    house: House, player: Player, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    player.say(Channel.EVENTS, batch(1, 1), retain=True)  # waits at the broker for who subscribes
    with running(house, tmp_path):
        player.wait(lambda: next(iter(player.messages(Announcement)), None))
        hostile = [
            b"",
            b"{",
            b"\xff\xfe",
            b"[" * 60_000,
            b'{"journal":"x"}',
            b'{"journal":"' + b"a" * 32 + b'","first":1,"records":[]}',
            b"x" * 70_000,
        ]
        for payload in hostile:
            player.say(Channel.EVENTS, payload)
            player.say(Channel.BIRTH, payload)
        empty = SamplesBatch(journal="e" * 32, first=1, seq=1, boot=BOOT, base=1, trusted=True, series={})
        player.say(Channel.SAMPLES, empty)
        with playing(house.agent_keys("upstairs"), mosquitto.port) as other:
            player.say(Channel.EVENTS, batch(1, 2))
            player.receipt(2)
            other.say(Channel.EVENTS, batch(3, 3))  # another agent's journal
            player._client.publish("pleintemps/v1/ecole/stranger/events", b"{}", qos=1)
            player._client.publish("pleintemps/v1/ecole/entrance/birth", b'{"boot":"\\u0000"}', qos=1)
            late = batch(3, 3)
            player.say(Channel.EVENTS, late)
            player.receipt(3)
        until(lambda: any("another agent" in reason for reason in refused(house)))
        until(lambda: any("unknown agents" in reason for reason in refused(house)))
        assert stored(house) == [1, 2, 3]
        assert any(reason.startswith("entrance/events: ") for reason in refused(house))
        assert refused(house)["entrance/events: retained"] == 1


def test_a_text_that_postgresql_cannot_store_is_cleaned(house: House, player: Player, tmp_path: Path) -> None:
    with running(house, tmp_path):
        player.wait(lambda: next(iter(player.messages(Announcement)), None))
        player.say(Channel.BIRTH, birth(version="a\0b"), retain=True)
        player.say(Channel.EVENTS, batch(1, 2))
        player.receipt(2)
        assert stored(house) == [1, 2]
        until(lambda: any("control characters" in reason for reason in refused(house)))
        with house.engine.connect() as conn:
            assert conn.execute(select(agents.c.version)).scalar_one() == "a b"


def test_a_code_reaches_the_doors_and_leaves_them(house: House, player: Player, tmp_path: Path) -> None:
    now = time.time_ns() // 1_000_000
    house.world.step_wall(now - house.world.now())
    with running(house, tmp_path):
        empty = player.grants(0)
        player.say(Channel.BIRTH, birth(), retain=True)
        with write_transaction(house.engine, ["ecole"]) as conn:
            made = create(
                conn, house.site, house.desk, space="hall", start=now + HOUR, end=now + 2 * HOUR, title="Yoga"
            )
        manifest = player.grants(1)
        page = player.messages(GrantsPage)[-1]
        hashes = manifest.hashes[0]
        grant = page.grants[0]
        assert grant.lookup == lookup(player.keys.pepper, hash_code(made.issued.code, hashes))
        assert (grant.id, grant.doors) == (made.issued.grant, ["gate", "hall"])
        assert (manifest.epoch, manifest.revision) > (empty.epoch, empty.revision)

        def held() -> list[bool]:
            with house.engine.connect() as conn:
                found = codes_on_doors(conn, house.site, [made.booking], now)
                return [report.held for report in found[made.booking]]

        assert held() == [False, False]
        result = ManifestResult(epoch=manifest.epoch, revision=manifest.revision, applied=True, grants=1)
        with house.engine.connect() as conn:
            before = last_change(conn, "ecole")
        player.say(Channel.RESPONSE, result)
        until(lambda: held() == [True, True])
        with house.engine.connect() as conn:  # pages that are open follow it
            assert ("agents", "entrance") in changes_since(conn, "ecole", before, ["agents"])
        with write_transaction(house.engine, ["ecole"]) as conn:
            cancel(conn, house.site, house.desk, made.booking)
        last = player.grants(0)
        assert last.pages == empty.pages  # the keys of offline codes
        player.say(
            Channel.RESPONSE,
            ManifestResult(epoch=last.epoch, revision=last.revision, applied=True, grants=0),
        )
        player.wait(lambda: True if manifest.pages[0] in player.cleared else None)


def test_a_command_is_signed_for_this_boot_and_answered(house: House, player: Player, tmp_path: Path) -> None:
    now = time.time_ns() // 1_000_000
    with running(house, tmp_path):
        player.wait(lambda: next(iter(player.messages(Announcement)), None))
        player.say(Channel.BIRTH, birth(), retain=True)
        player.wait(lambda: next((r for r in player.messages(Receipt) if r.time is not None), None))
        for name in ("1" * 32, "2" * 32):
            with write_transaction(house.engine, ["ecole"]) as conn:
                row = {
                    "site": "ecole",
                    "command": name,
                    "agent": "entrance",
                    "door": "hall",
                    "action": DoorAction.ACCESS.value,
                    "user": "anne",
                    "requested": now,
                    "expires": now + 60_000,
                    "outcome": "requested",
                }
                conn.execute(insert(commands).values(row))
                record_change(conn, "ecole", "commands", name, now)
            heard = player.wait(
                lambda name=name: next((c for c in player.messages(Command) if c.id == name), None)  # type: ignore[misc]
            )
            assert (heard.boot, heard.door, heard.counter) == (BOOT, "hall", int(name[0]))
        player.say(Channel.RESPONSE, CommandResult(id="1" * 32))

        def outcomes() -> dict[str, str]:
            with house.engine.connect() as conn:
                return {row.command[0]: row.outcome for row in conn.execute(select(commands))}

        until(lambda: outcomes() == {"1": "done", "2": "sent"})


def test_killed_between_batches_nothing_receipted_is_lost(
    house: House, player: Player, tmp_path: Path
) -> None:
    last = 0
    with running(house, tmp_path) as ingest:
        for round_ in range(4):
            player.wait(lambda n=round_: True if len(player.messages(Announcement)) > n else None)  # type: ignore[misc]
            for _ in range(6):
                player.say(Channel.EVENTS, batch(last + 1, last + 40))
                last += 40
            ingest.end(signal.SIGKILL)  # some of these batches are stored, some are not
            receipted = max((r.through for r in player.messages(Receipt)), default=0)
            assert stored(house)[:receipted] == list(range(1, receipted + 1))
            ingest.start()
            # what was not receipted is sent again, as an agent does
            player.wait(lambda n=round_: True if len(player.messages(Announcement)) > n + 1 else None)  # type: ignore[misc]
            for start in range(receipted + 1, last + 1, 200):
                player.say(Channel.EVENTS, batch(start, min(last, start + 199)))
            player.receipt(last)
            assert stored(house) == list(range(1, last + 1))
    assert all(receipt.stream is Stream.EVENTS for receipt in player.messages(Receipt))


def test_what_a_crashed_broker_has_lost_is_published_again(
    house: House, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    now = time.time_ns() // 1_000_000
    house.world.step_wall(now - house.world.now())
    entrance = house.agent_keys("entrance")
    with write_transaction(house.engine, ["ecole"]) as conn:
        create(conn, house.site, house.desk, space="hall", start=now + HOUR, end=now + 2 * HOUR, title="Yoga")
    with running(house, tmp_path):
        with playing(entrance, mosquitto.port) as player:
            manifest = player.grants(1)
        mosquitto.kill()
        for saved in (tmp_path / "mosquitto").glob("mosquitto.db*"):
            saved.unlink()
        mosquitto.start()
        with playing(entrance, mosquitto.port) as first:
            first.grants(1)
            rooms = "pleintemps/v1/ecole/state/+"
            first._client.subscribe(rooms, 1)
            spaces = {"yard", "hall", "class"}
            first.wait(
                lambda: (
                    True if {t.tail for t, m in first.heard if isinstance(m, RoomState)} == spaces else None
                )
            )
        with playing(entrance, mosquitto.port) as fresh:  # what the broker holds again
            again = fresh.grants(1)
            assert (again.epoch, again.revision) == (manifest.epoch, manifest.revision)
            fresh.wait(lambda: next(iter(fresh.messages(Announcement)), None))


def test_a_restarted_gateway_tells_every_room_at_once(house: House, player: Player, tmp_path: Path) -> None:
    player._client.subscribe("pleintemps/v1/ecole/state/+", 1)

    def heard(epoch: int) -> Callable[[], int | None]:
        def all_rooms() -> int | None:
            rooms = {room.space: room.epoch for room in player.messages(RoomState) if room.epoch > epoch}
            return max(rooms.values()) if len(rooms) == 3 else None

        return all_rooms

    with running(house, tmp_path) as ingest:
        before = player.wait(heard(0))
        ingest.end(signal.SIGKILL)
        ingest.start()
        assert player.wait(heard(before)) > before
