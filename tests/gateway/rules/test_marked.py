"""Marked hours: what they teach, that it speeds a room up, and that taking them away takes all of it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.units import Quantity
from pleintemps_gateway.engine import Snapshot
from pleintemps_gateway.occupancy.marked import Lesson, Said, lesson, together
from pleintemps_gateway.occupancy.memory import Memory
from pleintemps_gateway.occupancy.sound import HALF_WEIGHT, step

from .building import HOUR, METER, MINUTE, NOON, PIR, SECOND, Day
from .test_learning import CALM, LOUD, live, room

PIR_KEY, METER_KEY = "a/pir", "a/meter"


def hour(begin: int, level: float, moves: int) -> list[Said]:
    """Every 30 s a level, ``moves`` movements of a second each, evenly spread."""
    found = [Said(at, METER_KEY, Quantity.LEVEL, level) for at in range(begin, begin + HOUR, 30 * SECOND)]
    found += [Said(at, PIR_KEY, Quantity.MOTION, 0) for at in range(begin, begin + HOUR, 60 * SECOND)]
    for place in range(moves):
        at = begin + place * HOUR // moves + 10 * SECOND
        found += [Said(at, PIR_KEY, Quantity.MOTION, 1), Said(at + SECOND, PIR_KEY, Quantity.MOTION, 0)]
    return found


def told(said: list[Said], *, used: bool, edges: tuple[int, ...] = (), watched: bool = False) -> Lesson:
    return lesson(NOON, NOON + HOUR, used=used, said=said, edges=edges, watched=watched)


def test_an_empty_and_a_used_hour_teach_what_takes_days_otherwise() -> None:
    empty = told(hour(NOON, CALM, 0), used=False)
    used = told(hour(NOON, LOUD, 60), used=True)
    assert (empty.vacant, empty.active, empty.still) == ({step(CALM): 120}, {}, {})
    assert (used.vacant, used.active) == ({}, {step(LOUD): 120})
    taught, new = Memory(), Memory()
    taught.teach([empty, used])
    assert taught.sound.weight == 120 / (120 + HALF_WEIGHT)
    # people who are loud and do not move: a new room does not hear them, a taught one does
    said = [live(room(each), NOON, NOON + 5 * MINUTE, False, LOUD).probability for each in (new, taught)]
    assert (said[1] or 0) > (said[0] or 0) + 0.3


def test_who_sits_still_in_a_used_hour_is_heard_as_such() -> None:
    found = told(hour(NOON, CALM, 4), used=True)
    assert 0 < sum(found.active.values()) < 20
    assert sum(found.active.values()) + sum(found.still.values()) == 120


def test_a_sensor_that_fires_in_an_empty_hour_is_believed_less_behind_a_watched_door() -> None:
    edges = (NOON + 10 * MINUTE, NOON + 12 * MINUTE, NOON + 40 * MINUTE)
    empty = told(hour(NOON, CALM, 60), used=False, edges=edges, watched=True)
    assert (empty.empty, empty.used, empty.false, empty.fires) == (3, 0, {PIR_KEY: 3}, {})
    memory = Memory()
    before = memory.door.tells(PIR_KEY)
    memory.teach([empty])
    assert memory.door.tells(PIR_KEY) < before
    used = told(hour(NOON, CALM, 60), used=True, edges=edges, watched=True)
    memory.teach([used])
    assert memory.door.tells(PIR_KEY) >= before
    assert not told(hour(NOON, CALM, 60), used=True, edges=edges).used  # no door that is watched


def test_where_there_is_neither_sound_nor_a_watched_door_a_mark_teaches_nothing() -> None:
    said = [each for each in hour(NOON, CALM, 5) if each.quantity is Quantity.MOTION]
    assert not told(said, used=True)
    # and a watched room without a word from its sensors
    assert not told([], used=False, watched=True)


def test_a_removed_mark_leaves_nothing_and_what_the_room_told_itself_stays() -> None:
    memory = Memory()
    live(room(memory), NOON, NOON + 2 * HOUR, True, LOUD)
    own = memory.kept()
    wrong = told(hour(NOON, LOUD, 60), used=False)
    memory.teach([wrong])
    assert memory.sound.tells(step(LOUD)) != (0.0, 0.0)
    memory.teach([])
    assert memory.kept() == own
    assert memory.sound.tells(step(LOUD)) == (0.0, 0.0)
    memory.teach([wrong])
    memory.forget()
    assert memory.empty and not memory.sound.weight


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 6))
def test_lessons_add_up_in_any_order_and_samples_come_in_any(order: list[int], cut: int) -> None:
    said = hour(NOON, CALM, 3) + hour(NOON, LOUD, 0)
    parts = [said[place::6] for place in order]
    assert told([each for part in parts for each in part], used=True) == told(said, used=True)
    each = [told(hour(NOON, CALM + 3 * place, place), used=bool(place % 2)) for place in order]
    assert together([together(each[:cut]), *each[cut:]]) == together(sorted(each, key=repr))


def test_the_engine_takes_marks_at_a_restart_and_while_it_runs() -> None:
    day = Day([PIR, METER])
    empty, used = told(hour(NOON, CALM, 0), used=False), told(hour(NOON, LOUD, 60), used=True)
    day.engine.restore(Snapshot(marks={"hall": [empty, used]}))
    sound = day.engine._spaces["hall"].runtime.room.memory.sound
    assert sound.weight > 0.6
    day.engine.on_marks({"hall": [empty]})
    assert sound.weight == 0
    day.engine.on_marks({"hall": [empty, used]})
    assert sound.weight > 0.6
    day.engine.on_marks({})
    assert sound.weight == 0
