"""What time it is, and whether that can be trusted.

Trusted is: a simulated clock (its configuration was accepted with demo keys only); the machine's clock
while the kernel says that NTP disciplines it; the gateway's signed answer to a nonce of ours, carried on by
monotonic time; a clock chip that has shown that it may be (:mod:`.rtc`). Everything else is untrusted:
records say so and timed codes are refused.

NTP is not signed. It is believed only within an hour of what is known better: the gateway's time, else the
chip's, else the persisted floor and the monotonic time since it was read. A larger step needs the gateway's
signed time, so one wrong leap opens nothing and locks nobody out when it is over.

The floor is what time is never gone below. It rises with trusted time only, per boot at most by the monotonic
time that has passed plus an hour; a signed time sets it freely.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec.structs import replace

from pleintemps_contract.agent_messages import ClockSource
from pleintemps_contract.world import World

from .rtc import Rtc

MAX_ROUND_TRIP_MS: Final = 2_000
"""A signed time that took longer is too vague: its error is up to half the round trip."""
FLOOR_SLACK_MS: Final = 3_600_000
DRIFT: Final = 1e-4
"""100 ppm: how fast monotonic time may stray from the gateway's, with a wide margin for a cheap crystal."""
CHECK_RTC_MS: Final = 3_600_000
STEP_MS: Final = 1_000
"""More than NTP ever slews between two looks: somebody has set the clock, and what NTP said is old."""


class ClockState(msgspec.Struct, frozen=True):
    """``floor`` in Unix ms, 0 when there was never a trusted time. ``fixed`` is signed wall time minus
    monotonic, ``answered`` the monotonic time when it came.
    """

    floor: int
    floor_at_start: int
    started: int
    fixed: int | None = None
    round_trip: int = 0
    answered: int = 0


class Reading(msgspec.Struct, frozen=True):
    """Wall time ``at`` (Unix ms), whether it is trusted, and why."""

    at: int
    trusted: bool
    source: ClockSource


def begin(floor: int, monotonic: int) -> ClockState:
    """At the start of the agent, with the floor that was persisted."""
    return ClockState(floor=floor, floor_at_start=floor, started=monotonic)


def read(
    state: ClockState, wall: int, monotonic: int, *, simulated: bool, ntp: bool, rtc: int | None = None
) -> Reading:
    """Judge the machine's ``wall`` time; ``rtc`` is the time of a chip that may be trusted."""
    if simulated:
        return Reading(wall, True, ClockSource.SIMULATED)
    signed = None if state.fixed is None else state.fixed + monotonic
    if ntp and wall >= state.floor and _is_near(state, wall, monotonic, rtc if signed is None else signed):
        return Reading(wall, True, ClockSource.NTP)
    if signed is not None:
        return Reading(signed, True, ClockSource.GATEWAY)
    if rtc is not None:
        return Reading(rtc, True, ClockSource.RTC)
    return Reading(max(wall, state.floor), False, ClockSource.NONE)


def _is_near(state: ClockState, wall: int, monotonic: int, known: int | None) -> bool:
    """Whether ``wall`` is a step of an hour at most from what is ``known``, or from the floor carried on."""
    if known is None:
        if state.floor_at_start == 0:
            return True  # there was never a trusted time: somebody must be the first
        known = state.floor_at_start + monotonic - state.started
    return abs(wall - known) <= FLOOR_SLACK_MS


def raise_floor(state: ClockState, reading: Reading, monotonic: int) -> ClockState:
    """The floor after a reading; untrusted time does not move it."""
    if not reading.trusted:
        return state
    ceiling = state.floor_at_start + (monotonic - state.started) + FLOOR_SLACK_MS
    free = state.floor_at_start == 0 or reading.source is ClockSource.GATEWAY
    floor = reading.at if free else min(reading.at, ceiling)
    if floor <= state.floor:
        return state
    # a first or a signed time is the new ground to rise from
    ground = replace(state, floor_at_start=floor, started=monotonic) if free else state
    return replace(ground, floor=floor)


def signed_time(state: ClockState, asked: int, answered: int, gateway_now: int) -> ClockState:
    """Take the gateway's time; ``asked`` and ``answered`` are our monotonic ms.

    Of two answers that agree the surer one is kept: half the round trip is doubt, and so is age. One that
    does not agree is the gateway's newer word. A signed time may also set the floor back, after a leap of the
    machine's clock has raised it too far.
    """
    round_trip = answered - asked
    if not 0 <= round_trip <= MAX_ROUND_TRIP_MS:
        return state
    at = gateway_now + round_trip // 2
    if state.fixed is not None:
        doubt = state.round_trip // 2 + round((answered - state.answered) * DRIFT)
        agrees = abs(at - answered - state.fixed) <= doubt + round_trip // 2
        if agrees and round_trip // 2 > doubt:
            return state
    return replace(
        state,
        fixed=at - answered,
        round_trip=round_trip,
        answered=answered,
        floor=min(state.floor, at),
        floor_at_start=min(state.floor_at_start, at),
    )


class Clock:
    """The trusted clock of one agent; asks the kernel every ten seconds, and at once after a leap of time."""

    def __init__(self, world: World, floor: int, ntp: Callable[[], bool], rtc: Rtc | None = None) -> None:
        self._world = world
        self._ntp = ntp
        self._rtc = rtc
        self._state = begin(floor, world.monotonic())
        self._asked: dict[str, int] = {}
        self._ntp_known = False
        self._ntp_next = world.monotonic()
        self._offset = world.now() - world.monotonic()

    @property
    def floor(self) -> int:
        return self._state.floor

    def read(self) -> Reading:
        """The time now; also raises the floor."""
        now, monotonic = self._world.now(), self._world.monotonic()
        simulated = self._world.source == "simulated"
        stepped = abs(now - monotonic - self._offset) > STEP_MS
        self._offset = now - monotonic
        if not simulated and (stepped or monotonic >= self._ntp_next):
            self._ntp_known = self._ntp()
            self._ntp_next = monotonic + 10_000
        offset = None if self._rtc is None else self._rtc.offset
        rtc = None if offset is None else offset + monotonic
        reading = read(self._state, now, monotonic, simulated=simulated, ntp=self._ntp_known, rtc=rtc)
        self._state = raise_floor(self._state, reading, monotonic)
        return reading

    def ask(self) -> str:
        """A new nonce for the gateway; an answer counts for the last two only."""
        nonce = self._world.new_id()
        self._asked = dict(list(self._asked.items())[-1:]) | {nonce: self._world.monotonic()}
        return nonce

    def answer(self, nonce: str, gateway_now: int) -> None:
        """The gateway's signed time; an answer to a nonce that we did not ask with means nothing."""
        asked = self._asked.pop(nonce, None)
        if asked is not None:
            self._state = signed_time(self._state, asked, self._world.monotonic(), gateway_now)

    async def check_rtc(self, keep: Callable[[int], None]) -> None:
        """Hold the chip, if there is one, against better time every hour; ``keep`` when it was right."""
        while self._rtc is not None:
            if await self._rtc.check(self._better_than_rtc, lambda: self.floor, self._world.monotonic):
                keep(self._rtc.verified or 0)
                pause = CHECK_RTC_MS
            else:
                pause = CHECK_RTC_MS if self._better_than_rtc() is not None else CHECK_RTC_MS // 60
            await self._world.sleep_until(self._world.monotonic() + pause)

    def _better_than_rtc(self) -> int | None:
        reading = self.read()
        return reading.at if reading.source in (ClockSource.NTP, ClockSource.GATEWAY) else None
