"""Offline codes at the desk: after 15 minutes without the gateway, and ready before they are asked for."""

import asyncio
from typing import Any

import msgspec
import pytest

from pleintemps_contract.agent_messages import RefusalReason
from pleintemps_contract.gateway_messages import (
    OfflineKeys,
)
from pleintemps_contract.offline import QUARTER_MS, DayCodes, KeySeal, OfflineWindow, code_id, daily_key
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.access import desk as desk_module
from pleintemps_edge.access.desk import ALONE_MS, Desk
from pleintemps_edge.access.offline import prepare
from pleintemps_edge.door import CodeAccepted
from pleintemps_edge.drivers.base import Feedback

from .actors import AGENT, PEPPER, SITE, grant, until
from .desk_place import SECRET, Place, staged

NOW = ManualWorld().now()
WINDOW = OfflineWindow(NOW // QUARTER_MS - 2, NOW // QUARTER_MS + 6)
OFFLINE_CODE = DayCodes(daily_key(SECRET, WINDOW.day), 11).code(WINDOW, 1)
OFFLINE_ID = code_id(SITE, "gym", WINDOW, 1)


def offline_keys() -> OfflineKeys:
    keys = [daily_key(SECRET, WINDOW.day - 1 + day) for day in range(4)]
    sealed = KeySeal(PEPPER, SITE, AGENT).seal("gym", WINDOW.day - 1, keys)
    return OfflineKeys(space="gym", doors=["hall"], digits=11, first_day=WINDOW.day - 1, sealed=sealed)


@staged
async def test_an_offline_code_opens_once_the_gateway_is_silent_for_15_minutes() -> None:
    place = Place(offline=[offline_keys()])
    place.world.move(ALONE_MS - 1)
    assert not await place.enter(OFFLINE_CODE)
    assert place.notebook.reasons() == [RefusalReason.DENIED]
    assert place.wrong == b"0"
    place.world.move(1)
    assert await place.enter(OFFLINE_CODE)
    assert place.accepted == [CodeAccepted(OFFLINE_ID, offline=True, space="gym")]
    place.desk.receipted()
    assert not await place.enter(OFFLINE_CODE)
    place.world.move(ALONE_MS)
    assert await place.enter(OFFLINE_CODE)
    place.desk.receipted(place.world.monotonic() - ALONE_MS)
    assert await place.enter(OFFLINE_CODE)


@staged
async def test_offline_codes_that_are_denied_elsewhere_over_or_wrong_are_refused() -> None:
    place = Place(offline=[offline_keys()], denied_offline=[OFFLINE_ID])
    place.world.move(ALONE_MS)
    assert not await place.enter(OFFLINE_CODE)
    assert not await place.enter(OFFLINE_CODE, "gate")
    assert not await place.enter("12345678901")
    place.give(offline=[offline_keys()])
    place.world.move(WINDOW.end * QUARTER_MS - place.world.now())
    assert not await place.enter(OFFLINE_CODE)
    assert place.notebook.reasons() == [RefusalReason.DENIED, *[RefusalReason.UNKNOWN] * 3]


@staged
async def test_offline_codes_are_throttled_and_need_trusted_time() -> None:
    place = Place(offline=[offline_keys()], trusted=False)
    place.world.move(ALONE_MS)
    assert not await place.enter(OFFLINE_CODE)
    assert place.notebook.reasons() == [RefusalReason.NO_TRUSTED_TIME]
    # nobody can say whether it exists, so it may be a guess
    assert place.wrong == b"1"
    for _ in range(4):
        await place.enter("12345678901")
    place.trusted = True
    assert not await place.enter(OFFLINE_CODE)
    assert place.shown[-1] is Feedback.WAIT
    place.world.move(30_000)
    assert await place.enter(OFFLINE_CODE)
    assert place.wrong == b"0"


@staged
async def test_a_grant_with_the_digits_of_an_offline_code_is_not_shadowed() -> None:
    place = Place(grant(OFFLINE_CODE), offline=[offline_keys()])
    assert await place.enter(OFFLINE_CODE)
    assert not place.accepted[0].offline
    place.give(grant(OFFLINE_CODE, end=10), offline=[offline_keys()])
    place.world.move(ALONE_MS)
    assert await place.enter(OFFLINE_CODE)
    assert place.accepted[1].offline
    place.trusted = False
    assert not await place.enter(OFFLINE_CODE)
    assert place.notebook.reasons() == [RefusalReason.NO_TRUSTED_TIME]
    assert place.wrong == b"0"


def test_codes_of_each_quarter_are_ready_before_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    adopted: list[int] = []

    def counting(spaces: Any, held: Any, now: int) -> Any:
        slices = prepare(spaces, held, now)
        made.append(sum(key not in held for key in slices))
        return slices

    class Watched(Desk):
        def _adopt(self, spaces: Any, slices: Any) -> None:
            super()._adopt(spaces, slices)
            adopted.append(len(slices))

    async def story() -> None:
        monkeypatch.setattr(desk_module, "prepare", counting)
        other = msgspec.structs.replace(
            offline_keys(),
            space="attic",
            sealed=KeySeal(PEPPER, SITE, AGENT).seal(
                "attic", WINDOW.day - 1, [daily_key(bytes(32), WINDOW.day)] * 4
            ),
        )
        place = Place(offline=[offline_keys(), other], kind=Watched)
        running = asyncio.create_task(place.desk.run())
        await until(lambda: adopted)
        assert (made, adopted) == ([48, 48], [96])
        await place.world.advance(QUARTER_MS)
        await until(lambda: len(adopted) == 2)
        assert made[2:] == [1, 1]
        # an attempt finds everything there
        assert await place.enter(OFFLINE_CODE)
        assert made[4:] == [0]
        # without time there is nothing to prepare; a new table is prepared at once
        place.trusted = False
        await place.world.advance(QUARTER_MS)
        assert len(adopted) == 3
        place.trusted = True
        await place.world.advance(60_000)
        await until(lambda: len(adopted) == 4)
        assert made[5:] == [1, 1]
        place.give(offline=[msgspec.structs.replace(offline_keys(), doors=["gate"])])
        await until(lambda: len(adopted) == 5)
        assert made[7:] == [48]
        running.cancel()
        await asyncio.wait({running})
        place.desk.close()

    asyncio.run(story())
