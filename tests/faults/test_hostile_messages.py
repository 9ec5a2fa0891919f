"""A broker turned attacker: what differs from a right message in one respect does nothing at all.

One part in a hundred is right, and every one of those works: the door obeys, records are let go, grants,
times and keys change.
"""

import asyncio
import contextlib
import itertools
import random
import sqlite3
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import AgentStarted, CommandResult, Response
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.errors import EnvelopeError
from pleintemps_contract.gateway_messages import Command, GrantsManifest
from pleintemps_contract.onvif import DoorMode
from pleintemps_edge.access.grants import MAX_STRAY_PAGES
from pleintemps_edge.agent import Agent
from pleintemps_edge.drivers.base import KeyPressed
from pleintemps_edge.link.commands import CommandGuard
from pleintemps_edge.link.inbox import Inbox, Opened
from pleintemps_edge.link.outbox import Outbox
from pleintemps_edge.link.session import MAX_RESPONSES
from tests.edge.actors import CODE, gateway_on, mock_pins, running_agent, until, write_setup
from tests.support.broker import Mosquitto
from tests.support.ports import find_free_port

from .attackers import DOOR, KINDS, RESPECTS, Facts, Said, Speaker

STRIKE = 27
WRONG_EACH = 99
"""For one that is right, of each kind."""
GROWTH_MIB = 24


class Story:
    """One agent under fire; ``harm`` counts what should not have happened."""

    patience_s = 5.0

    def __init__(self, agent: Agent, pins: Any, state: Path, seed: int) -> None:
        self.agent = agent
        self.office = agent._office
        self.strike = pins.pin(STRIKE)
        self.file = state / "events.db"
        self.facts = Facts(boot=agent.boot, journal=agent._events.journal)
        self.speaker = Speaker(self.facts, random.Random(seed))
        self.harm: Counter[str] = Counter()
        self.said: Counter[tuple[str, str]] = Counter()
        self.openings = 0
        self.stored = 0
        self.answers: deque[Response] | list[Response] = agent._link._responses

    # --- one message ----------------------------------------------------------------------------------

    def hear(self, said: Said) -> None:
        self.said[said.kind, said.respect] += 1
        self.office.receive(said.topic, said.payload, said.retained)

    def wrong(self, kind: str) -> None:
        said = self.speaker.wrong(kind)
        self.hear(said)
        for harm in self.differences():
            self.harm[f"{harm} by {kind} {said.respect}"] += 1

    def differences(self) -> list[str]:
        """In what the agent is not as the right messages have made it."""
        door = self.agent._doors[DOOR]
        wanted = DoorMode.UNLOCKED if self.facts.unlocked else DoorMode.LOCKED
        table = self.agent._desk.table.manifest
        found = {
            "mode": door.info.mode is not wanted,
            "times": door.plan.release_ms != self.speaker.release_ms,
            "keys": self.office._inbox.keys.kids != {key.kid for key in self.speaker.keys},
            "grants": table is not self.table and table != self.speaker.manifest,
            "epoch": self.office._inbox.epoch not in (0, self.speaker.epoch),
        }
        return [what for what, differs in found.items() if differs]

    async def right(self, kind: str) -> None:
        if kind == "receipt":
            await self.check_records()
        said = self.say_right(kind)
        self.hear(said)
        for harm in self.differences():
            self.harm[f"{harm} after a right {kind}"] += 1

    def say_right(self, kind: str) -> Said:
        said = self.speaker.right(kind)
        if kind == "receipt":
            self.stored = self.facts.sent
        if isinstance(said.message, Command):
            self.openings += self.facts.unlocked
            self.asked = said.message.id
        return said

    # --- many -----------------------------------------------------------------------------------------

    async def warm_up(self) -> None:
        self.table: GrantsManifest | None = None
        await self.new_records()
        self.speaker.turn_page()
        for kind in KINDS:
            await self.right(kind)
        await self.settle()

    async def round(self, wrong_each: int = WRONG_EACH) -> None:
        """One right message of every kind among wrong ones, in any order."""
        self.table = self.agent._desk.table.manifest
        await self.new_records()
        for place, (kind, is_right) in enumerate(self.turns(wrong_each)):
            if is_right:
                await self.right(kind)
            else:
                self.wrong(kind)
            if place % 32 == 0:
                await asyncio.sleep(0)
        await self.settle()

    def turns(self, wrong_each: int) -> list[tuple[str, bool]]:
        """The kinds of messages of one round in their order, and which are right."""
        self.speaker.turn_page()
        turns = [(kind, False) for kind in KINDS for _ in range(wrong_each)]
        turns += [(kind, True) for kind in KINDS]
        self.speaker.chance.shuffle(turns)
        return turns

    async def new_records(self) -> None:
        """Three records, of which the last is not sent yet."""
        await self.agent._events.append([AgentStarted(version="1")] * 3)
        self.facts.newest = self.agent._events.position.next - 1
        self.facts.sent = self.facts.newest - 1
        self.agent._link.events.on_sent(self.facts.sent, 0)

    async def settle(self) -> None:
        """What was right has to be done in the end."""
        try:
            await until(self.done, self.patience_s)
        except TimeoutError:
            self.harm["a right one did not work"] += 1
        obeyed = [each for each in self.answers if isinstance(each, CommandResult) and each.refusal is None]
        self.harm["other commands carried out"] += abs(len(obeyed) - 1)
        self.answers.clear()
        self.office.tick()
        await self.check_records()

    def done(self) -> bool:
        return (
            CommandResult(id=self.asked) in self.answers
            and self.agent._desk.table.manifest == self.speaker.manifest
            and self.agent._desk.table.count == 2
            and self.strike.state == self.facts.unlocked
            and self.agent._events.position.first > self.stored
            and not self.differences()
        )

    async def check_records(self) -> None:
        """Of what the gateway has not said to be stored, every record is on disk."""
        await self.agent._events.append([])  # the writer has done all before this
        with contextlib.closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as connection:
            kept = {seq for (seq,) in connection.execute("SELECT seq FROM events")}
        newest = self.agent._events.position.next - 1
        lost = set(range(self.stored + 1, newest + 1)) - kept
        if lost:
            self.harm["records lost"] += len(lost)
            self.stored = max(lost)

    def releases(self) -> int:
        """How often the strike was energised."""
        levels = [bool(each.state) for each in self.strike.states]
        return sum(after and not before for before, after in itertools.pairwise(levels))


async def under_fire(folder: Path, rounds: int, seed: int) -> Story:
    """Rounds of hostile messages into a real agent without a line, then a look at what is left."""
    config = write_setup(folder, find_free_port(), 'source = "system"')
    with mock_pins() as pins:
        async with running_agent(config, pins) as agent:
            story = Story(agent, pins, folder / "state", seed)
            await story.warm_up()
            early = 0
            for number in range(rounds):
                await story.round()
                if number == rounds // 5:
                    early = resident_mib()
            story.harm["openings"] += abs(story.releases() - story.openings)
            story.harm["memory"] += max(0, resident_mib() - early - GROWTH_MIB)
            assembler = story.office._grants._assembler
            assert len(assembler.pages) <= MAX_STRAY_PAGES + 2
            assert len(agent._link._responses) <= MAX_RESPONSES
            await codes_still_count(story)
            return story


async def codes_still_count(story: Story) -> None:
    """After all that the code of every page opens the door, and the attackers' code does not."""
    if story.facts.unlocked:
        await story.right("command")
    await until(lambda: not story.strike.state)
    door = story.agent._doors["hall"]
    for code, opens in (("99887766", False), (CODE, True)):
        for key in f"{code}#":
            story.agent._router.observe(KeyPressed("hall-keypad", key, story.agent._world.monotonic()))
        await until(lambda: not story.agent._router.attempts)
        if opens:
            await until(lambda: story.strike.state == 1)
        elif door.info.mode is not DoorMode.LOCKED:  # it moves before the lock does
            story.harm["the attackers' code opens"] += 1


def resident_mib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20


def report(story: Story) -> str:
    by_kind = {kind: sum(n for (name, _), n in story.said.items() if name == kind) for kind in KINDS}
    right = sum(number for (_, respect), number in story.said.items() if not respect)
    number = sum(by_kind.values())
    return f"{number} messages {by_kind}, {right} of them right; {story.openings} openings, by right ones"


def all_is_well(story: Story) -> None:
    assert +story.harm == Counter()
    for kind, respects in RESPECTS.items():
        counts = [story.said[kind, respect] for respect in respects]
        assert max(counts) - min(counts) <= 1, "shares are not equal"


@pytest.mark.serial
def test_twenty_thousand_hostile_messages_do_nothing(tmp_path: Path) -> None:
    story = asyncio.run(under_fire(tmp_path, rounds=34, seed=1))
    print(report(story))
    all_is_well(story)


@pytest.mark.soak
def test_a_million_hostile_messages_do_nothing(tmp_path: Path) -> None:
    story = asyncio.run(under_fire(tmp_path, rounds=1_667, seed=2))
    print(report(story))
    all_is_well(story)


# --- over a real broker -------------------------------------------------------------------------------------

NOT_OVER_A_BROKER = {
    "retained",  # who is there already gets it without the mark: the agent's start has a test of its own
    "beyond-sent",  # with a line everything is sent at once
}


async def over_a_broker(folder: Path, port: int, rounds: int) -> Story:
    """The same messages through a broker, which keeps their order and is asked to deliver each."""
    config = write_setup(folder, port, 'source = "system"')
    with mock_pins() as pins:
        async with gateway_on(port, receipts=False) as gateway, running_agent(config, pins) as agent:
            await until(lambda: gateway.births)
            story = Story(agent, pins, folder / "state", 5)
            story.answers = gateway.responses
            await story.warm_up()
            for _ in range(rounds):
                story.table = agent._desk.table.manifest
                await story.new_records()
                story.facts.sent = agent._link.events.reached
                for kind, is_right in story.turns(WRONG_EACH):
                    said = story.say_right(kind) if is_right else story.speaker.wrong(kind)
                    if said.respect not in NOT_OVER_A_BROKER:
                        story.said[said.kind, said.respect] += 1
                        await gateway.client.publish(said.topic, said.payload, qos=int(is_right))
                        await asyncio.sleep(0)
                await story.settle()
            story.harm["openings"] += abs(story.releases() - story.openings)
            assert story.office._refusals.total > 4 * WRONG_EACH * rounds, "the broker kept them back"
            return story


@pytest.mark.serial
def test_hostile_messages_through_a_real_broker_do_nothing(tmp_path: Path, mosquitto: Mosquitto) -> None:
    story = asyncio.run(over_a_broker(tmp_path, mosquitto.port, rounds=6))
    print(report(story))
    assert +story.harm == Counter()


# --- the test itself is tested: with one check switched off it has to find harm -----------------------------


def believe_any_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = TrustedKeys.prove

    def prove(self: TrustedKeys, topic: str, payload: bytes) -> tuple[str, bytes]:
        try:
            return checked(self, topic, payload)
        except EnvelopeError:
            return next(iter(self.kids)), payload.partition(b"\n")[2]

    monkeypatch.setattr(TrustedKeys, "prove", prove)


def forget_the_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = CommandGuard.judge

    def careless(self: CommandGuard, *args: Any) -> Any:
        self.counter = 0
        return judge(self, *args)

    monkeypatch.setattr(CommandGuard, "judge", careless)


def overlook_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Inbox.open

    def careless(self: Inbox, *args: Any) -> Any:
        found = judge(self, *args)
        if isinstance(found, Opened):
            return Opened(found.topic, found.message, found.body, found.signer)
        return found

    monkeypatch.setattr(Inbox, "open", careless)


def lose_count_of_what_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    on_sent = Outbox.on_sent

    def careless(self: Outbox, last: int, now: int) -> None:
        on_sent(self, last, now)
        self.reached = 2**62

    monkeypatch.setattr(Outbox, "on_sent", careless)


@pytest.mark.serial
@pytest.mark.parametrize(
    ("switch_off", "harm"),
    [
        (believe_any_signature, {"mode by command forged", "grants by manifest forged", "records lost"}),
        (forget_the_counter, {"mode by command repeated", "mode by command replayed"}),
        (overlook_faults, {"mode by command retained", "mode by command older-epoch"}),
        (lose_count_of_what_was_sent, {"records lost"}),
    ],
)
def test_with_one_check_switched_off_harm_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    switch_off: Callable[[pytest.MonkeyPatch], None],
    harm: set[str],
) -> None:
    switch_off(monkeypatch)

    async def story() -> Story:
        # what an agent without a check has not done by then it will not do
        monkeypatch.setattr(Story, "patience_s", 0.3)
        config = write_setup(tmp_path, find_free_port(), 'source = "system"')
        with mock_pins() as pins:
            async with running_agent(config, pins) as agent:
                made = Story(agent, pins, tmp_path / "state", 3)
                await made.warm_up()
                for _ in range(3):
                    await made.round(wrong_each=2 * 17)
                return made

    assert harm <= set(asyncio.run(story()).harm)
