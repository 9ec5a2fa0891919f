"""The desk: counted before the check, one hash, one verdict, one record, one answer at the reader."""

import asyncio
import logging

import msgspec
import pytest

from pleintemps_contract.agent_messages import AccessRefused, RefusalReason
from pleintemps_contract.credentials import card_text, hash_code, lookup
from pleintemps_contract.gateway_messages import (
    CredentialKind,
    HashSet,
)
from pleintemps_edge.access.desk import ALONE_MS
from pleintemps_edge.drivers.base import Feedback

from .actors import CODE, HASHES, PEPPER, grant
from .desk_place import CARD, WRONG, Place, card_grant, staged


@staged
async def test_a_right_code_opens_and_forgives() -> None:
    place = Place()
    assert not await place.enter(WRONG)
    assert await place.enter(CODE)
    assert place.opened == [grant().id]
    assert place.wrong == b"0"
    assert place.notebook.reasons() == [RefusalReason.UNKNOWN]
    assert place.shown == [Feedback.REFUSED, Feedback.ACCEPTED]


@staged
async def test_an_attempt_is_counted_before_it_is_checked() -> None:
    place = Place()
    await place.enter(WRONG)
    assert place.notebook.written[0] == {"throttle:hall": b"1"}
    assert isinstance(place.notebook.written[1], AccessRefused)


@staged
async def test_after_five_wrong_codes_even_the_right_one_waits_and_then_opens() -> None:
    place = Place()
    for _ in range(5):
        assert not await place.enter(WRONG)
    for _ in range(3):
        assert not await place.enter(CODE)
    # one record for the whole wait, an answer for each attempt
    assert place.notebook.reasons().count(RefusalReason.THROTTLED) == 1
    assert place.shown[5:] == [Feedback.WAIT] * 3
    assert not await place.enter(WRONG, "gate")
    assert place.notebook.reasons()[-1] is RefusalReason.UNKNOWN
    place.world.move(30_000)
    assert await place.enter(CODE)


@staged
async def test_a_restart_forgets_no_wrong_code() -> None:
    first = Place()
    for _ in range(5):
        await first.enter(WRONG)
    second = Place(notebook=first.notebook)
    assert not await second.enter(CODE)
    assert second.notebook.reasons()[-1] is RefusalReason.THROTTLED
    second.world.move(30_000)
    assert await second.enter(CODE)


@staged
async def test_parallel_attempts_are_counted_one_by_one() -> None:
    place = Place()
    results = await asyncio.gather(*(place.enter(WRONG) for _ in range(20)))
    assert not any(results)
    assert place.notebook.reasons().count(RefusalReason.UNKNOWN) == 5


@staged
async def test_a_staff_code_waits_like_any_other() -> None:
    place = Place(msgspec.structs.replace(grant(), kind=CredentialKind.STAFF_CODE))
    for _ in range(5):
        await place.enter(WRONG)
    assert not await place.enter(CODE)
    place.world.move(30_000)
    assert await place.enter(CODE)
    assert place.accepted[0].staff


KNOWN_BUT_REFUSED = {
    RefusalReason.NOT_YET: grant(start=10**14),
    RefusalReason.EXPIRED: grant(end=10),
    RefusalReason.WRONG_DOOR: grant(doors=("gate",)),
}


@pytest.mark.parametrize("reason", KNOWN_BUT_REFUSED)
def test_a_known_code_that_is_refused_is_no_guess_and_forgives_none(reason: RefusalReason) -> None:
    async def story() -> None:
        place = Place(KNOWN_BUT_REFUSED[reason])
        for _ in range(9):
            assert not await place.enter(CODE)
        assert place.notebook.reasons() == [reason] * 9
        assert place.wrong == b"0"
        for count in range(4):
            await place.enter(WRONG)
            await place.enter(CODE)
            assert place.wrong == b"%d" % (count + 1)
        # the fifth wrong code begins the wait, as if the known one had never been typed
        await place.enter(WRONG)
        await place.enter(CODE)
        assert place.notebook.reasons()[-1] is RefusalReason.THROTTLED
        assert set(place.shown) == {Feedback.REFUSED, Feedback.WAIT}

    asyncio.run(story())


@pytest.mark.parametrize("why", [RefusalReason.DOOR_MODE, RefusalReason.INTERLOCK, RefusalReason.FIRE])
def test_a_door_that_does_not_obey_says_why_and_forgives_nothing(why: RefusalReason) -> None:
    async def story() -> None:
        place = Place(why=why)
        await place.enter(WRONG)
        assert not await place.enter(CODE)
        assert place.notebook.reasons() == [RefusalReason.UNKNOWN, why]
        assert place.wrong == b"1"
        assert place.shown == [Feedback.REFUSED] * 2

    asyncio.run(story())


@staged
async def test_without_trusted_time_every_code_hears_so_and_guesses_count() -> None:
    place = Place(grant(), grant("11112222", doors=("gate",)), trusted=False)
    for code in (CODE, WRONG, "11112222"):
        assert not await place.enter(code)
    reasons = [RefusalReason.NO_TRUSTED_TIME, RefusalReason.UNKNOWN, RefusalReason.WRONG_DOOR]
    assert place.notebook.reasons() == reasons
    # the answer is the same, so that it tells nobody which codes exist
    assert place.shown == [Feedback.NO_TRUSTED_TIME] * 3
    assert place.wrong == b"1"


@staged
async def test_what_cannot_be_a_code() -> None:
    place = Place(card_grant())
    assert not await place.enter(None)
    assert place.notebook.reasons() == [RefusalReason.UNREADABLE]
    assert "throttle:hall" not in place.notebook.kept
    for text in ("1" * 13, card_text(CARD)[:12], "", "١٢٣٤"):
        place.world.move(ALONE_MS)
        assert not await place.enter(text)
        assert place.notebook.reasons()[-1] is RefusalReason.UNKNOWN
    assert place.wrong == b"4"


@staged
async def test_no_digit_reaches_the_notebook() -> None:
    place = Place()
    await place.enter("31415926")
    await place.enter(CODE)
    await place.desk.card("hall", CARD)
    written = repr(place.notebook.written)
    assert not any(secret in written for secret in ("31415926", CODE, CARD))


@staged
async def test_during_a_change_of_salt_codes_of_both_are_found() -> None:
    other = HashSet(salt_id="s2", salt="cd" * 16, memory_kib=8, iterations=1, lanes=1)
    value = lookup(PEPPER, hash_code("55667788", other))
    new = msgspec.structs.replace(grant(), salt_id="s2", lookup=value, id="05" * 16)
    place = Place(grant(), new, hashes=[HASHES, other])
    assert await place.enter(CODE)
    assert await place.enter("55667788")
    assert place.opened == [grant().id, new.id]


# --- duress -------------------------------------------------------------------------------------------


def test_duress_differs_in_the_record_and_in_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def story(duress: bool) -> tuple[Place, list[str]]:
        caplog.clear()
        place = Place(msgspec.structs.replace(grant(), duress=duress))
        assert await place.enter(CODE)
        return place, [record.getMessage() for record in caplog.records]

    caplog.set_level(logging.DEBUG)
    (free, free_log), (forced, forced_log) = (asyncio.run(story(duress)) for duress in (False, True))
    assert (free.accepted[0].duress, forced.accepted[0].duress) == (False, True)
    assert free.shown == forced.shown == [Feedback.ACCEPTED]
    assert free.notebook.written == forced.notebook.written
    assert free_log == forced_log
