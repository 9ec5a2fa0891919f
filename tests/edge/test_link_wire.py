"""The agent on a real broker, with mock pins and a gateway that this test plays."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pleintemps_contract.agent_messages import (
    AccessGranted,
    AccessRefused,
    AgentStarted,
    CommandExecuted,
    CommandRefusal,
    CommandResult,
    ConfigResult,
    DoorModeChanged,
    EventRecord,
    ManifestResult,
    MessageRefused,
    Presence,
    RefusalReason,
    Stream,
    TimeRequest,
)
from pleintemps_contract.gateway_messages import Config, DoorTimings, GatewayTime, Receipt
from pleintemps_contract.onvif import DoorAction, DoorMode
from pleintemps_contract.topics import Channel
from pleintemps_contract.wire import encode
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.agent import Agent
from pleintemps_edge.door import Plan
from pleintemps_edge.drivers.base import KeyPressed
from pleintemps_edge.link import delivery
from tests.support.broker import Mosquitto

from .actors import (
    CODE,
    HANDLE,
    SIGNER,
    Gateway,
    gateway_on,
    grant,
    mock_pins,
    pulse_key,
    running_agent,
    until,
    write_setup,
)

Story = Callable[[Gateway, Agent, Any], Awaitable[None]]


@contextlib.asynccontextmanager
async def stage(
    folder: Path, broker: Mosquitto, receipts: bool = True
) -> AsyncIterator[tuple[Gateway, Agent, Any]]:
    """A gateway, an agent that is born, its pins."""
    config = write_setup(folder, broker.port)
    with mock_pins() as factory:
        async with gateway_on(broker.port, receipts) as gateway, running_agent(config, factory) as agent:
            await until(lambda: gateway.births and gateway.births[-1].boot == agent.boot)
            yield gateway, agent, factory


def press(agent: Agent, keys: str) -> None:
    """Keys as the keypad's driver reports them."""
    for key in keys:
        agent._router.observe(KeyPressed("hall-keypad", key, agent._world.monotonic()))


def refusals(gateway: Gateway) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for event in gateway.events(MessageRefused):
        found[event.channel, event.reason] = found.get((event.channel, event.reason), 0) + event.count
    return found


async def answer(gateway: Gateway, command_id: str) -> CommandResult:
    def found() -> CommandResult | None:
        results = [each for each in gateway.responses if isinstance(each, CommandResult)]
        return next((each for each in results if each.id == command_id), None)

    result: CommandResult = await until(found)
    return result


def test_a_code_at_the_keypad_opens_the_strike(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with stage(tmp_path, mosquitto) as (gateway, agent, factory):
            assert gateway.availability[-1].state is Presence.ONLINE
            assert gateway.births[-1].grants is None
            mine = grant()
            await gateway.give(mine)
            strike = factory.pin(27)
            assert strike.state == 0
            for key in CODE + "#":
                await pulse_key(factory, key)
            await until(lambda: strike.state == 1)
            await until(lambda: gateway.events(AccessGranted))
            assert gateway.events(AccessGranted)[0].grant == mine.id
            assert gateway.events(AgentStarted)
            factory.pin(22).drive_high()
            await until(lambda: strike.state == 0)
            await until(lambda: gateway.events(DoorModeChanged)[-1].mode is DoorMode.LOCKED)
        # a clean stop says so
        async with gateway_on(mosquitto.port) as gateway:
            await until(lambda: gateway.availability)
            assert gateway.availability[-1].state is Presence.OFFLINE
            assert gateway.availability[-1].boot == agent.boot

    asyncio.run(story())


def test_records_stay_until_their_receipt(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with stage(tmp_path, mosquitto, receipts=False) as (gateway, agent, _):
            press(agent, "1#")
            await until(lambda: gateway.events(AccessRefused))
            position = agent._events.position
            sent = len(gateway.batches)
            # another journal's receipt, and one for what was never written
            await gateway.receipt("f" * 32, Stream.EVENTS, 1)
            await gateway.receipt(position.journal, Stream.EVENTS, 10**9)
            # one that was signed for another agent
            stray = Receipt(
                epoch=gateway.epoch,
                revision=1,
                journal=position.journal,
                stream=Stream.EVENTS,
                through=position.next - 1,
            )
            elsewhere = SIGNER.seal(str(gateway.topic(Channel.RECEIPT, agent="yard")), encode(stray))
            await gateway.client.publish(str(gateway.topic(Channel.RECEIPT)), elsewhere, qos=1)
            await until(lambda: len(refusals(gateway)) == 3)
            assert refusals(gateway) == {
                ("receipt", "foreign-journal"): 1,
                ("receipt", "beyond-journal"): 1,
                ("receipt", "bad-signature"): 1,
            }
            assert agent._events.position.first == position.first == 1
            # a gateway that has just started gets everything again
            before = len(gateway.batches)
            assert before > sent
            await gateway.announce(started=123)
            await until(lambda: any(batch.records[0].seq == 1 for batch in gateway.batches[before:]))
            gateway.receipts = True
            await gateway.announce(started=124)
            await until(lambda: agent._events.position.first == agent._events.position.next)
            journal = agent._events.position.journal
            numbers = sorted(seq for name, seq in gateway.records if name == journal)
            assert numbers == list(range(1, len(numbers) + 1))

    asyncio.run(story())


def test_commands_work_once_at_this_boot_and_never_retained(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with stage(tmp_path, mosquitto) as (gateway, _, factory):
            strike = factory.pin(27)
            topic = gateway.topic(Channel.COMMAND)

            async def try_out(**changes: Any) -> CommandRefusal | None:
                command = gateway.command(DoorAction.UNLOCK, changes.pop("counter"), **changes)
                await gateway.send(topic, command)
                return (await answer(gateway, command.id)).refusal

            assert await try_out(counter=1, boot="f" * 32) is CommandRefusal.FOREIGN_BOOT
            assert await try_out(counter=1, expires=1) is CommandRefusal.EXPIRED
            assert await try_out(counter=2, door="gym") is CommandRefusal.UNKNOWN_DOOR
            assert await try_out(counter=2) is CommandRefusal.REPEATED
            assert await try_out(counter=9, epoch=gateway.epoch - 1) is CommandRefusal.OLD_EPOCH
            assert strike.state == 0
            assert await try_out(counter=3) is None
            assert strike.state == 1
            await until(lambda: gateway.events(CommandExecuted))
            assert len(gateway.events(CommandExecuted)) == 1
        # a command that somebody left on the broker
        async with gateway_on(mosquitto.port) as gateway:
            await until(lambda: gateway.births)
            command = gateway.command(DoorAction.UNLOCK, 1)
            await gateway.send(topic, command, retain=True)
        async with stage(tmp_path, mosquitto) as (gateway, _, factory):
            assert (await answer(gateway, command.id)).refusal is CommandRefusal.RETAINED
            assert factory.pin(27).state == 0

    asyncio.run(story())


def test_a_door_that_refuses_says_so(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with stage(tmp_path, mosquitto) as (gateway, agent, factory):
            await gateway.give(grant())
            down = gateway.command(DoorAction.LOCK_DOWN, 1)
            unlock = gateway.command(DoorAction.UNLOCK, 2)
            for command in (down, unlock):
                await gateway.send(gateway.topic(Channel.COMMAND), command)
            assert (await answer(gateway, down.id)).refusal is None
            assert (await answer(gateway, unlock.id)).refusal is CommandRefusal.DOOR_MODE
            press(agent, CODE + "#")
            await until(lambda: gateway.events(AccessRefused))
            assert gateway.events(AccessRefused)[0].reason is RefusalReason.DOOR_MODE
        # a lock-down outlives a restart
        async with stage(tmp_path, mosquitto) as (gateway, agent, factory):
            assert gateway.births[-1].doors[0].mode is DoorMode.LOCKED_DOWN
            assert factory.pin(27).state == 0

    asyncio.run(story())


def test_grants_apply_all_at_once_and_not_before(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PAGE_GRACE_MS", 200)

    async def story() -> None:
        async with stage(tmp_path, mosquitto) as (gateway, agent, factory):
            one, two = gateway.page(grant()), gateway.page(grant("11223344"))
            await gateway.send_page(*one)
            await gateway.send_manifest(one[0], two[0])
            result = (await until(lambda: gateway.responses))[0]
            assert isinstance(result, ManifestResult)
            assert (result.applied, result.grants) == (False, 0)
            assert two[0][:8] in result.detail
            press(agent, CODE + "#")
            await until(lambda: gateway.events(AccessRefused))
            assert gateway.events(AccessRefused)[0].reason is RefusalReason.UNKNOWN
            await gateway.send_page(*two)
            last = await until(lambda: gateway.responses[1:])
            assert (last[0].applied, last[0].grants) == (True, 2)
            press(agent, CODE + "#")
            await until(lambda: factory.pin(27).state == 1)
            # an earlier reign's manifest is no offence where it is in force already
            manifest = await gateway.send_manifest(one[0], two[0])
            gateway.epoch += 1
            await gateway.announce(started=5)
            await gateway.send(gateway.topic(Channel.MANIFEST), manifest)
            # an older manifest cannot come back
            stale = msgspec.structs.replace(manifest, revision=1)
            await gateway.send(gateway.topic(Channel.MANIFEST), stale)
            await until(lambda: ("grants/manifest", "old-epoch") in refusals(gateway))
            assert refusals(gateway) == {("grants/manifest", "old-epoch"): 1}
            stale = msgspec.structs.replace(manifest, epoch=gateway.epoch, revision=1)
            newer = await gateway.send_manifest(one[0], two[0])
            assert newer.revision > stale.revision
            await gateway.send(gateway.topic(Channel.MANIFEST), stale)
            await until(lambda: ("grants/manifest", "old-revision") in refusals(gateway))

    asyncio.run(story())


def test_a_restart_without_a_network_keeps_grants_and_throttle(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with stage(tmp_path, mosquitto) as (gateway, agent, factory):
            await gateway.give(grant())
            await gateway.send(
                gateway.topic(Channel.CONFIG),
                Config(epoch=7, revision=1, doors={"hall": DoorTimings(release_ms=7_000)}),
            )
            await until(lambda: any(isinstance(each, ConfigResult) for each in gateway.responses))
        mosquitto.stop()
        config = tmp_path / "edge.toml"
        config.write_text(config.read_text() + "exit_releases = true" + HANDLE)
        with mock_pins() as factory:
            async with running_agent(config, factory) as agent:
                # the gateway's timings, and the rest as the file says
                assert agent._doors["hall"].plan == Plan(release_ms=7_000, exit_releases=True)
                press(agent, CODE + "#")
                await until(lambda: factory.pin(27).state == 1)
                for _ in range(5):
                    press(agent, "0#")
                await until(lambda: agent._events.state("throttle:hall") == b"5")
        with mock_pins() as factory:
            async with running_agent(config, factory) as agent:
                press(agent, CODE + "#")
                await until(lambda: not agent._router.attempts)
                assert factory.pin(27).state == 0
        mosquitto.start()
        async with stage(tmp_path, mosquitto) as (gateway, _, _):
            await until(lambda: gateway.events(AccessRefused)[-1:])
            assert gateway.events(AccessRefused)[-1].reason is RefusalReason.THROTTLED
            held = gateway.births[-1].grants
            assert held is not None
            assert (held.epoch, held.grants) == (7, 1)

    asyncio.run(story())


def test_a_broker_that_dies_costs_no_record(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        config = write_setup(tmp_path, mosquitto.port)
        stored: dict[tuple[str, int], EventRecord] = {}

        def refused() -> int:
            return sum(isinstance(record.event, AccessRefused) for record in stored.values())

        async def outlive_a_death(agent: Agent, wanted: int) -> None:
            mosquitto.kill()
            press(agent, "0#0#")
            await until(lambda: not agent._router.attempts)
            mosquitto.start()
            async with gateway_on(mosquitto.port) as gateway:
                gateway.records = stored
                await until(lambda: refused() == wanted, within_s=20)

        with mock_pins() as factory:
            async with running_agent(config, factory) as agent:
                await until(lambda: agent._link._client is not None)
                await outlive_a_death(agent, 2)
                await outlive_a_death(agent, 4)  # a line that came back is as good as the first one

    asyncio.run(story())


def test_motion_and_contact_arrive_as_samples(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        async with stage(tmp_path, mosquitto) as (gateway, agent, factory):
            factory.pin(22).drive_high()

            def opened() -> bool:
                return any(
                    1.0 in batch.series["hall-reed"].value
                    for batch in gateway.samples
                    if "hall-reed" in batch.series
                )

            await until(opened)
            assert all(batch.trusted and batch.boot == agent.boot for batch in gateway.samples)
            await until(lambda: agent._samples.position.first == agent._samples.position.next)
            names = {series.series for series in gateway.births[-1].series}
            assert names == {"hall-pir", "hall-reed"}

    asyncio.run(story())


def test_untrusted_time_is_asked_for_and_the_signed_answer_is_believed(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pleintemps_edge.link.session.ASK_TIME_MS", 100)
    monkeypatch.setattr("pleintemps_edge.rims.ntp_synchronised", lambda: False)

    async def story() -> None:
        config = write_setup(tmp_path, mosquitto.port)
        world = ManualWorld(now=1_000)  # a clock that came up in 1970
        with mock_pins() as factory:
            async with (
                gateway_on(mosquitto.port) as gateway,
                running_agent(config, factory, world) as agent,
            ):
                await until(lambda: gateway.births)
                assert gateway.births[-1].clock_trusted is False
                await gateway.give(grant())
                press(agent, CODE + "#")
                await until(lambda: gateway.events(AccessRefused))
                assert gateway.events(AccessRefused)[0].reason is RefusalReason.NO_TRUSTED_TIME
                asked = await until(
                    lambda: [each for each in gateway.responses if isinstance(each, TimeRequest)]
                )
                receipt = Receipt(
                    epoch=7,
                    revision=99,
                    journal=agent._events.journal,
                    stream=Stream.EVENTS,
                    through=0,
                    time=GatewayTime(nonce=asked[-1].nonce, now=1_700_000_000_000),
                )
                await gateway.send(gateway.topic(Channel.RECEIPT), receipt)
                await until(lambda: agent._clock.read().trusted)
                # else the pages would call its clock untrusted for ever
                await until(lambda: gateway.births[-1].clock_trusted)
                press(agent, CODE + "#")
                await until(lambda: factory.pin(27).state == 1)
                await until(lambda: gateway.events(AccessGranted))
                last = max(gateway.records.items(), key=lambda item: item[0][1])[1]
                assert last.trusted
                assert last.at >= 1_700_000_000_000

    asyncio.run(story())
