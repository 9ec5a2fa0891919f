"""What is kept from one look to the next changes nothing: a room that works everything out anew at every look
believes the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.units import Quantity
from pleintemps_gateway.occupancy.room import RoomFilter

START = 1_790_000_000_000
SERIES = (("a/m", Quantity.MOTION, 45), ("b/m", Quantity.MOTION, 45), ("a/r", Quantity.RADAR, 5))

_told = st.tuples(
    st.sampled_from(["a/m", "b/m", "a/r", "level", "door", "fault"]),
    st.integers(0, 50_000),  # ms before the moment at which it comes
    st.integers(0, 3),
    st.booleans(),
)
_steps = st.lists(st.tuples(st.integers(1, 90_000), st.lists(_told, max_size=6)), max_size=25)


def announce(room: RoomFilter) -> None:
    for key, quantity, silence_s in SERIES:
        room.series(key, key, quantity, silence_s)


@settings(max_examples=60, deadline=None)
@given(_steps)
def test_a_room_that_goes_on_from_its_last_look_believes_what_one_does_that_begins_anew(
    steps: list[tuple[int, list[tuple[str, int, int, bool]]]],
) -> None:
    kept, anew = RoomFilter(START), RoomFilter(START)
    for room in (kept, anew):
        announce(room)
    now = START
    for passed, told in steps:
        now += passed
        for what, ago, value, moved in told:
            for room in (kept, anew):
                if what == "level":
                    room.level("a/level", now - ago, 30.0 + 10 * value)
                elif what == "door":
                    room.door(now - ago, moved, "door", bool(value & 1))
                elif what == "fault":
                    room.fault("b/m", now - ago, moved)
                else:
                    room.sample(what, now - ago, value if what == "a/r" else value & 1)
        announce(anew)  # says nothing new, and ends what is kept
        assert kept.estimate(now) == anew.estimate(now)
        assert (kept.stuck, kept.sound) == (anew.stuck, anew.sound)
    assert kept.memory.kept() == anew.memory.kept()
