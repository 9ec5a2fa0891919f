"""One-time grants at the desk: worth nothing after their use at a door, also after a restart."""

import asyncio

import msgspec

from pleintemps_contract.agent_messages import RefusalReason

from .actors import CODE, grant
from .desk_place import Place, staged

ONCE = msgspec.structs.replace(grant(doors=("hall", "gate")), once=True)


@staged
async def test_a_one_time_grant_opens_each_door_once_also_after_a_restart() -> None:
    first = Place(ONCE)
    assert await first.enter(CODE)
    # its use is kept with the record of the opening
    assert {key for key in first.notebook.kept if key.startswith("used:hall")}
    assert not await first.enter(CODE)
    assert first.notebook.reasons() == [RefusalReason.USED]
    assert first.wrong == b"0"
    second = Place(ONCE, notebook=first.notebook)
    assert not await second.enter(CODE)
    assert await second.enter(CODE, "gate")
    assert not await second.enter(CODE, "gate")


@staged
async def test_a_one_time_grant_is_not_spent_at_a_door_that_does_not_open() -> None:
    place = Place(ONCE, why=RefusalReason.DOOR_MODE)
    assert not await place.enter(CODE)
    place.why = None
    assert await place.enter(CODE)


@staged
async def test_two_hands_at_once_spend_a_one_time_grant_once() -> None:
    place = Place(ONCE)
    assert sorted(await asyncio.gather(place.enter(CODE), place.enter(CODE))) == [False, True]


@staged
async def test_uses_are_forgotten_with_their_grant() -> None:
    place = Place(ONCE)
    await place.enter(CODE)
    place.give(ONCE)
    assert not await place.enter(CODE)
    place.give(grant("11112222"))
    assert all(not kept for key, kept in place.notebook.kept.items() if key.startswith("used:"))
