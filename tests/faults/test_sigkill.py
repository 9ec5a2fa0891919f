"""The agent is killed at any moment and started again: every committed record reaches the gateway, once."""

import asyncio
import contextlib
import random
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest

from pleintemps_contract.agent_messages import AccessGranted, EventRecord
from pleintemps_contract.world import SystemWorld
from pleintemps_edge.journal.events import EventJournal, Stamp
from pleintemps_firmware_sim.clock import ClockServer
from tests.e2e.running import Witness
from tests.edge.actors import CODE, grant, until, write_setup
from tests.support.broker import Mosquitto

from .door import SIMULATED, STRIKE, CarefulGateway, Door, Once, careful_gateway, door_of


def new_journal(folder: Path) -> Witness:
    """A journal that was never written to, and who watches it from its first record on."""
    folder.mkdir()
    EventJournal.open(folder, SystemWorld(), lambda: Stamp(0, False, 0, "0" * 32)).close()
    return Witness(folder / "events.db")


def committed(witness: Witness) -> dict[int, EventRecord]:
    """Every record that was ever committed, whole, by number."""
    with contextlib.closing(sqlite3.connect(witness.database, timeout=30)) as connection:
        rows = connection.execute("SELECT seq, body FROM witness").fetchall()
    return {
        seq: msgspec.convert({**msgspec.json.decode(body), "seq": seq}, EventRecord) for seq, body in rows
    }


def held(witness: Witness) -> set[int]:
    with contextlib.closing(sqlite3.connect(witness.database, timeout=30)) as connection:
        return {seq for (seq,) in connection.execute("SELECT seq FROM events")}


def check(witness: Witness, gateway: CarefulGateway, records: Once) -> None:
    """What must be true at any moment between two lives of the agent."""
    written = committed(witness)
    assert sorted(written) == list(range(1, len(written) + 1)), "numbers are missing"
    gone = written.keys() - held(witness)
    assert max(gone, default=0) <= gateway.receipted, "deleted without a receipt"
    assert not records.conflicts
    for (journal, seq), record in records.items():
        assert journal == witness.journal
        assert written.get(seq) == record, "the gateway was told what was never committed"


def last_boot(witness: Witness) -> str:
    written = committed(witness)
    return written[max(written)].boot


async def busy_evening(door: Door, chance: random.Random) -> None:
    """Codes right and wrong, a door that opens and closes, until cancelled."""
    await door.serve()
    while True:
        doing = chance.random()
        if doing < 0.5:
            await door.type(CODE)
        elif doing < 0.6:
            await door.type("111")
        else:
            await door.contact(chance.random() < 0.5)


async def kill_again_and_again(folder: Path, port: int, times: int, seed: int) -> str:
    chance = random.Random(seed)
    config = write_setup(folder, port, SIMULATED)
    witness = new_journal(folder / "state")
    clock = ClockServer(folder / "clock", now=int(time.time() * 1000))
    await clock.start()
    try:
        async with careful_gateway(port) as (gateway, records), door_of(config) as door:
            door.start()
            await until(lambda: gateway.births, 20)
            await gateway.announce(0)
            await gateway.give(grant())
            await door.enter(CODE)
            # what is left out of a receipt must stay on disk, also when it has long been sent
            gateway.keep_back = lambda: chance.randrange(4)
            boots: set[str] = set()
            for _ in range(times):
                if chance.random() < 0.7:  # the others are killed while they start
                    await door.serve()
                await asyncio.wait(
                    {evening := asyncio.create_task(busy_evening(door, chance))},
                    timeout=chance.uniform(0.0, 2.2),
                )
                assert not evening.done(), evening.exception()
                await door.kill()
                evening.cancel()
                await asyncio.wait({evening})
                # what flies may still arrive, but it was committed before it flew
                check(witness, gateway, records)
                gateway.receipts = chance.random() < 0.7
                boots = {record.boot for record in committed(witness).values()}
                door.start()
            await door.serve()
            gateway.receipts, gateway.keep_back = True, None
            await gateway.announce(1)  # what went out without a receipt is asked for again
            await until(lambda: last_boot(witness) == gateway.births[-1].boot not in boots, 20)
            await until(lambda: not held(witness), 60)
            assert not door.board.level(STRIKE), "a killed agent left its door released"
            await door.stop()
            check(witness, gateway, records)
            written = committed(witness)
            receipted = written.keys() - held(witness)
            assert len(receipted) > 5 * times
            assert {seq: records.get((witness.journal, seq)) for seq in receipted} == {
                seq: written[seq] for seq in receipted
            }
            grants = sum(isinstance(record.event, AccessGranted) for record in written.values())
            # an opening whose record the disk did not take within 80 ms says so in the log
            assert grants + door.logged("late-commit") >= len(door.releases) > times // 3
            assert len({record.boot for record in written.values()}) > times // 2
            return f"{times} kills, {len(written)} records, {len(door.releases)} openings"
    finally:
        await clock.stop()


@pytest.mark.serial
def test_killed_agent_loses_nothing(tmp_path: Path, mosquitto: Mosquitto) -> None:
    print(asyncio.run(kill_again_and_again(tmp_path, mosquitto.port, 10, seed=3)))


@pytest.mark.soak
def test_agent_killed_200_times_loses_nothing(tmp_path: Path, mosquitto: Mosquitto) -> None:
    print(asyncio.run(kill_again_and_again(tmp_path, mosquitto.port, 200, seed=4)))
