"""Refusals in great number: few records, none lost from the count, the throttle's own record always."""

import asyncio
from collections import Counter

import hypothesis.strategies as st
from hypothesis import given

from pleintemps_contract.agent_messages import AccessRefused, RefusalReason
from pleintemps_edge.access.flood import (
    AT_ONCE,
    MOST_GRANTS,
    ONE_EACH_MS,
    SUM_EACH_MS,
    Flood,
    Refusal,
    refuse,
    tell,
)

from .actors import CODE, grant, until
from .desk_place import CARD, WRONG, Place, card_grant, staged

REASONS = [RefusalReason.UNKNOWN, RefusalReason.EXPIRED, RefusalReason.WRONG_DOOR]
refusals = st.tuples(st.sampled_from(REASONS), st.none() | st.sampled_from("abcdefgh"))


@given(st.lists(st.tuples(st.integers(0, 3) | st.integers(0, 90_000), refusals), max_size=300))
def test_every_refusal_is_recorded_or_counted_once_and_records_are_few(
    steps: list[tuple[int, Refusal]],
) -> None:
    flood, now, alone, told = Flood(), 0, list[int](), Counter[Refusal]()
    for wait, refusal in steps:
        now += wait
        if flood.due is not None and flood.due <= now:
            flood, counted = tell(flood)
            told.update(dict(counted))
        counting, kinds = flood.due, len(flood.counted)
        flood, own = refuse(flood, refusal, now)
        if len(flood.counted) > kinds:
            assert own  # the first of its kind
            told[refusal] += 1
        elif own:
            alone.append(now)
            told[refusal] += 1
        if flood.counted:
            assert flood.due == (counting or now + SUM_EACH_MS)
        assert len(flood.counted) <= len(REASONS) + MOST_GRANTS
    told.update(dict(tell(flood)[1]))
    for reason in REASONS:
        wanted = sum(1 for _, (each, _) in steps if each is reason)
        assert sum(count for (each, _), count in told.items() if each is reason) == wanted
    for first, begin in enumerate(alone):
        for last, end in enumerate(alone[first:], first):
            assert last - first < AT_ONCE + (end - begin) / ONE_EACH_MS


def counts(place: Place) -> list[tuple[RefusalReason, str | None, int]]:
    written = (entry for entry in place.notebook.written if isinstance(entry, AccessRefused))
    return [(entry.reason, entry.grant, entry.count) for entry in written]


@staged
async def test_a_thousand_cards_in_a_minute_are_a_dozen_records() -> None:
    place = Place(card_grant(), grant(end=10))
    running = asyncio.create_task(place.desk.run())
    for number in range(1_000):
        await place.desk.card("hall", f"w26:0:{number % 7}", "reader")
    for _ in range(3):
        assert not await place.enter(CODE)
    for _ in range(4):
        await place.enter(WRONG)
    expired = (RefusalReason.EXPIRED, grant(end=10).id, 1)
    assert counts(place) == [(RefusalReason.UNKNOWN, None, 1)] * (AT_ONCE + 1) + [expired]
    assert len(place.shown) == 1_007  # everybody is answered
    # a flood hides no guessing: what the throttle says is never counted with others
    await place.enter(WRONG)
    await place.enter(WRONG)
    assert counts(place)[AT_ONCE + 2 :] == [(RefusalReason.THROTTLED, None, 1)]
    # the other door has records of its own, and whoever may come in is let in
    assert not await place.desk.card("gate", "w26:0:1", "gate-reader")
    assert counts(place)[-1] == (RefusalReason.UNKNOWN, None, 1)
    assert await place.desk.card("hall", CARD, "reader")
    before = len(counts(place))
    await place.world.advance(SUM_EACH_MS - 1)
    assert len(counts(place)) == before
    await place.world.advance(1)
    await until(lambda: len(counts(place)) == before + 2)
    assert counts(place)[before:] == [
        (RefusalReason.UNKNOWN, None, 1_000 - AT_ONCE - 1 + 5),
        (RefusalReason.EXPIRED, grant(end=10).id, 2),
    ]
    running.cancel()
    await asyncio.wait({running})
    place.desk.close()


@staged
async def test_what_was_counted_is_told_when_the_desk_closes() -> None:
    place = Place()
    for _ in range(AT_ONCE + 4):
        await place.enter(None)
    place.desk.close()
    place.desk.close()
    assert counts(place) == [
        *[(RefusalReason.UNREADABLE, None, 1)] * (AT_ONCE + 1),
        (RefusalReason.UNREADABLE, None, 3),
    ]
