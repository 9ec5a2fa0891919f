"""The clock leaps by hours and years and comes back: a code opens within its window and at no other time."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pleintemps_contract.agent_messages import AccessGranted, AccessRefused, Birth, RefusalReason, Stream
from pleintemps_contract.gateway_messages import GatewayTime, Receipt, Window
from pleintemps_contract.topics import Channel
from pleintemps_contract.world import SystemWorld
from pleintemps_edge.status import ask
from tests.edge.actors import CODE, Gateway, gateway_on, grant, mock_pins, pulse_key, running_agent, until
from tests.edge.actors import write_setup as write_setup_of
from tests.support.broker import Mosquitto

from .door import STRIKE, careful_gateway, door_of

HOUR = 3_600_000
OTHER = "86420975"
YEAR = 365 * 24 * HOUR


class Leaping(SystemWorld):
    """The machine's clock with a wall time that can be set."""

    def __init__(self) -> None:
        self.wrong = 0

    def now(self) -> int:
        return super().now() + self.wrong


TIMES = 20
"""How often a code is typed until it can be read."""
PATIENCE_S = 30
"""How long a busy machine may take for one entry."""


class Street:
    """Somebody in front of the door, with the gateway at hand."""

    def __init__(self, pins: Any, gateway: Gateway) -> None:
        self._pins = pins
        self._gateway = gateway

    async def refusal_of(self, code: str) -> RefusalReason | None:
        """Type ``code``, again where a busy machine made its keys unreadable; None if the strike let go, and
        then the door is used and shut again.
        """
        for _ in range(TIMES):
            refusal = await self._type(code)
            if refusal is not RefusalReason.UNREADABLE:
                return refusal
        raise AssertionError("the keypad cannot be read")

    async def _type(self, code: str) -> RefusalReason | None:
        before = len(self._gateway.events(AccessRefused))
        for key in [*code, "#"]:
            await pulse_key(self._pins, key)
        strike = self._pins.pin(27)
        # an entry whose last key was lost is given up after a while
        await until(lambda: strike.state or len(self._gateway.events(AccessRefused)) > before, PATIENCE_S)
        if not strike.state:
            return RefusalReason(self._gateway.events(AccessRefused)[-1].reason)
        # of an entry that a busy machine broke in two, the rest may be told late
        late = self._gateway.events(AccessRefused)[before:]
        assert all(each.reason == RefusalReason.UNREADABLE for each in late)
        self._pins.pin(22).drive_high()
        await until(lambda: not strike.state)
        self._pins.pin(22).drive_low()
        await asyncio.sleep(0.1)  # the contact's debouncing
        return None


async def tell_time(gateway: Gateway, birth: Birth, now: int) -> None:
    """The signed answer to the nonce of a birth."""
    receipt = Receipt(
        epoch=gateway.epoch,
        revision=gateway.next_revision(),
        journal="0" * 32,
        stream=Stream.EVENTS,
        through=0,
        time=GatewayTime(nonce=birth.nonce, now=now),
    )
    await gateway.send(gateway.topic(Channel.RECEIPT), receipt)


async def leap_and_return(folder: Path, port: int, leap: int, *, signed: bool) -> None:
    world = Leaping()
    with mock_pins() as pins:
        async with (
            gateway_on(port) as gateway,
            running_agent(write_setup_of(folder, port), pins, world) as agent,
        ):
            await until(lambda: gateway.births)
            await gateway.announce(0)
            if signed:
                await tell_time(gateway, gateway.births[-1], world.now())
                await until(lambda: agent._clock._state.fixed is not None)
            now = world.now()
            # a window that would be now if the leap were believed
            tempting = grant(OTHER, start=now + leap - HOUR // 2, end=now + leap + HOUR // 2)
            await gateway.give(grant(start=now - HOUR, end=now + HOUR), tempting)
            street = Street(pins, gateway)
            assert await street.refusal_of(OTHER) is not None
            assert await street.refusal_of(CODE) is None

            world.wrong = leap
            assert await street.refusal_of(OTHER) is not None
            # only the gateway's word tells that this is a leap and no long night
            assert await street.refusal_of(CODE) is (None if signed else RefusalReason.NO_TRUSTED_TIME)

            world.wrong = 0
            assert await street.refusal_of(CODE) is None
            assert await street.refusal_of(OTHER) is not None
            agent._keep_floor()
    # and whoever starts after it has learnt nothing wrong
    with mock_pins() as pins:
        async with gateway_on(port) as gateway, running_agent(folder / "edge.toml", pins, world):
            await until(lambda: gateway.births)
            await until(lambda: gateway.births[-1].boot != agent.boot)
            await gateway.announce(1)
            # what was left from before it comes first
            await until(lambda: any(each.boot != agent.boot for each in gateway.records.values()))
            street = Street(pins, gateway)
            assert await street.refusal_of(CODE) is None
            assert await street.refusal_of(OTHER) is not None


@pytest.mark.serial
@pytest.mark.parametrize("signed", [False, True], ids=["alone", "signed-time"])
@pytest.mark.parametrize(
    "leap", [10 * YEAR, -10 * YEAR, 2 * HOUR, -2 * HOUR], ids=["+10y", "-10y", "+2h", "-2h"]
)
def test_codes_open_again_after_a_leap(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, leap: int, signed: bool
) -> None:
    # the worst case: the kernel believes the wrong time
    monkeypatch.setattr("pleintemps_edge.rims.ntp_synchronised", lambda: True)
    asyncio.run(leap_and_return(tmp_path, mosquitto.port, leap, signed=signed))


# --- the same with a real process whose clock libfaketime sets --------------------------------------------


def faketime(file: Path) -> dict[str, str]:
    """What makes a process believe the time in ``file``: seconds that it is ahead.

    Its loop is asyncio's own: libfaketime sets the coarse monotonic clock too, which libuv goes by and which
    no machine lets anybody set.
    """
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("libfaketime is not installed")
    without = file.parent / "without-uvloop"
    without.mkdir()
    (without / "uvloop.py").write_text('raise ImportError("as on a 32-bit Pi")\n')
    return {
        "PYTHONPATH": str(without),
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


async def real_clock_leaps(folder: Path, port: int) -> str:
    ahead = folder / "ahead"
    leaps = (10 * YEAR, -10 * YEAR, 2 * HOUR, -2 * HOUR)

    def set_clock(leap: int) -> None:
        fresh = folder / "ahead.new"
        fresh.write_text(f"{leap // 1000:+d}\n")
        fresh.replace(ahead)

    set_clock(0)
    world = SystemWorld()
    async with (
        careful_gateway(port) as (gateway, records),
        door_of(write_setup_of(folder, port), faketime(ahead)) as door,
    ):
        door.start()
        await until(lambda: gateway.births, 20)
        await gateway.announce(0)
        now = world.now()
        windows = [Window(start=now + leap - HOUR // 2, end=now + leap + HOUR // 2) for leap in leaps]
        tempting = msgspec.structs.replace(grant(OTHER), windows=sorted(windows, key=lambda each: each.start))
        await gateway.give(grant(start=now - HOUR, end=now + HOUR), tempting)

        async def attempt(code: str, times: int = TIMES) -> bool:
            """Whether the strike let go. What a busy machine makes unreadable is cleared and typed again."""
            assert times > 0, "the keypad cannot be read"
            opened, refused = len(door.releases), len(gateway.events(AccessRefused))
            await door.type(code)
            with contextlib.suppress(TimeoutError):
                await until(
                    lambda: len(door.releases) > opened or len(gateway.events(AccessRefused)) > refused, 3
                )
            if len(door.releases) == opened:
                refusals = gateway.events(AccessRefused)[refused:]
                if refusals and refusals[-1].reason is not RefusalReason.UNREADABLE:
                    return False
                door.press("*")
                return await attempt(code, times - 1)
            await door.contact(True)
            await until(lambda: not door.board.level(STRIKE), 10)
            await door.contact(False)
            return True

        for leap in leaps:
            set_clock(leap)
            assert not await attempt(OTHER), f"opened {leap} ms ahead, without signed time"
            if leap == leaps[1]:
                break  # one more wrong one and the keypad would have to wait
        set_clock(0)
        await door.stop()
        boot = gateway.births[-1].boot
        door.start()
        await until(lambda: gateway.births[-1].boot != boot, 20)
        await tell_time(gateway, gateway.births[-1], world.now())  # an answer counts for two seconds
        while not (await asyncio.to_thread(ask, folder / "state")).clock_trusted:
            await asyncio.sleep(0.02)
        await until(lambda: gateway.records and max(gateway.records.items())[1].boot != boot)
        assert await attempt(CODE)
        for leap in leaps:
            set_clock(leap)
            assert await attempt(CODE), f"refused inside its window, {leap} ms ahead"
            assert not await attempt(OTHER), f"opened outside its window, {leap} ms ahead"
            set_clock(0)
            assert await attempt(CODE)
            assert not await attempt(OTHER)
        granted = [each for each in records.values() if isinstance(each.event, AccessGranted)]
        assert len(granted) == len(door.releases) == 1 + 2 * len(leaps)
        assert all(each.trusted and abs(each.at - world.now()) < HOUR // 10 for each in granted)
        await door.stop()
        return f"{len(granted)} openings inside, none outside a window"


@pytest.mark.soak  # under libfaketime a busy machine loses pulses of the keypad: wants an idle one
@pytest.mark.serial
def test_codes_open_inside_their_window_only_whatever_the_clock_of_the_process_does(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    print(asyncio.run(real_clock_leaps(tmp_path, mosquitto.port)))
