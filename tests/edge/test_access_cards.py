"""Cards and tokens at the desk: never throttled, never in the way of another reader."""

import asyncio
from collections.abc import Callable, Sequence

from pleintemps_contract.agent_messages import RefusalReason
from pleintemps_contract.gateway_messages import (
    CredentialKind,
    Window,
)
from pleintemps_contract.tokens import Token, sign_token
from pleintemps_edge.access.desk import MAX_PENDING
from pleintemps_edge.access.dialogue import Entered
from pleintemps_edge.drivers.base import Feedback

from .actors import CODE, SIGNER, SITE, STRANGER, grant
from .desk_place import CARD, WRONG, Place, card_grant, staged


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
