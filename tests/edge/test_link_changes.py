"""What the gateway changes from afar: its own keys, the doors' times; and what the agent says again."""

import asyncio
import base64
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract.agent_messages import (
    CommandRefusal,
    CommandResult,
    ConfigResult,
    ManifestResult,
    Stream,
)
from pleintemps_contract.envelope import Signer
from pleintemps_contract.gateway_messages import Announcement, Config, DoorTimings, GrantsManifest, Receipt
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel
from pleintemps_contract.wire import encode
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.access.grants import GrantTable
from pleintemps_edge.agent import Agent
from pleintemps_edge.clock import Clock
from pleintemps_edge.door import Plan
from pleintemps_edge.link.session import MAX_REFUSALS, REBIRTH_MS, Broker, Link
from tests.support.broker import Mosquitto

from .actors import (
    AGENT,
    HASHES,
    SIGNER,
    SITE,
    STRANGER,
    Gateway,
    gateway_on,
    grant,
    mock_pins,
    running_agent,
    until,
    write_setup,
)
from .test_link_session import birth
from .test_link_wire import refusals, stage

NEXT = Signer(Ed25519PrivateKey.from_private_bytes(b"n" * 32))


def text(signer: Signer) -> str:
    return base64.b64encode(signer.public.public_bytes_raw()).decode()


async def announce(gateway: Gateway, signer: Signer, *keys: Signer) -> Announcement:
    message = Announcement(
        epoch=gateway.epoch,
        revision=gateway.next_revision(),
        started=1,
        keys=[text(key) for key in keys],
    )
    await gateway.send(gateway.topic(Channel.ANNOUNCEMENT), message, signer=signer)
    return message


async def born_with(gateway: Gateway, *keys: Signer) -> None:
    await until(lambda: gateway.births and gateway.births[-1].keys == sorted(key.kid for key in keys))


async def obeys(gateway: Gateway, agent: Agent, counter: int, signer: Signer) -> None:
    command = gateway.command(DoorAction.ACCESS, counter, boot=agent.boot)
    await gateway.send(gateway.topic(Channel.COMMAND), command, signer=signer)
    await until(lambda: CommandResult(id=command.id) in gateway.responses)


def test_a_key_is_changed_step_by_step_and_never_back(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with stage(tmp_path, mosquitto) as (gateway, agent, _):
            await born_with(gateway, SIGNER)
            await announce(gateway, STRANGER, STRANGER)  # nobody's word
            await announce(gateway, SIGNER, NEXT)  # and nobody hands over without staying
            both = await announce(gateway, SIGNER, SIGNER, NEXT)
            await born_with(gateway, SIGNER, NEXT)
            await obeys(gateway, agent, 1, SIGNER)
            await obeys(gateway, agent, 2, NEXT)
            gateway.signer = NEXT
            await announce(gateway, NEXT, NEXT)
            await born_with(gateway, NEXT)
            # the old announcement again, as it was and as a key that reigns would sign it
            for signer in (SIGNER, NEXT):
                await gateway.send(gateway.topic(Channel.ANNOUNCEMENT), both, signer=signer)
            late = gateway.command(DoorAction.UNLOCK, 3)
            await gateway.send(gateway.topic(Channel.COMMAND), late, signer=SIGNER)
            await obeys(gateway, agent, 4, NEXT)
            assert agent._office.keys == [NEXT.kid]
            reasons = {("gateway", reason) for reason in ("unknown-key", "keys", "old-revision")}
            await until(lambda: set(refusals(gateway)) == {*reasons, ("command", "unknown-key")})
        async with stage(tmp_path, mosquitto) as (gateway, agent, _):
            gateway.signer = NEXT
            await born_with(gateway, NEXT)
            await gateway.send(gateway.topic(Channel.ANNOUNCEMENT), both, signer=SIGNER)
            await obeys(gateway, agent, 1, NEXT)
            assert agent._office.keys == [NEXT.kid]

    asyncio.run(story())


def config_results(gateway: Gateway) -> list[tuple[int, bool, str]]:
    found = [each for each in gateway.responses if isinstance(each, ConfigResult)]
    return [(each.revision, each.applied, each.detail) for each in found]


TIMINGS = DoorTimings(
    release_ms=7_000,
    open_ms=40_000,
    extended_release_ms=20_000,
    extended_open_ms=90_000,
    relock_delay_ms=300,
    pre_alarm_ms=9_000,
)
WITH_TIMINGS = Plan(
    release_ms=7_000,
    open_ms=40_000,
    extended_release_ms=20_000,
    extended_open_ms=90_000,
    relock_delay_ms=300,
    pre_alarm_ms=9_000,
)


def test_the_last_good_configuration_stays_until_a_better_one_comes(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async def story() -> None:
        async with stage(tmp_path, mosquitto) as (gateway, agent, _):
            topic = gateway.topic(Channel.CONFIG)
            door = agent._doors["hall"]
            own = door.plan

            async def configure(revision: int, doors: dict[str, DoorTimings]) -> tuple[int, bool, str]:
                before = len(config_results(gateway))
                await gateway.send(topic, Config(epoch=7, revision=revision, doors=doors))
                await until(lambda: len(config_results(gateway)) > before)
                return config_results(gateway)[-1]

            assert await configure(1, {"hall": TIMINGS}) == (1, True, "")
            assert door.plan == WITH_TIMINGS
            # a door that is not here: nothing of it is taken
            bad = {"hall": DoorTimings(), "gym": DoorTimings()}
            assert await configure(2, bad) == (2, False, "no such door: gym")
            assert door.plan == WITH_TIMINGS
            # what the gateway has signed and nobody can read is answered too
            body = b'{"epoch":7,"revision":3,"doors":{"hall":{"release_ms":1}}}'
            await gateway.client.publish(str(topic), SIGNER.seal(str(topic), body), qos=1, retain=True)
            await until(lambda: config_results(gateway)[-1][0] == 3)
            assert not config_results(gateway)[-1][1]
            assert "1000" in config_results(gateway)[-1][2]
            assert door.plan == WITH_TIMINGS
            # a door that is left out goes back to its own times at once
            assert await configure(4, {}) == (4, True, "")
            assert door.plan == own
            assert await configure(5, {"hall": TIMINGS}) == (5, True, "")
            await gateway.send(topic, Config(epoch=7, revision=4, doors={}))
            await until(lambda: ("config", "old-revision") in refusals(gateway))
            assert door.plan == WITH_TIMINGS
        mosquitto.stop()
        with mock_pins() as pins:
            async with running_agent(tmp_path / "edge.toml", pins) as agent:
                assert agent._doors["hall"].plan == WITH_TIMINGS

    asyncio.run(story())


def test_a_manifest_that_cannot_be_read_is_answered_and_changes_nothing(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async def story() -> None:
        async with stage(tmp_path, mosquitto) as (gateway, agent, _):
            await gateway.give(grant())
            topic = str(gateway.topic(Channel.MANIFEST))
            body = b'{"epoch":7,"revision":99,"hashes":[],"pages":[]}'
            await gateway.client.publish(topic, SIGNER.seal(topic, body), qos=1)
            await until(lambda: getattr(gateway.responses[-1], "revision", 0) == 99)
            result = gateway.responses[-1]
            assert isinstance(result, ManifestResult)
            assert (result.applied, result.grants, "hashes" in result.detail) == (False, 1, True)
            # of an older reign nobody wants to hear
            old = body.replace(b'"epoch":7', b'"epoch":6').replace(b"99", b"98")
            await gateway.client.publish(topic, SIGNER.seal(topic, old), qos=1)
            await obeys(gateway, agent, 1, SIGNER)
            assert all(getattr(each, "revision", 0) != 98 for each in gateway.responses)

    asyncio.run(story())


def test_grants_that_change_while_they_are_built_come_out_right(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with stage(tmp_path, mosquitto) as (gateway, agent, _):
            office = agent._office
            manifests: list[GrantsManifest] = []

            def hand_over(topic: Any, message: Any) -> None:
                text = str(topic)
                office.receive(text, SIGNER.seal(text, encode(message)), False)

            def page(code: str) -> tuple[str, Callable[[], None]]:
                digest, body = gateway.page(grant(code))
                topic = str(gateway.topic(Channel.PAGE, digest))
                return digest, lambda: office.receive(topic, SIGNER.seal(topic, body), False)

            def manifest(*digests: str) -> None:
                manifests.append(
                    GrantsManifest(
                        epoch=7,
                        revision=gateway.next_revision(),
                        hashes=[HASHES],
                        pages=list(digests),
                    )
                )
                hand_over(gateway.topic(Channel.MANIFEST), manifests[-1])

            (one, give_one), (two, give_two), (three, give_three) = (page(code * 8) for code in "123")
            give_one()
            manifest(one)  # is built in another thread from here on
            give_two()
            manifest(two, three)  # and is overtaken by this one, whose last page is still to come
            await until(lambda: agent._desk.table.manifest == manifests[0])
            give_three()
            await until(lambda: agent._desk.table.manifest == manifests[1])
            assert agent._desk.table.count == 2

    asyncio.run(story())


def test_a_receipt_for_what_an_earlier_start_has_sent_is_good(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with stage(tmp_path, mosquitto, receipts=False) as (gateway, agent, _):
            journal = agent._events.journal
            await until(lambda: gateway.records)
            sent = max(seq for _, seq in gateway.records)
        async with stage(tmp_path, mosquitto, receipts=False) as (gateway, agent, _):
            assert agent._events.position.first <= sent
            await gateway.receipt(journal, Stream.EVENTS, sent)
            await until(lambda: agent._events.position.first == sent + 1)

    asyncio.run(story())


def test_only_a_new_receipt_says_that_the_gateway_is_there(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with stage(tmp_path, mosquitto, receipts=False) as (gateway, agent, _):
            await until(lambda: gateway.records)
            heard: list[int] = []
            agent._office._receipted = lambda: heard.append(1)
            topic = str(gateway.topic(Channel.RECEIPT))

            def hear(revision: int, through: int) -> int:
                receipt = Receipt(
                    epoch=7,
                    revision=revision,
                    journal=agent._events.journal,
                    stream=Stream.EVENTS,
                    through=through,
                )
                agent._office.receive(topic, SIGNER.seal(topic, encode(receipt)), False)
                return len(heard)

            assert hear(50, 1) == 1
            await until(lambda: agent._events.position.first > 1)
            assert hear(50, 1) == 1  # the same again
            assert hear(49, 1) == 1  # an older one
            assert hear(51, 1) == 2  # no news, but a new one
            assert hear(52, 0) == 2  # from before what is long receipted, kept back by somebody
            assert hear(53, 10**9) == 2  # and one that is refused
            assert hear(54, 1) == 3

    asyncio.run(story())


def test_a_table_of_grants_is_built_beside_the_loop(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    build = GrantTable.build

    def watched(*args: Any) -> GrantTable:
        threads.append(threading.get_ident())
        return build(*args)

    monkeypatch.setattr(GrantTable, "build", watched)

    async def story() -> None:
        async with stage(tmp_path, mosquitto) as (gateway, _, _):
            await gateway.give(grant())
            assert len(threads) == 1
            assert threading.get_ident() not in threads

    asyncio.run(story())


def test_commands_work_without_any_clock(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pleintemps_edge.rims.ntp_synchronised", lambda: False)

    async def story() -> None:
        config = write_setup(tmp_path, mosquitto.port)
        world = ManualWorld(now=1_000)
        with mock_pins() as pins:
            async with gateway_on(mosquitto.port) as gateway, running_agent(config, pins, world) as agent:
                await until(lambda: gateway.births)
                assert not gateway.births[-1].clock_trusted
                topic = gateway.topic(Channel.COMMAND)
                # a forged one with a high counter spoils nothing, and counters may have gaps
                forged = gateway.command(DoorAction.UNLOCK, 2**53)
                await gateway.send(topic, forged, signer=STRANGER)
                foreign = gateway.command(DoorAction.UNLOCK, 2**53, boot="f" * 32)
                await gateway.send(topic, foreign)
                for counter in (1, 7):
                    await obeys(gateway, agent, counter, SIGNER)
                again = gateway.command(DoorAction.UNLOCK, 7)
                await gateway.send(topic, again)
                await obeys(gateway, agent, 8, SIGNER)
                assert CommandResult(id=again.id) not in gateway.responses
                assert CommandResult(id=forged.id) not in gateway.responses

    asyncio.run(story())


class Ears:
    """Takes what is published and acknowledges it at once."""

    def __init__(self) -> None:
        self.births = 0

    async def publish(self, topic: str, payload: bytes, **_options: object) -> None:
        assert topic.endswith("/birth")
        self.births += 1


def test_many_changes_of_a_moment_make_one_birth() -> None:
    async def story() -> None:
        world = ManualWorld()
        link = Link(Broker("nowhere", 9), SITE, AGENT, "b" * 32, world, Clock(world, 0, lambda: False))
        ears = Ears()
        client: Any = ears
        telling = asyncio.create_task(link._be_born_again(client, birth))
        for _ in range(5):
            link.rebirth()
        await world.advance(REBIRTH_MS - 1)
        assert ears.births == 0
        await world.advance(1)
        assert ears.births == 1
        link.rebirth()
        link.rebirth()
        await world.advance(REBIRTH_MS)
        assert ears.births == 2
        await world.advance(100 * REBIRTH_MS)
        assert ears.births == 2
        telling.cancel()

    asyncio.run(story())


def test_answers_that_refuse_replays_do_not_push_others_out() -> None:
    async def story() -> None:
        world = ManualWorld()
        link = Link(Broker("nowhere", 9), SITE, AGENT, "b" * 32, world, Clock(world, 0, lambda: False))
        applied = ManifestResult(epoch=7, revision=1, applied=True, grants=1)
        link.respond(applied)
        for number in range(10_000):
            link.respond(CommandResult(id=f"{number:032x}", refusal=CommandRefusal.REPEATED))
            link.respond(applied)
        assert applied in link._responses
        assert len(link._responses) == MAX_REFUSALS
        link.respond(CommandResult(id="f" * 32))
        assert len(link._responses) == MAX_REFUSALS + 1

    asyncio.run(story())
