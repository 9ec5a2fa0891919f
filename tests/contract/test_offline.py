"""Offline codes: their odds as the docstring states them, uniform digits, keys for one agent only."""

import base64
import re
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract import offline
from pleintemps_contract.errors import DecodeError
from pleintemps_contract.gateway_messages import OfflineKeys
from pleintemps_contract.offline import (
    CODES_AT_ONCE,
    DAY_QUARTERS,
    INDEXES,
    LIMIT,
    LONGEST_QUARTERS,
    QUARTER_MS,
    TRIES,
    WINDOWS_AT_ONCE,
    DayCodes,
    KeySeal,
    OfflineWindow,
    check_plan,
    code_id,
    covering,
    daily_key,
    digits_for,
    odds,
)

SECRET = bytes(range(32))
PEPPER = b"p" * 32


def keys_of(space: str, doors: list[str], digits: int) -> OfflineKeys:
    return OfflineKeys(space=space, doors=doors, digits=digits, first_day=20_000, sealed="")


# --- odds ---------------------------------------------------------------------------------------------


def test_windows_that_contain_an_instant_are_counted_one_by_one() -> None:
    now = 1_000
    windows = [
        (start, end)
        for start in range(now - 200, now + 200)
        for end in range(now - 200, now + 200)
        if start < end and end - start <= 12 * 4 and start <= now < end
    ]
    assert len(windows) == WINDOWS_AT_ONCE
    assert CODES_AT_ONCE == len(windows) * len(range(4)) == 4_704


def test_the_table_in_the_docstring_is_computed() -> None:
    rows = re.findall(
        r"^ +(\d+) +(\S+e\S+) +(\S+e\S+) +(\S+e\S+) +(11|12|none)$", offline.__doc__ or "", re.MULTILINE
    )
    assert [int(row[0]) for row in rows] == [1, 2, 3, 5, 10, 21, 22]
    for spaces, ten, eleven, twelve, taken in rows:
        for stated, digits in ((ten, 10), (eleven, 11), (twelve, 12)):
            by_hand = 100 * 1_176 * 4 * int(spaces) / 10**digits
            assert stated == f"{by_hand:.1e}" == f"{float(odds([digits] * int(spaces))):.1e}"
        assert taken == str(digits_for(int(spaces))).lower()


@pytest.mark.parametrize("spaces", range(1, 40))
def test_the_fewest_digits_within_the_limit(spaces: int) -> None:
    digits = digits_for(spaces)
    if digits is None:
        assert odds([12] * spaces) > LIMIT
    else:
        assert odds([digits] * spaces) <= LIMIT < odds([digits - 1] * spaces)


def test_guessing_succeeds_as_often_as_stated() -> None:
    # the exact probability with a smaller code space, so that hits are seen: union bound, never below
    key, now, modulus = daily_key(SECRET, 10), 10 * DAY_QUARTERS + 60, 10**6
    codes = DayCodes(key, 10)
    valid = {
        codes.number(OfflineWindow(start, end), index) % modulus
        for start in range(now - 47, now + 1)
        for end in range(now + 1, start + 49)
        for index in range(INDEXES)
    }
    exact = 1 - (1 - len(valid) / modulus) ** TRIES
    bound = TRIES * CODES_AT_ONCE / modulus
    assert bound * 0.75 < exact <= bound


def test_a_plan_with_high_odds_is_refused_and_its_door_named() -> None:
    many = [keys_of(f"room-{number}", ["gate", f"door-{number}"], 12) for number in range(21)]
    check_plan(many)
    with pytest.raises(ValueError, match=r"gate: odds 1\.0e-05 for 100 tries"):
        check_plan([*many, keys_of("attic", ["gate"], 12)])
    with pytest.raises(ValueError, match="hall"):
        check_plan([keys_of("hall", ["hall"], 10)])
    # a space named twice for one door is still one space
    check_plan([keys_of("hall", ["hall", "hall", "hall"], 11)])


# --- codes --------------------------------------------------------------------------------------------


@given(
    start=st.integers(0, 10**8),
    length=st.integers(1, LONGEST_QUARTERS),
    index=st.integers(0, INDEXES - 1),
    digits=st.integers(10, 12),
)
def test_a_code_has_its_digits_and_depends_on_everything(
    start: int, length: int, index: int, digits: int
) -> None:
    window = OfflineWindow(start, start + length)
    codes = DayCodes(daily_key(SECRET, window.day), digits)
    code = codes.code(window, index)
    assert len(code) == digits
    assert code.isdigit()
    assert int(code) == codes.number(window, index)
    others = [
        DayCodes(daily_key(SECRET, window.day + 1), digits).code(window, index),
        DayCodes(daily_key(bytes(32), window.day), digits).code(window, index),
        codes.code(OfflineWindow(start, start + length % 48 + 1), index),
        codes.code(OfflineWindow(start + 1, start + 1 + length), index),
        codes.code(window, (index + 1) % INDEXES),
    ]
    assert code not in others


def test_a_known_code_stays_what_it_is() -> None:
    # codes are told to people: a change of the formula is a change of the wire
    window = covering(1_795_000_000_000, 1_795_007_200_000)
    assert window == (1_994_444, 1_994_453)
    assert daily_key(SECRET, window.day).hex().startswith("08066e6d4be0f8ab")
    assert DayCodes(daily_key(SECRET, window.day), 11).code(window, 0) == "05431418008"
    assert code_id("saint-aubin", "hall", window, 0) == "7be3932984e32df3505fb832f02ecee2"


def test_digits_are_uniform() -> None:
    codes = DayCodes(daily_key(SECRET, 0), 10)
    drawn = [
        codes.code(OfflineWindow(start, start + length), index)
        for start in range(96)
        for length in range(1, 49)
        for index in range(4)
    ]
    assert len(set(drawn)) == len(drawn)
    for place in (0, 5, 9):
        counts = Counter(code[place] for code in drawn)
        expected = len(drawn) / 10
        chi_squared = sum((counts[str(digit)] - expected) ** 2 / expected for digit in range(10))
        assert chi_squared < 27.9  # 9 degrees of freedom, p = 0.001; the codes are fixed, so is this


def test_limits_of_the_grid() -> None:
    codes = DayCodes(daily_key(SECRET, 0), 11)
    for window, index in (((5, 5), 0), ((5, 54), 0), ((5, 4), 0), ((5, 6), 4), ((5, 6), -1)):
        with pytest.raises(ValueError, match="quarter hours"):
            codes.code(OfflineWindow(*window), index)
    for digits in (9, 13):
        with pytest.raises(ValueError, match="10 to 12 digits"):
            DayCodes(b"", digits)
    assert covering(QUARTER_MS + 1, 2 * QUARTER_MS + 1) == (1, 3)
    assert covering(QUARTER_MS, 2 * QUARTER_MS) == (1, 2)
    for start, end in ((0, 48 * QUARTER_MS + 1), (1, 48 * QUARTER_MS + 1), (9, 9), (QUARTER_MS, 0)):
        with pytest.raises(ValueError, match="12 hours"):
            covering(start, end)


def test_names_of_codes_differ_and_hold_no_digits() -> None:
    window = OfflineWindow(100, 104)
    names = {
        code_id("a", "hall", window, 0),
        code_id("b", "hall", window, 0),
        code_id("a", "gym", window, 0),
        code_id("a", "hall", OfflineWindow(100, 105), 0),
        code_id("a", "hall", window, 1),
    }
    assert len(names) == 5
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in names)


# --- sealed keys --------------------------------------------------------------------------------------

KEYS = [daily_key(SECRET, day) for day in range(20_000, 20_046)]


def sealed(seal: KeySeal, space: str = "hall", first_day: int = 20_000) -> OfflineKeys:
    text = seal.seal(space, first_day, KEYS)
    return OfflineKeys(space=space, doors=["gate"], digits=11, first_day=first_day, sealed=text)


def test_keys_come_back_and_are_sealed_the_same_each_time() -> None:
    seal = KeySeal(PEPPER, "saint-aubin", "entrance")
    message = sealed(seal)
    assert seal.open(message) == tuple(KEYS)
    assert message == sealed(KeySeal(PEPPER, "saint-aubin", "entrance"))
    assert len(message.sealed) <= 4_096
    assert msgspec.json.decode(msgspec.json.encode(message), type=OfflineKeys) == message


@pytest.mark.parametrize(
    "other",
    [
        KeySeal(b"q" * 32, "saint-aubin", "entrance"),
        KeySeal(PEPPER, "other-town", "entrance"),
        KeySeal(PEPPER, "saint-aubin", "back-door"),
    ],
)
def test_another_agent_opens_nothing(other: KeySeal) -> None:
    with pytest.raises(DecodeError, match="not sealed for this agent"):
        other.open(sealed(KeySeal(PEPPER, "saint-aubin", "entrance")))


def test_moved_or_damaged_keys_are_refused() -> None:
    seal = KeySeal(PEPPER, "saint-aubin", "entrance")
    good = sealed(seal)
    for changed in (
        msgspec.structs.replace(good, space="gym"),
        msgspec.structs.replace(good, first_day=20_001),
        msgspec.structs.replace(good, sealed="B" + good.sealed[1:]),
    ):
        with pytest.raises(DecodeError, match="space and day"):
            seal.open(changed)
    for text, why in (("", "number of keys"), ("AAAA", "number of keys"), ("%", "base64"), ("é", "base64")):
        with pytest.raises(DecodeError, match=why):
            seal.open(msgspec.structs.replace(good, sealed=text))
    half = base64.b64encode(bytes(16 + 48)).decode()
    with pytest.raises(DecodeError, match="number of keys"):
        seal.open(msgspec.structs.replace(good, sealed=half))


def test_nothing_is_sealed_that_is_not_keys() -> None:
    seal = KeySeal(PEPPER, "saint-aubin", "entrance")
    for keys in ([], [b"short"]):
        with pytest.raises(ValueError, match="32 bytes"):
            seal.seal("hall", 0, keys)
