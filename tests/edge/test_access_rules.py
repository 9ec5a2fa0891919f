"""Dialogue, throttle and grants: pure rules."""

import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import RefusalReason
from pleintemps_contract.errors import DecodeError
from pleintemps_contract.gateway_messages import Grant, GrantsManifest, GrantsPage, Window
from pleintemps_contract.wire import encode
from pleintemps_edge.access.dialogue import Dialogue, Entered, press, spoil
from pleintemps_edge.access.grants import MAX_STRAY_PAGES, Assembler, GrantTable, is_newer, page_digest
from pleintemps_edge.access.throttle import Throttle, attempt, forgive, give_back, restore, wait_ms

from .actors import CODE, HASHES, PEPPER, grant

LOOKUPS = {HASHES.salt_id: grant().lookup}


def type_in(keys: str, every_ms: int = 500, dialogue: Dialogue | None = None) -> list[Entered]:
    state = dialogue or Dialogue()
    entries = []
    for place, key in enumerate(keys):
        state, entered = press(state, key, place * every_ms)
        if entered is not None:
            entries.append(entered)
    return entries


# --- dialogue -----------------------------------------------------------------------------------------


@given(st.lists(st.text(string.digits, min_size=1, max_size=12), max_size=5))
def test_what_is_typed_is_what_is_entered(codes: list[str]) -> None:
    assert type_in("".join(code + "#" for code in codes)) == [Entered(code) for code in codes]


@given(st.text(string.digits + "*#", max_size=60))
def test_no_entry_is_empty_or_holds_anything_but_digits(keys: str) -> None:
    for entered in type_in(keys):
        assert entered.code is not None
        assert entered.code
        assert set(entered.code) <= set(string.digits)


@pytest.mark.parametrize(
    ("keys", "entries"),
    [("12*34#", ["34"]), ("#", []), ("**#", []), ("12##", ["12"]), ("0012#", ["0012"])],
)
def test_keys_that_end_and_clear(keys: str, entries: list[str]) -> None:
    assert [entered.code for entered in type_in(keys)] == entries


def test_a_pause_drops_what_was_typed() -> None:
    state, _ = press(Dialogue(), "1", 0)
    assert press(press(state, "2", 2_500)[0], "#", 5_000)[1] == Entered("12")
    assert press(press(state, "2", 2_501)[0], "#", 5_000)[1] == Entered("2")


def test_an_entry_as_a_whole_has_a_limit() -> None:
    assert type_in("123456789012#", every_ms=2_500)[0] == Entered("123456789012")
    assert type_in("1234567890123#", every_ms=2_500) == []


def test_too_many_digits_stay_too_many() -> None:
    (entered,) = type_in("1" * 40 + "#", every_ms=10)
    assert entered == Entered("1" * 13)


def test_an_unreadable_key_spoils_the_entry_and_no_other() -> None:
    state = spoil(press(Dialogue(), "1", 0)[0], 100)
    state, entered = press(press(state, "2", 200)[0], "#", 300)
    assert entered == Entered(None)
    assert type_in("12#", dialogue=state) == [Entered("12")]
    assert press(spoil(Dialogue(), 0), "*", 10) == (Dialogue(), None)
    assert press(spoil(Dialogue(), 0), "#", 10) == (Dialogue(), Entered(None))


# --- throttle -----------------------------------------------------------------------------------------


def test_waits_grow_from_30_s_to_5_min() -> None:
    waits = [wait_ms(wrong) // 1000 for wrong in range(1, 12)]
    assert waits == [0, 0, 0, 0, 30, 60, 120, 240, 300, 300, 300]
    assert wait_ms(10**9) == 300_000


@given(st.lists(st.integers(0, 400_000), min_size=1, max_size=200))
def test_the_throttle_admits_one_attempt_for_each_wait_and_always_that_one(gaps: list[int]) -> None:
    throttle, now, admitted_at = Throttle(), 0, list[int]()
    for gap in gaps:
        now += gap
        before = throttle
        throttle, admitted = attempt(throttle, now)
        assert admitted is (now >= before.until)
        if admitted:
            assert throttle.wrong == before.wrong + 1
            admitted_at.append(now)
        else:
            assert throttle == before
    for place in range(5, len(admitted_at)):
        assert admitted_at[place] - admitted_at[place - 1] >= wait_ms(place)


def test_a_restart_begins_the_wait_again() -> None:
    assert restore(4, 1_000) == Throttle(4, 1_000)
    assert attempt(restore(5, 1_000), 30_999)[1] is False
    assert attempt(restore(5, 1_000), 31_000)[1] is True


@given(
    st.lists(
        st.tuples(st.integers(0, 400_000), st.sampled_from(["wrong", "known", "right"])),
        min_size=1,
        max_size=100,
    )
)
def test_known_codes_leave_no_trace_and_forgive_nothing(story: list[tuple[int, str]]) -> None:
    """The same story without its known-but-refused codes ends in the same throttle."""
    with_known = without = Throttle()
    now = 0
    for gap, what in story:
        now += gap
        before = with_known
        with_known, admitted = attempt(before, now)
        if what != "known":
            without, too = attempt(without, now)
            assert admitted is too
        if admitted and what == "known":
            with_known = give_back(with_known, before, with_known)
        elif admitted and what == "right":
            with_known, without = forgive(with_known), forgive(without)
        assert with_known == without


def test_what_is_given_back_is_one_attempt_also_when_others_came_meanwhile() -> None:
    before = restore(3, 0)
    known, _ = attempt(before, 100)
    later, _ = attempt(known, 200)
    assert later.until == 200 + wait_ms(5)
    # the other is the fourth wrong one, and no wait follows that
    assert give_back(later, before, known) == Throttle(4, 200)
    assert give_back(forgive(later), before, known) == forgive(later)
    after_success, _ = attempt(forgive(known), 300)
    assert give_back(after_success, before, known).wrong == 1


# --- grants -------------------------------------------------------------------------------------------


def table(*grants: Grant) -> GrantTable:
    body = encode(GrantsPage(epoch=1, revision=1, grants=list(grants)))
    manifest = GrantsManifest(epoch=1, revision=1, hashes=[HASHES], pages=[page_digest(body)])
    return GrantTable.build(manifest, [body])


@given(start=st.integers(0, 10**12), length=st.integers(1, 10**9), now=st.integers(0, 10**12))
def test_a_code_opens_inside_its_window_only(start: int, length: int, now: int) -> None:
    verdict = table(grant(start=start, end=start + length)).judge("hall", LOOKUPS, now)
    if now < start:
        assert verdict.refusal is RefusalReason.NOT_YET
    elif now >= start + length:
        assert verdict.refusal is RefusalReason.EXPIRED
    else:
        assert verdict.refusal is None
    assert verdict.grant is not None


def test_between_two_windows_a_code_is_not_yet_valid() -> None:
    twice = msgspec.structs.replace(grant(), windows=[Window(start=0, end=10), Window(start=20, end=30)])
    verdicts = [table(twice).judge("hall", LOOKUPS, now).refusal for now in (0, 9, 10, 20, 29, 30)]
    assert verdicts == [None, None, RefusalReason.NOT_YET, None, None, RefusalReason.EXPIRED]


def test_reasons_of_refusal() -> None:
    elsewhere = table(grant(doors=("gym",)))
    assert elsewhere.judge("hall", LOOKUPS, 5).refusal is RefusalReason.WRONG_DOOR
    unknown = table(grant("11112222")).judge("hall", LOOKUPS, 5)
    assert (unknown.grant, unknown.refusal) == (None, RefusalReason.UNKNOWN)
    assert table(grant()).judge("hall", LOOKUPS, None).refusal is RefusalReason.NO_TRUSTED_TIME
    assert GrantTable().judge("hall", LOOKUPS, 5).refusal is RefusalReason.UNKNOWN


def test_of_several_grants_of_one_code_the_valid_one_counts() -> None:
    gone, now, later = grant(start=0, end=10), grant(start=10, end=20), grant(start=50, end=60)
    assert table(gone, later, now).judge("hall", LOOKUPS, 15).grant == now.id
    assert table(gone, later).judge("hall", LOOKUPS, 15).refusal is RefusalReason.NOT_YET
    assert table(grant(doors=("gym",)), now).judge("hall", LOOKUPS, 15).refusal is None


def test_a_lookup_of_another_salt_finds_nothing() -> None:
    assert table(grant()).judge("hall", {"s2": grant().lookup}, 5).refusal is RefusalReason.UNKNOWN


def test_a_page_that_does_not_fit_its_manifest_is_refused() -> None:
    stray = msgspec.structs.replace(grant(), salt_id="s9")
    with pytest.raises(DecodeError, match="s9"):
        table(stray)
    manifest = GrantsManifest(epoch=1, revision=1, hashes=[HASHES], pages=[])
    with pytest.raises(DecodeError):
        GrantTable.build(manifest, [b"{}"])


def test_the_pepper_of_this_agent_is_in_the_lookup() -> None:
    assert len(PEPPER) == 32
    assert CODE not in grant().lookup


@given(st.permutations(range(4)))
def test_a_manifest_is_ready_when_its_last_part_has_come(order: list[int]) -> None:
    bodies = [encode(GrantsPage(epoch=1, revision=number, grants=[])) for number in range(3)]
    digests = [page_digest(body) for body in bodies]
    manifest = GrantsManifest(epoch=1, revision=9, hashes=[HASHES], pages=digests)
    assembler = Assembler({"f" * 64: b"of an older manifest"})
    for place, part in enumerate(order):
        if part == 3:
            assembler.wanted = manifest
        else:
            assembler.add_page(digests[part], bodies[part])
        assert (assembler.ready() is not None) is (place == 3)
    assert assembler.complete(manifest) == dict(zip(digests, bodies, strict=True))
    assert assembler.missing() == []


def test_stray_pages_are_bounded_and_push_out_nothing_that_counts() -> None:
    assembler = Assembler({"kept": b"k"})
    assembler.wanted = GrantsManifest(epoch=1, revision=1, hashes=[HASHES], pages=["wanted", "missing"])
    assembler.add_page("wanted", b"w")
    for number in range(MAX_STRAY_PAGES + 10):
        assembler.add_page(f"stray-{number}", b"s")
    assert {"kept", "wanted"} <= assembler.pages.keys()
    assert len(assembler.pages) == MAX_STRAY_PAGES + 2
    assert "stray-0" not in assembler.pages
    assert assembler.missing() == ["missing"]


def test_newer_is_by_epoch_then_revision() -> None:
    def manifest(epoch: int, revision: int) -> GrantsManifest:
        return GrantsManifest(epoch=epoch, revision=revision, hashes=[HASHES], pages=[])

    assert is_newer(manifest(1, 1), None)
    assert is_newer(manifest(2, 1), manifest(1, 9))
    assert not is_newer(manifest(1, 9), manifest(2, 1))
    assert not is_newer(manifest(1, 1), manifest(1, 1))
