"""Bookings beside presence: states, sums, alerts, each record closed exactly once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.engine import AlertKind, AlertOpened, Booking, UsageChanged, UsageState
from pleintemps_gateway.reconcile.ledger import Ledger
from pleintemps_gateway.reconcile.usage import Margins, Observed

from .building import HOUR, MINUTE, NOON, PIR, RADAR, SECOND, Day, booking, only, with_rules

OCCUPIED, VACANT, UNKNOWN = Occupancy.OCCUPIED, Occupancy.VACANT, Occupancy.UNKNOWN
MARGINS = Margins(
    lead=15 * MINUTE,
    tail=15 * MINUTE,
    no_show_after=15 * MINUTE,
    overstay_after=15 * MINUTE,
    left_after=5 * MINUTE,
)


class Books:
    """A ledger fed with states directly, ticking every ten seconds. Times are minutes after NOON."""

    def __init__(self, *bookings: Booking, passages: frozenset[str] = frozenset()) -> None:
        self.now = NOON - 60 * MINUTE
        self.ids = 0
        self.alerts = AlertBook(self.new_id)
        self.ledger = Ledger(MARGINS, passages, self.alerts, self.now)
        self.ledger.bookings(bookings, self.now)
        self.rows: list[UsageChanged] = []
        self.opened: list[str] = []

    def new_id(self) -> str:
        self.ids += 1
        return f"{self.ids:032x}"

    def until(self, minute: float) -> "Books":
        while self.now < NOON + minute * MINUTE:
            self.now += 10 * SECOND
            self.ledger.tick(self.now)
            self.rows += self.ledger.take()
            self.opened += [o.alert.subject for o in self.alerts.take() if isinstance(o, AlertOpened)]
        return self

    def at(self, minute: float, state: Occupancy, space: str = "hall") -> "Books":
        self.until(minute)
        self.ledger.observe(space, Observed(state, self.now))
        return self

    def states(self, name: str = "1") -> list[str]:
        found: list[str] = []
        for row in self.rows:
            if row.booking == name.rjust(32, "0") and (not found or found[-1] != row.state.value):
                found.append(row.state.value)
        return found

    def closed(self, name: str = "1") -> UsageChanged:
        return only([r for r in self.rows if r.booking == name.rjust(32, "0") and r.closed_at is not None])


def minutes(start: float, end: float, name: str = "1", space: str = "hall") -> Booking:
    return booking(NOON + round(start * MINUTE), NOON + round(end * MINUTE), name, space)


def test_a_booking_as_it_should_be() -> None:
    books = Books(minutes(0, 60)).at(-50, VACANT).at(-5, OCCUPIED).at(50, VACANT).until(70)
    assert books.states() == ["expected", "arrived", "in-use", "left", "ended"]
    record = books.closed()
    assert (record.arrived_at, record.left_at) == (NOON - 5 * MINUTE, NOON + 50 * MINUTE)
    assert (record.occupied_ms, record.unknown_ms, record.overstay_ms) == (50 * MINUTE, 0, 0)
    assert record.closed_at == NOON + 60 * MINUTE
    assert books.opened == []


def test_people_who_look_in_and_go_before_the_start_have_not_arrived() -> None:
    books = Books(minutes(0, 60)).at(-50, VACANT).at(-14, OCCUPIED).at(-12, VACANT).until(70)
    assert books.states() == ["expected", "arrived", "expected", "no-show"]
    assert books.closed().arrived_at is None


def test_who_comes_back_is_in_use_again() -> None:
    books = Books(minutes(0, 60)).at(-50, VACANT).at(5, OCCUPIED).at(20, VACANT).at(30, OCCUPIED)
    books.at(54, VACANT).until(70)
    assert books.states() == ["expected", "arrived", "in-use", "left", "in-use", "left", "ended"]
    assert books.closed().occupied_ms == 39 * MINUTE


def test_nobody_comes_and_somebody_comes_late() -> None:
    books = Books(minutes(0, 60)).at(-50, VACANT).until(14)
    assert books.opened == []
    books.until(16)
    assert books.opened == [f"no-show:{'1'.rjust(32, '0')}"]
    books.at(40, OCCUPIED).until(41)
    assert books.alerts.get(AlertKind.NO_SHOW, "1".rjust(32, "0")) is None
    books.at(54, VACANT).until(70)
    assert books.states() == ["expected", "no-show", "arrived", "in-use", "left", "ended"]


def test_a_no_show_closes_at_the_end_with_its_alert() -> None:
    books = Books(minutes(0, 60)).at(-50, VACANT).until(70)
    record = books.closed()
    assert (record.state, record.closed_at, record.occupied_ms) == (UsageState.NO_SHOW, NOON + HOUR, 0)
    assert list(books.alerts.live(AlertKind.NO_SHOW)) == []


@pytest.mark.parametrize("known", [UNKNOWN, None])
def test_never_a_no_show_while_unknown(known: Occupancy | None) -> None:
    books = Books(minutes(0, 60))
    if known is not None:
        books.at(-50, known)
    books.until(70)
    assert books.states() == ["expected", "ended"]
    assert books.closed().unknown_ms == HOUR
    assert books.opened == []


def test_unknown_time_does_not_count_towards_a_no_show() -> None:
    books = Books(minutes(0, 60)).at(-50, VACANT).at(10, UNKNOWN).at(40, VACANT).until(44)
    assert books.opened == []
    books.until(46)
    assert len(books.opened) == 1


def test_a_short_booking_without_anybody_is_a_no_show() -> None:
    books = Books(minutes(0, 10)).at(-50, VACANT).until(20)
    assert books.closed().state is UsageState.NO_SHOW


def test_overstay_is_counted_and_alerted_until_they_go() -> None:
    books = Books(minutes(0, 60)).at(-50, VACANT).at(0, OCCUPIED).until(74)
    assert books.opened == []
    books.until(76)
    assert books.opened == [f"overstay:{'1'.rjust(32, '0')}"]
    books.at(90, VACANT).until(100)
    record = books.closed()
    assert (record.state, record.overstay_ms, record.left_at) == (
        UsageState.ENDED,
        30 * MINUTE,
        NOON + 90 * MINUTE,
    )
    assert record.occupied_ms == HOUR
    assert list(books.alerts.live(AlertKind.OVERSTAY)) == []


def test_back_to_back_bookings_share_presence_at_the_boundary_and_nowhere_else() -> None:
    books = Books(minutes(0, 60, "1"), minutes(60, 120, "2")).at(-50, VACANT)
    books.at(0, OCCUPIED).at(110, VACANT).until(150)
    first, second = books.closed("1"), books.closed("2")
    assert (first.closed_at, first.overstay_ms, first.occupied_ms) == (NOON + HOUR, 0, HOUR)
    assert (second.arrived_at, second.occupied_ms) == (NOON + HOUR, 50 * MINUTE)
    assert books.opened == []


def test_a_code_makes_early_presence_that_of_the_next_booking() -> None:
    books = Books(minutes(0, 60, "1"), minutes(60, 120, "2")).at(-50, VACANT).at(0, OCCUPIED).until(50)
    books.ledger.code_used("2".rjust(32, "0"))
    books.until(51)
    assert books.states("2") == ["expected", "arrived"]


def test_overlapping_bookings_both_measure() -> None:
    books = Books(minutes(0, 60, "1"), minutes(30, 90, "2")).at(-50, VACANT).at(0, OCCUPIED)
    books.at(80, VACANT).until(120)
    assert books.closed("1").occupied_ms == HOUR
    assert books.closed("2").occupied_ms == 50 * MINUTE


def test_a_cancelled_booking_is_closed_once_and_can_be_taken_back() -> None:
    known = minutes(0, 60)
    books = Books(known).at(-50, VACANT).until(-20)
    books.ledger.bookings([replace(known, cancelled=True)], books.now)
    books.until(-10)
    assert books.closed().state is UsageState.CANCELLED
    books.ledger.bookings([replace(known, cancelled=True)], books.now)
    books.until(-9)
    assert books.closed().state is UsageState.CANCELLED
    books.ledger.bookings([known], books.now)
    books.at(0, OCCUPIED).at(50, VACANT).until(70)
    assert books.states() == ["cancelled", "expected", "arrived", "in-use", "left", "ended"]


def test_a_moved_booking_follows_its_new_time() -> None:
    known = minutes(0, 60)
    books = Books(known).at(-50, VACANT).until(-10)
    books.ledger.bookings([minutes(30, 90)], books.now)
    books.until(40)
    assert books.opened == []
    books.at(40, OCCUPIED).at(80, VACANT).until(100)
    assert books.closed().closed_at == NOON + 90 * MINUTE
    assert books.closed().occupied_ms == 40 * MINUTE


def test_a_booking_that_is_shortened_or_put_off_keeps_no_more_than_fits() -> None:
    books = Books(minutes(0, 60)).at(-50, VACANT).at(0, OCCUPIED).until(50)
    books.ledger.bookings([minutes(30, 55)], books.now)
    books.at(52, VACANT).until(70)
    record = books.closed()
    assert record.occupied_ms <= 25 * MINUTE
    put_off = Books(minutes(0, 60)).at(-50, VACANT).at(0, OCCUPIED).at(10, VACANT).until(20)
    put_off.ledger.bookings([minutes(60, 120)], put_off.now)
    put_off.at(70, OCCUPIED).at(110, VACANT).until(130)
    record = put_off.closed()
    assert (record.arrived_at, record.occupied_ms) == (NOON + 70 * MINUTE, 40 * MINUTE)


@pytest.mark.parametrize(("gone_at", "arrived"), [(48, 52), (None, 60)])
def test_who_comes_between_two_bookings_is_of_the_next_unless_the_last_never_left(
    gone_at: int | None, arrived: int
) -> None:
    books = Books(minutes(0, 45, "1"), minutes(60, 120, "2")).at(-50, VACANT).at(0, OCCUPIED)
    if gone_at is not None:
        books.at(gone_at, VACANT).at(52 + 1 / 6, OCCUPIED)
    books.until(65)
    seen = [row.arrived_at for row in books.rows if row.booking.endswith("2") and row.arrived_at is not None]
    expected = NOON + arrived * MINUTE
    assert abs(seen[0] - expected) <= 10 * SECOND


def test_bookings_that_were_over_before_this_gateway_began_make_no_record() -> None:
    books = Books(minutes(-200, -100)).until(0)
    assert books.rows == []


def test_a_passage_is_expected_while_any_booking_is_on() -> None:
    books = Books(minutes(0, 60), passages=frozenset({"yard"})).at(-50, VACANT).until(-16)
    assert not books.ledger.expected("yard")
    books.until(-14)
    assert books.ledger.expected("yard")
    assert not books.ledger.expected("class")
    books.until(76)
    assert not books.ledger.expected("yard")


CHANGES = st.lists(
    st.tuples(st.integers(-60, 200), st.sampled_from([OCCUPIED, VACANT, UNKNOWN])), max_size=12
)
SPANS = st.lists(st.tuples(st.integers(0, 120), st.integers(5, 60)), min_size=1, max_size=4)


@settings(deadline=None, max_examples=40)
@given(CHANGES, SPANS)
def test_sums_never_exceed_the_booking_and_each_record_closes_once(
    changes: list[tuple[int, Occupancy]], spans: list[tuple[int, int]]
) -> None:
    bookings = [minutes(start, start + length, str(n)) for n, (start, length) in enumerate(spans)]
    books = Books(*bookings)
    for minute, state in sorted(changes, key=lambda change: change[0]):
        books.at(minute, state)
    books.until(200 + 13 * 60)
    for known in bookings:
        rows = [row for row in books.rows if row.booking == known.booking]
        assert sum(row.closed_at is not None for row in rows) == 1
        assert rows[-1].closed_at is not None
        for row in rows:
            assert row.occupied_ms >= 0
            assert row.unknown_ms >= 0
            assert row.occupied_ms + row.unknown_ms <= known.end - known.start
            assert row.overstay_ms >= 0


# --- unexpected presence ------------------------------------------------------------------------------------


def test_presence_without_a_booking_is_an_alert_until_gone() -> None:
    day = Day([RADAR])
    day.say("hall-radar", 0)
    day.run(5 * MINUTE)
    day.say("hall-radar", 1)
    day.run(110 * SECOND)
    assert not day.standing()
    day.run(20 * SECOND)
    alert = only(day.standing())
    assert (alert.subject, alert.space) == ("unexpected-presence:hall", "hall")
    assert alert.facts["evidence"] == "hall-radar moving"
    day.say("hall-radar", 0)
    day.run(MINUTE)
    assert not day.standing()


def test_presence_that_a_booking_explains_is_none() -> None:
    day = Day([RADAR])
    day.engine.on_bookings([booking(NOON + 10 * MINUTE, NOON + HOUR)])
    day.say("hall-radar", 1)
    day.run(80 * MINUTE)
    assert "unexpected-presence:hall" not in [o.alert.subject for o in day.of(AlertOpened)]
    assert day.subjects() == [f"overstay:{'1'.rjust(32, '0')}"]


def test_a_booking_that_appears_resolves_the_alert() -> None:
    day = Day([RADAR])
    day.say("hall-radar", 1)
    day.run(5 * MINUTE)
    assert day.subjects() == ["unexpected-presence:hall"]
    day.engine.on_bookings([booking(NOON, NOON + HOUR)])
    day.run(5 * SECOND)
    assert not day.standing()


def test_the_site_says_how_long_presence_may_be_unexplained() -> None:
    day = Day([RADAR], with_rules(unexpected_after_s=600))
    day.say("hall-radar", 1)
    day.run(9 * MINUTE)
    assert not day.standing()
    day.run(2 * MINUTE)
    assert day.subjects() == ["unexpected-presence:hall"]


def test_a_radar_that_steadily_says_moving_is_a_sign_all_the_time() -> None:
    day = Day([RADAR], with_rules(unexpected_after_s=12))
    day.say("hall-radar", 0)
    day.run(5 * MINUTE + SECOND)  # the next heartbeat is 29 s away
    day.say("hall-radar", 1)
    day.run(11 * SECOND)
    assert not day.standing()
    day.run(4 * SECOND)
    day.say("hall-radar", 0)
    assert day.subjects() == ["unexpected-presence:hall"]


def test_a_sign_that_is_over_before_the_belief_counts_for_as_long_as_it_held() -> None:
    for held, alerts in ((50 * SECOND, ["unexpected-presence:hall"]), (20 * SECOND, [])):
        day = Day([PIR])
        day.say("hall-pir", 0)
        day.run(5 * MINUTE + SECOND)
        day.mute("hall-pir")
        day.tell("hall-pir", 1, day.now)
        day.run(held)
        day.tell("hall-pir", 0, day.now)  # believed to be somebody for some minutes more
        day.run(125 * SECOND - held)
        assert day.subjects() == alerts


def test_a_sensor_that_falls_silent_is_no_sign_for_longer_than_it_may_be_silent() -> None:
    radar = replace(RADAR, max_silence_s=20)
    day = Day([radar], with_rules(unexpected_after_s=100))
    day.say("hall-radar", 1)
    day.mute("hall-radar")
    day.run(39 * SECOND)
    room = day.engine._spaces["hall"].runtime
    assert room.estimate is not None and room.estimate.positive_at == NOON + 20 * SECOND
