"""The desk: counted before the check, one hash, one verdict, one record, one answer at the reader."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from pleintemps_contract.agent_messages import AccessRefused, Event, RefusalReason
from pleintemps_contract.credentials import card_text, hash_code, lookup
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.gateway_messages import (
    CredentialKind,
    Grant,
    GrantsManifest,
    GrantsPage,
    HashSet,
    OfflineKeys,
    Window,
)
from pleintemps_contract.keyfiles import AgentKeys
from pleintemps_contract.offline import QUARTER_MS, DayCodes, KeySeal, OfflineWindow, code_id, daily_key
from pleintemps_contract.tokens import Token, sign_token
from pleintemps_contract.wire import encode
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.access import desk as desk_module
from pleintemps_edge.access.desk import ALONE_MS, MAX_PENDING, Desk
from pleintemps_edge.access.dialogue import Entered
from pleintemps_edge.access.grants import page_digest
from pleintemps_edge.access.offline import prepare
from pleintemps_edge.door import CodeAccepted
from pleintemps_edge.drivers.base import Feedback

from .actors import AGENT, CODE, HASHES, PEPPER, SIGNER, SITE, STRANGER, grant, until

KEYS = AgentKeys(SITE, AGENT, "demo", PEPPER, TrustedKeys([SIGNER.public]))
CARD = "w26:12:34567"
WRONG = "00000000"
SECRET = b"o" * 32


class Notebook:
    """A journal in memory, in the order of what was written."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.written: list[Event | dict[str, bytes]] = []

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]":
        self.written += [*events, *([dict(state)] if state else [])]
        self.kept |= state or {}
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_result(0)
        return future

    def state(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def reasons(self) -> list[RefusalReason]:
        return [entry.reason for entry in self.written if isinstance(entry, AccessRefused)]


class Place:
    """A desk with two doors and a world that stands still; ``why`` is what the doors refuse for."""

    def __init__(
        self,
        *grants: Grant,
        notebook: Notebook | None = None,
        trusted: bool = True,
        why: RefusalReason | None = None,
        kind: type[Desk] = Desk,
        hashes: Sequence[HashSet] = (HASHES,),
        offline: Sequence[OfflineKeys] = (),
        **manifest: Any,
    ) -> None:
        self.world = ManualWorld()
        self.notebook = notebook or Notebook()
        self.accepted: list[CodeAccepted] = []
        self.shown: list[Feedback] = []
        self.trusted = trusted
        self.why = why
        self.desk = kind(
            ["hall", "gate"],
            keys=KEYS,
            trusted=lambda: KEYS.trusted,
            world=self.world,
            journal=self.notebook,
            trusted_now=lambda: self.world.now() if self.trusted else None,
            open_door=self.open,
            show=lambda reader, feedback: self.shown.append(feedback),
        )
        self.give(*(grants or (grant(),)), hashes=hashes, offline=offline, **manifest)

    def give(
        self,
        *grants: Grant,
        hashes: Sequence[HashSet] = (HASHES,),
        offline: Sequence[OfflineKeys] = (),
        **manifest: Any,
    ) -> None:
        body = encode(GrantsPage(epoch=1, revision=1, grants=list(grants), offline=list(offline)))
        pages = [page_digest(body)]
        made = GrantsManifest(epoch=1, revision=1, hashes=list(hashes), pages=pages, **manifest)
        self.desk.table = self.desk.build(made, [body])

    def open(self, door: str, accepted: CodeAccepted, keep: Mapping[str, bytes]) -> RefusalReason | None:
        if self.why is None:
            self.accepted.append(accepted)
            self.notebook.append([], keep)
        return self.why

    @property
    def opened(self) -> list[str]:
        return [accepted.grant for accepted in self.accepted]

    @property
    def wrong(self) -> bytes:
        return self.notebook.kept["throttle:hall"]

    async def enter(self, code: str | None, door: str = "hall") -> bool:
        return await self.desk.enter(door, Entered(code), "keypad")


def staged(story: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test that runs in an event loop of its own."""

    def run() -> None:
        asyncio.run(story())

    run.__name__ = story.__name__
    return run


def card_grant(card: str = CARD, kind: CredentialKind = CredentialKind.CARD) -> Grant:
    value = lookup(PEPPER, hash_code(card_text(card), HASHES))
    return msgspec.structs.replace(grant(), kind=kind, lookup=value, id="ca" * 16)


# --- codes and the throttle ---------------------------------------------------------------------------


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
        for _ in range(12):
            assert not await place.enter(CODE)
        assert place.notebook.reasons() == [reason] * 12
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


# --- one-time grants ----------------------------------------------------------------------------------

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


# --- cards and tokens ---------------------------------------------------------------------------------


@staged
async def test_cards_open_and_are_never_throttled() -> None:
    place = Place(card_grant())
    for _ in range(5):
        await place.enter(WRONG)
    for _ in range(12):
        assert not await place.desk.card("hall", "w26:0:1", "keypad")
    assert await place.desk.card("hall", CARD, "keypad")
    assert place.opened == ["ca" * 16]
    assert place.shown[-2:] == [Feedback.REFUSED, Feedback.ACCEPTED]
    # and an accepted card is no excuse for wrong codes
    assert place.wrong == b"5"
    assert not await place.enter(CODE)
    assert place.notebook.reasons()[-1] is RefusalReason.THROTTLED


@staged
async def test_a_staff_card_opens_without_trusted_time_and_others_say_why_not() -> None:
    staff = Place(card_grant(kind=CredentialKind.STAFF_CARD), trusted=False)
    assert await staff.desk.card("hall", CARD)
    assert staff.accepted[0].staff
    other = Place(card_grant(), trusted=False)
    assert not await other.desk.card("hall", CARD, "keypad")
    assert other.notebook.reasons() == [RefusalReason.NO_TRUSTED_TIME]
    assert other.shown == [Feedback.NO_TRUSTED_TIME]


@staged
async def test_a_reader_that_babbles_holds_itself_up_only() -> None:
    place = Place(card_grant(), grant(doors=("gate",)))
    cards = [f"w26:0:{number}" for number in range(100)]
    babble = [asyncio.create_task(place.desk.card("hall", card, "keypad")) for card in cards]
    await asyncio.sleep(0)
    assert not await place.enter(WRONG)
    assert await place.desk.card("hall", CARD, "reader")  # of the same door
    assert "throttle:hall" not in place.notebook.kept
    assert await place.desk.enter("gate", Entered(CODE), "gate-keypad")
    await asyncio.gather(*babble)
    reasons = place.notebook.reasons()
    assert reasons.count(RefusalReason.UNKNOWN) == MAX_PENDING
    assert reasons.count(RefusalReason.UNREADABLE) == 1
    assert await place.desk.card("hall", CARD)


@staged
async def test_a_door_waits_for_one_check_of_another_that_babbles() -> None:
    place = Place(grant(doors=("gate",)))
    ended: list[str] = []

    def note(name: str) -> Callable[[object], None]:
        return lambda _: ended.append(name)

    tasks = [asyncio.create_task(place.desk.card("hall", f"w26:0:{each}")) for each in range(MAX_PENDING)]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(place.desk.enter("gate", Entered(CODE), "gate-keypad")))
    for task in tasks:
        task.add_done_callback(note("gate" if task is tasks[-1] else "hall"))
    await asyncio.gather(*tasks)
    assert ended.index("gate") <= 1


def text_of(doors: Sequence[str] = ("hall",), site: str = SITE, until: int = 10**14) -> str:
    window = Window(start=0, end=until)
    return sign_token(Token(id="7b" * 16, site=site, doors=list(doors), windows=[window]), SIGNER)


@staged
async def test_tokens_open_by_their_signature_alone() -> None:
    place = Place()
    for _ in range(5):
        await place.enter(WRONG)
    assert await place.desk.token("hall", text_of(), "keypad")
    assert place.opened == ["7b" * 16]
    assert place.shown[-1] is Feedback.ACCEPTED
    assert place.wrong == b"5"


@staged
async def test_tokens_are_refused_with_their_reason() -> None:
    place = Place(denied_tokens=["7c" * 16])
    forged = sign_token(
        Token(id="7b" * 16, site=SITE, doors=["hall"], windows=[Window(start=0, end=10**14)]), STRANGER
    )
    denied = sign_token(
        Token(id="7c" * 16, site=SITE, doors=["hall"], windows=[Window(start=0, end=10**14)]), SIGNER
    )
    cases = {
        forged: RefusalReason.BAD_TOKEN,
        text_of(site="other-town"): RefusalReason.BAD_TOKEN,
        "PT1.": RefusalReason.BAD_TOKEN,
        "\ud800": RefusalReason.BAD_TOKEN,
        text_of(["gate"]): RefusalReason.WRONG_DOOR,
        text_of(until=10): RefusalReason.EXPIRED,
        denied: RefusalReason.DENIED,
    }
    for text in cases:
        assert not await place.desk.token("hall", text, "keypad")
    assert place.notebook.reasons() == list(cases.values())
    place.trusted = False
    assert not await place.desk.token("hall", text_of(), "keypad")
    assert place.notebook.reasons()[-1] is RefusalReason.NO_TRUSTED_TIME
    assert place.shown[-1] is Feedback.NO_TRUSTED_TIME


# --- offline codes ------------------------------------------------------------------------------------

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
