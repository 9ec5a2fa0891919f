"""What comes of bytes that are read at another speed."""

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.devices.uart import misread

BAUDS = st.sampled_from([2_400, 4_800, 9_600, 115_200, 256_000])


@given(st.binary(max_size=50), BAUDS)
def test_at_the_right_speed_nothing_changes(data: bytes, baud: int) -> None:
    assert misread(data, baud, baud) == data


@given(st.binary(max_size=50), BAUDS, st.floats(-0.04, 0.04))
def test_four_percent_off_is_still_read(data: bytes, baud: int, off: float) -> None:
    assert misread(data, baud, round(baud * (1 + off))) == data


def test_twice_as_fast_a_reader_sees_each_bit_twice() -> None:
    assert misread(b"\x55", 4_800, 9_600) == b"\x66\xe6"
    assert misread(b"\x00", 4_800, 9_600) == b"\x00", "low for nine bits, and no second falling edge"


def test_half_as_fast_a_reader_sees_half_the_bytes() -> None:
    data = bytes(range(64))
    assert len(misread(data, 9_600, 4_800)) <= len(data) // 2 + 1


@given(st.binary(min_size=1, max_size=50), BAUDS, BAUDS)
def test_whatever_comes_is_bytes(data: bytes, sent: int, read: int) -> None:
    assert sent == read or len(misread(data, sent, read)) <= len(data) * 10 * max(1, read // sent)
