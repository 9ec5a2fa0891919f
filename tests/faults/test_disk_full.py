"""The disk is full: the door goes on, says so as soon as it can, and forgets nothing meanwhile."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from pleintemps_contract.agent_messages import (
    AccessGranted,
    Health,
    JournalReplaced,
    LateCommit,
    ManifestResult,
    Stream,
)
from pleintemps_edge.journal.files import reader
from pleintemps_firmware_sim.clock import ClockServer
from tests.edge.actors import CODE, grant, until, write_setup
from tests.support.broker import Mosquitto

from .door import SIMULATED, careful_gateway, door_of
from .mounts import small_disk

OTHER = "86420975"


def fill(ballast: Path) -> None:
    """Write until nothing more fits."""
    with ballast.open("ab", buffering=0) as file:
        for size in (4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)


def on_disk(database: Path) -> int:
    """The highest number that was ever committed."""
    with reader(database) as connection:  # there is no room even for the index of the WAL
        assert connection is not None
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(row[0])


async def live_through_a_full_disk(folder: Path, state: Path, port: int) -> None:
    clock = ClockServer(folder / "clock", now=int(time.time() * 1000))
    await clock.start()
    try:
        async with (
            careful_gateway(port) as (gateway, records),
            door_of(write_setup(folder, port, SIMULATED)) as door,
        ):
            door.start()
            await until(lambda: gateway.births, 20)
            await gateway.announce(0)
            await gateway.give(grant())
            await door.enter(CODE)

            full, ill = len(door.releases), 0
            while ill < 3:  # the WAL may have room for a few more, and gives some back when it is written out
                assert len(door.releases) < full + 40, "the disk is never full"
                fill(state / "ballast")
                await door.enter(CODE)
                refuses = door.logged("disk-refuses") > door.logged("disk-works-again")
                ill = ill + 1 if refuses else 0
            committed = on_disk(state / "events.db")

            refused = len(door.releases)
            for _ in range(3):
                await door.enter(CODE)
            assert len(door.releases) == refused + 3

            digest, body = gateway.page(grant(), grant(OTHER))
            await gateway.send_page(digest, body)
            manifest = await gateway.send_manifest(digest)
            await door.enter(CODE)  # time in which a wrong answer would come

            def answers() -> list[ManifestResult]:
                return [
                    told
                    for told in gateway.responses
                    if isinstance(told, ManifestResult) and told.revision == manifest.revision
                ]

            assert not answers(), "grants were confirmed that are on no disk"
            told = {each.stream: each for each in gateway.births[-1].storage}
            assert told[Stream.EVENTS].health is Health.ERROR
            assert "full" in told[Stream.EVENTS].detail
            assert on_disk(state / "events.db") == committed
            assert max(seq for _, seq in records) <= committed, "records were sent that are on no disk"
            opened = len(door.releases)

            (state / "ballast").unlink()
            await until(lambda: len(gateway.events(AccessGranted)) == opened, 20)
            assert answers() or await until(answers, 10)
            assert len(gateway.events(LateCommit)) >= 4
            assert door.logged("disk-works-again")
            await until(lambda: [each.health for each in gateway.births[-1].storage] == [Health.OK] * 2)
            numbers = sorted(seq for _, seq in records)
            assert numbers == list(range(1, len(numbers) + 1))
            assert not records.conflicts
            late = len(gateway.events(LateCommit))
            await door.enter(OTHER)
            assert len(gateway.events(LateCommit)) == late
            await door.stop()
    finally:
        await clock.stop()


async def start_on_a_full_disk(folder: Path, state: Path, port: int) -> None:
    clock = ClockServer(folder / "clock", now=int(time.time() * 1000))
    await clock.start()
    try:
        async with (
            careful_gateway(port) as (gateway, records),
            door_of(write_setup(folder, port, SIMULATED)) as door,
        ):
            door.start()
            await until(lambda: gateway.births, 20)
            await gateway.announce(0)
            await gateway.give(grant())
            await door.enter(CODE)
            await until(lambda: gateway.events(AccessGranted))
            boot = gateway.births[-1].boot
            (disk,) = {journal for journal, _ in records}
            await door.stop()  # a killed one leaves room in its WAL

            fill(state / "ballast")
            door.start()
            await until(lambda: gateway.births[-1].boot != boot, 20)
            born = gateway.births[-1]
            assert [each.health for each in born.storage] == [Health.ERROR] * 2
            assert born.grants is not None and born.grants.grants == 1
            await door.enter(CODE)
            await until(lambda: len(gateway.events(AccessGranted)) == 2)
            (memory,) = {journal for journal, _ in records} - {disk}
            assert records[memory, 1].event.__class__ is JournalReplaced
            digest, body = gateway.page(grant(), grant(OTHER))
            await gateway.send_page(digest, body)
            manifest = await gateway.send_manifest(digest)
            await door.enter(OTHER)  # in force at once

            def answered() -> bool:
                return any(getattr(told, "revision", 0) == manifest.revision for told in gateway.responses)

            assert not answered(), "grants were confirmed that are on no disk"

            (state / "ballast").unlink()
            await until(answered, 60)
            await until(lambda: [each.health for each in gateway.births[-1].storage] == [Health.OK] * 2, 60)
            assert disk in {position.journal for position in gateway.births[-1].journals}
            await door.enter(OTHER)
            await until(lambda: len(gateway.events(AccessGranted)) == len(door.releases) == 4)
            assert not records.conflicts
            for journal in (disk, memory):
                numbers = sorted(seq for name, seq in records if name == journal)
                assert numbers == list(range(1, len(numbers) + 1))
            await door.stop()
    finally:
        await clock.stop()


@pytest.mark.serial
def test_an_agent_that_starts_on_a_full_disk_keeps_its_door(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with small_disk(tmp_path / "state") as state:
        asyncio.run(start_on_a_full_disk(tmp_path, state, mosquitto.port))


@pytest.mark.serial
def test_full_disk_holds_no_door(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with small_disk(tmp_path / "state") as state:
        asyncio.run(live_through_a_full_disk(tmp_path, state, mosquitto.port))
