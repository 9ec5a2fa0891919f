"""Grant tables: schedules, one-time grants, staff, cards, duress, free opening, offline plans. Pure rules."""

import string
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import RefusalReason
from pleintemps_contract.credentials import card_text
from pleintemps_contract.errors import DecodeError
from pleintemps_contract.gateway_messages import (
    CredentialKind,
    FreeOpening,
    Grant,
    GrantsManifest,
    GrantsPage,
    OfflineKeys,
    Schedule,
    Window,
)
from pleintemps_contract.offline import KeySeal, daily_key
from pleintemps_contract.tokens import Token
from pleintemps_contract.wire import encode
from pleintemps_edge.access.grants import CARDS, GrantTable, page_digest
from pleintemps_edge.access.used import UsedOnce
from pleintemps_edge.access.verdicts import judge_token
from pleintemps_edge.access.windows import Span, merged, refusal_at, spans

from .actors import AGENT, HASHES, PEPPER, SITE, grant

SEAL = KeySeal(PEPPER, SITE, AGENT)
LOOKUPS = {HASHES.salt_id: grant().lookup}


def page(**parts: Any) -> bytes:
    return encode(GrantsPage(**{"epoch": 1, "revision": 1, "grants": [], **parts}))


def table(*bodies: bytes, **parts: Any) -> GrantTable:
    pages = [page_digest(body) for body in bodies]
    manifest = GrantsManifest(epoch=1, revision=1, hashes=[HASHES], pages=pages, **parts)
    return GrantTable.build(manifest, bodies, SEAL)


def one(**changes: Any) -> Grant:
    """A grant with a name of its own, valid from 0 to 100."""
    number = changes.pop("number", 0)
    return msgspec.structs.replace(grant(end=100), id=f"{number:032x}", **changes)


def span(start: int, end: int) -> Window:
    return Window(start=start, end=end)


# --- windows ------------------------------------------------------------------------------------------

TIMES = st.lists(st.builds(lambda at, size: (at, at + size), st.integers(0, 60), st.integers(1, 20)))


@given(TIMES, st.integers(0, 90))
def test_merging_changes_no_moment(times: list[Span], now: int) -> None:
    inside = any(now in range(start, end) for start, end in times)
    assert (refusal_at(times, now) is None) is inside
    disjoint = merged(times)
    assert (refusal_at(spans(disjoint), now) is None) is inside
    assert all(before.end < after.start for before, after in pairwise(disjoint))


# --- schedules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_schedule_may_stand_on_any_page(order: tuple[int, int]) -> None:
    pages = [
        page(grants=[one(windows=[span(0, 10)], schedules=["mornings"])]),
        page(schedules=[Schedule(schedule="mornings", windows=[span(20, 30), span(40, 50)])]),
    ]
    made = table(*(pages[place] for place in order))
    open_at = [now for now in range(60) if made.judge("hall", LOOKUPS, now).refusal is None]
    assert open_at == [*range(10), *range(20, 30), *range(40, 50)]
    assert made.judge("hall", LOOKUPS, 15).refusal is RefusalReason.NOT_YET
    assert made.judge("hall", LOOKUPS, 50).refusal is RefusalReason.EXPIRED


def test_unknown_schedules_refuse_the_manifest() -> None:
    with pytest.raises(DecodeError, match="schedule evenings of grant 00000000 is on no page"):
        table(page(grants=[one(schedules=["evenings"])]))
    with pytest.raises(DecodeError, match="schedule evenings of the free opening of hall"):
        table(page(free_openings=[FreeOpening(door="hall", schedule="evenings")]))


def test_a_schedule_that_stands_twice_must_not_differ() -> None:
    first = Schedule(schedule="mornings", windows=[span(0, 10)])
    table(page(schedules=[first]), page(schedules=[first], grants=[one()]))
    with pytest.raises(DecodeError, match="mornings stands twice"):
        table(page(schedules=[first, Schedule(schedule="mornings", windows=[span(0, 11)])]))


def test_a_schedule_without_windows_opens_nothing() -> None:
    empty = Schedule(schedule="mornings", windows=[])
    made = table(page(schedules=[empty], grants=[one(windows=[], schedules=["mornings"])]))
    assert made.judge("hall", LOOKUPS, 5).refusal is RefusalReason.EXPIRED


def test_free_openings_come_sorted_and_without_overlap() -> None:
    schedules = [
        Schedule(schedule="evenings", windows=[span(50, 60), span(10, 20)]),
        Schedule(schedule="mornings", windows=[span(15, 30)]),
    ]
    openings = [
        FreeOpening(door="hall", schedule="evenings", first_person=True),
        FreeOpening(door="hall", schedule="mornings", first_person=True),
        FreeOpening(door="gate", schedule="mornings"),
    ]
    made = table(page(free_openings=openings), page(schedules=schedules))
    assert made.free_openings == {
        "hall": ((span(10, 30), span(50, 60)), True),
        "gate": ((span(15, 30),), False),
    }
    mixed = [openings[0], FreeOpening(door="hall", schedule="mornings")]
    with pytest.raises(DecodeError, match="hall: with and without a first person"):
        table(page(free_openings=mixed, schedules=schedules))


# --- kinds --------------------------------------------------------------------------------------------


def test_what_any_valid_grant_gives_is_given() -> None:
    made = table(
        page(
            grants=[
                one(number=1, once=True, kind=CredentialKind.STAFF_CODE),
                one(number=2, extended=True),
                one(number=3, duress=True, windows=[span(200, 300)]),
            ]
        )
    )
    verdict = made.judge("hall", LOOKUPS, 5)
    assert (verdict.staff, verdict.extended, verdict.duress) == (True, True, False)
    # the one-time grant is not spent while another one opens
    assert (verdict.grant, verdict.once) == (f"{2:032x}", False)
    under_duress = made.judge("hall", LOOKUPS, 200)
    assert (under_duress.refusal, under_duress.duress, under_duress.staff) == (None, True, False)


def test_a_used_one_time_grant_is_refused_as_such() -> None:
    made = table(page(grants=[one(number=7, once=True)]))
    assert made.once == {f"{7:032x}"}
    assert made.judge("hall", LOOKUPS, 5).once
    assert made.judge("hall", LOOKUPS, 5, {f"{7:032x}"}).refusal is RefusalReason.USED
    assert made.judge("hall", LOOKUPS, 5, {f"{8:032x}"}).refusal is None
    assert made.judge("hall", LOOKUPS, 100, {f"{7:032x}"}).refusal is RefusalReason.EXPIRED


@pytest.mark.parametrize("kind", CredentialKind)
def test_a_card_is_no_code_and_a_code_no_card(kind: CredentialKind) -> None:
    made = table(page(grants=[one(kind=kind)]))
    is_card = kind in (CredentialKind.CARD, CredentialKind.STAFF_CARD)
    assert (made.judge("hall", LOOKUPS, 5).refusal is None) is not is_card
    assert (made.judge("hall", LOOKUPS, 5, kinds=CARDS).refusal is None) is is_card
    kinds = CARDS if is_card else {kind}
    assert made.judge("hall", LOOKUPS, 5, kinds=kinds).staff is kind.value.startswith("staff")


@given(st.text(string.digits, min_size=1))
def test_no_typed_code_hashes_like_a_card(code: str) -> None:
    assert card_text(code) != code


def test_without_trusted_time_only_staff_cards_open() -> None:
    for kind in CredentialKind:
        made = table(page(grants=[one(kind=kind)]))
        kinds = CARDS if "card" in kind.value else {kind}
        refusal = made.judge("hall", LOOKUPS, None, kinds=kinds).refusal
        expected = None if kind is CredentialKind.STAFF_CARD else RefusalReason.NO_TRUSTED_TIME
        assert refusal is expected
    elsewhere = table(page(grants=[one(kind=CredentialKind.STAFF_CARD, doors=["gate"])]))
    assert elsewhere.judge("hall", LOOKUPS, None, kinds=CARDS).refusal is RefusalReason.WRONG_DOOR


# --- offline plans ------------------------------------------------------------------------------------


def plan(space: str, digits: int, door: str = "hall") -> OfflineKeys:
    keys = [daily_key(space.encode(), day) for day in (20, 21)]
    sealed = SEAL.seal(space, 20, keys)
    return OfflineKeys(space=space, doors=[door], digits=digits, first_day=20, sealed=sealed)


def test_offline_keys_are_opened_and_found_by_door_and_length() -> None:
    made = table(page(offline=[plan("gym", 11), plan("attic", 12, "back")]), denied_offline=["ab" * 16])
    assert [space.space for space in made.offline] == ["gym", "attic"]
    assert made.offline[0].keys == tuple(daily_key(b"gym", day) for day in (20, 21))
    assert made.has_offline("hall", 11)
    assert not made.has_offline("hall", 12)
    assert not made.has_offline("back", 11)
    assert made.denied_offline == {"ab" * 16}


def test_offline_plans_that_are_easy_to_guess_refuse_the_manifest() -> None:
    rooms = [plan(f"room-{number}", 11) for number in range(3)]
    with pytest.raises(DecodeError, match=r"hall: odds 1\.4e-05"):
        table(page(offline=rooms[:2]), page(offline=rooms[2:]))
    with pytest.raises(DecodeError, match=r"odds 4\.7e-05"):
        table(page(offline=[plan("gym", 10)]))


def test_offline_keys_of_another_agent_refuse_the_manifest() -> None:
    foreign = msgspec.structs.replace(plan("gym", 11), space="attic")
    with pytest.raises(DecodeError, match="attic: not sealed for this agent"):
        table(page(offline=[foreign]))
    body = page(offline=[plan("gym", 11)])
    manifest = GrantsManifest(epoch=1, revision=1, hashes=[HASHES], pages=[page_digest(body)])
    with pytest.raises(DecodeError, match="nothing here opens them"):
        GrantTable.build(manifest, [body])


# --- tokens -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("door", "now", "denied", "refusal"),
    [
        ("hall", 50, (), None),
        ("hall", 49, (), RefusalReason.NOT_YET),
        ("hall", 60, (), RefusalReason.EXPIRED),
        ("hall", None, (), RefusalReason.NO_TRUSTED_TIME),
        ("gate", 50, (), RefusalReason.WRONG_DOOR),
        ("hall", 50, {"7b" * 16}, RefusalReason.DENIED),
    ],
)
def test_tokens_are_judged(
    door: str, now: int | None, denied: set[str], refusal: RefusalReason | None
) -> None:
    token = Token(id="7b" * 16, site=SITE, doors=["hall"], windows=[span(50, 60)], extended=True)
    verdict = judge_token(token, door, now, denied)
    assert (verdict.grant, verdict.refusal) == (token.id, refusal)
    assert verdict.extended is (refusal is None)


# --- used one-time grants -----------------------------------------------------------------------------

IDS = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(uses=st.lists(st.tuples(st.sampled_from(["hall", "gate"]), IDS)), living=st.sets(IDS))
def test_uses_outlive_a_restart_until_their_grant_is_gone(
    uses: list[tuple[str, str]], living: set[str]
) -> None:
    kept: dict[str, bytes] = {}
    memory = UsedOnce(["hall", "gate"], kept.get)
    for door, grant_id in uses:
        kept |= memory.with_use(door, grant_id)
        memory.use(door, grant_id)
    living |= {grant_id for _, grant_id in uses[::2]}
    for again in (memory, UsedOnce(["hall", "gate"], kept.get)):
        for door in ("hall", "gate"):
            assert set(again.at(door)) == {grant_id for at, grant_id in uses if at == door}
    kept |= memory.forget_others(living)
    for again in (memory, UsedOnce(["hall", "gate"], kept.get)):
        for door in ("hall", "gate"):
            assert set(again.at(door)) == {used for at, used in uses if at == door and used in living}
    assert memory.forget_others(living) == {}


def test_damaged_memory_of_uses_loses_no_more_than_its_damage() -> None:
    kept = {"used:hall:a": bytes.fromhex("ab" * 16) + b"half"}
    assert set(UsedOnce(["hall"], kept.get).at("hall")) == {"ab" * 16}
