"""The table of offline codes: it knows exactly the codes whose window contains now."""

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.offline import (
    CODES_AT_ONCE,
    DAY_QUARTERS,
    INDEXES,
    LONGEST_QUARTERS,
    QUARTER_MS,
    DayCodes,
    OfflineWindow,
    code_id,
    daily_key,
)
from pleintemps_edge.access.offline import OfflineMatch, OfflineSpace, Slices, find, prepare

SITE = "saint-aubin"
SECRET = b"s" * 32
DAY = 20_775
NOON = (DAY * DAY_QUARTERS + 48) * QUARTER_MS


def space(
    name: str = "hall", digits: int = 11, days: int = 4, doors: tuple[str, ...] = ("gate",)
) -> OfflineSpace:
    keys = tuple(daily_key(name.encode() + SECRET, DAY - 1 + day) for day in range(days))
    return OfflineSpace(name, frozenset(doors), digits, DAY - 1, keys)


def issue(window: OfflineWindow, index: int, name: str = "hall", digits: int = 11) -> str:
    """As the gateway does, from the space's own secret."""
    return DayCodes(daily_key(name.encode() + SECRET, window.day), digits).code(window, index)


def found(spaces: list[OfflineSpace], code: str, now: int, door: str = "gate") -> list[OfflineMatch]:
    return list(find(spaces, prepare(spaces, {}, now), SITE, door, code, now))


@settings(max_examples=40, deadline=None)
@given(
    start=st.integers(0, 2 * DAY_QUARTERS),
    length=st.integers(1, LONGEST_QUARTERS),
    index=st.integers(0, INDEXES - 1),
    digits=st.sampled_from([11, 12]),
    off=st.sampled_from([-1, 0, 1]),
    edge=st.booleans(),
)
def test_a_code_is_valid_in_its_window_and_to_the_millisecond(
    start: int, length: int, index: int, digits: int, off: int, edge: bool
) -> None:
    first = DAY * DAY_QUARTERS + start
    window = OfflineWindow(first, first + length)
    code = issue(window, index, digits=digits)
    now = (window.end if edge else window.start) * QUARTER_MS + off
    inside = window.start * QUARTER_MS <= now < window.end * QUARTER_MS
    names = [match.id for match in found([space(digits=digits)], code, now)]
    assert names == ([code_id(SITE, "hall", window, index)] if inside else [])


def test_the_table_holds_every_code_of_the_moment_and_no_other() -> None:
    slices = prepare([space()], {}, NOON)
    quarter = NOON // QUARTER_MS
    valid = sum(
        1
        for (_, start), entries in slices.items()
        for entry in entries
        if start + (entry >> 2 & 63) + 1 > quarter
    )
    assert valid == CODES_AT_ONCE
    assert len({entry for entries in slices.values() for entry in entries}) == 48 * 192


def test_the_next_quarter_takes_over_what_it_can() -> None:
    spaces = [space(), space("gym")]
    slices = prepare(spaces, {}, NOON)
    later = prepare(spaces, slices, NOON + QUARTER_MS)
    assert sum(later[key] is not slices.get(key) for key in later) == len(spaces)
    assert later == prepare(spaces, {}, NOON + QUARTER_MS)
    far = prepare(spaces, later, NOON + 10**12)
    assert far == prepare(spaces, {}, NOON + 10**12)
    assert prepare(spaces, later, NOON) == slices


def test_a_code_counts_at_the_doors_of_its_space_with_its_length_and_key() -> None:
    window = OfflineWindow(NOON // QUARTER_MS, NOON // QUARTER_MS + 8)
    code = issue(window, 0)
    spaces = [space("gym", doors=("gate", "back")), space()]
    assert [match.space for match in found(spaces, code, NOON)] == ["hall"]
    assert found(spaces, code, NOON, "back") == []
    assert found(spaces, code, NOON, "attic") == []
    assert found([space(digits=12)], code, NOON) == []
    assert found([space()], code[:-1], NOON) == []
    assert found([space()], issue(window, 0, "gym"), NOON) == []


def test_days_without_a_key_have_no_codes() -> None:
    after = (DAY + 3) * DAY_QUARTERS
    window = OfflineWindow(after, after + 1)
    assert found([space(days=5)], issue(window, 0), after * QUARTER_MS) != []
    assert found([space(days=4)], issue(window, 0), after * QUARTER_MS) == []
    before = OfflineWindow((DAY - 1) * DAY_QUARTERS - 1, (DAY - 1) * DAY_QUARTERS + 1)
    assert found([space()], issue(before, 0), (DAY - 1) * DAY_QUARTERS * QUARTER_MS) == []
    assert found([space()], "00000000000", 0) == []


def test_two_windows_with_the_same_code_are_both_found() -> None:
    # one digit differs in length and index, the code is the same: no draw of keys gives that within reason
    quarter = NOON // QUARTER_MS
    number = 12_345_678_901
    slices: Slices = {(0, quarter): array("Q", [number << 8, number << 8 | 1, (number + 1) << 8])}
    names = [match.id for match in find([space()], slices, SITE, "gate", str(number), NOON)]
    window = OfflineWindow(quarter, quarter + 1)
    assert names == [code_id(SITE, "hall", window, 0), code_id(SITE, "hall", window, 1)]
