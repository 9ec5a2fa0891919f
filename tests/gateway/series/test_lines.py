import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import ClockSource
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.onvif import DoorAlarm
from pleintemps_contract.units import Quantity
from pleintemps_gateway.series.lines import ALARM, CLOCK, FAMILY, STATE, escape_tag, head, render
from pleintemps_gateway.series.rows import (
    AgentNow,
    AlertChange,
    DoorAlarmState,
    NoiseWindow,
    Row,
    Samples,
    SpaceHour,
    SpaceState,
)
from tests.support.series_servers import InfluxDB1

from .parser import parse

AT = 1_700_000_000_123
ROWS: list[Row] = [
    Samples(
        space="hall",
        agent="entrance",
        series="hall-meter",
        quantity=Quantity.LAEQ,
        ats=[AT, AT + 1000],
        values=[61.25, 62],
    ),
    SpaceState(space="hall", at=AT, state=Occupancy.OCCUPIED, probability=0.97),
    NoiseWindow(space="hall", at=AT, laeq_db=74.5, limit_db=65.0),
    AlertChange(kind="noise", at=AT, resolved=False, space="hall"),
    AlertChange(kind="agent-silent", at=AT, resolved=True, about="entrance"),
    DoorAlarmState(door="hall", space="hall", at=AT, alarm=DoorAlarm.FORCED_OPEN),
    AgentNow(
        agent="entrance",
        at=AT,
        online=True,
        silent_s=1.5,
        backlog=None,
        lost=2,
        ill=0,
        clock=ClockSource.NTP,
        clock_trusted=False,
        version=1_000.0,
        certificate_days=None,
    ),
    SpaceHour(space="hall", at=AT, known_ms=3_600_000, used_ms=60_000, booked_ms=0, both_ms=0),
]
tag_text = st.text(st.characters(exclude_categories=["C"], exclude_characters="\\"), min_size=1)
finite = st.floats(allow_nan=False, allow_infinity=False)
milliseconds = st.integers(0, 253_402_300_799_999)


def test_every_kind_of_row_as_it_is_written() -> None:
    assert render("saint-aubin", ROWS) == [
        "sound,kind=LAeq,sensor=entrance/hall-meter,site=saint-aubin,space=hall value=61.25 1700000000123",
        "sound,kind=LAeq,sensor=entrance/hall-meter,site=saint-aubin,space=hall value=62.0 1700000001123",
        "occupancy,kind=state,sensor=*,site=saint-aubin,space=hall state=1.0,probability=0.97 1700000000123",
        "noise,kind=window,sensor=*,site=saint-aubin,space=hall laeq_db=74.5,limit_db=65.0 1700000000123",
        "alerts,kind=noise,sensor=*,site=saint-aubin,space=hall opened=1.0 1700000000123",
        "alerts,kind=agent-silent,sensor=entrance,site=saint-aubin,space=* resolved=1.0 1700000000123",
        "door,kind=alarm,sensor=hall,site=saint-aubin,space=hall alarm=1.0 1700000000123",
        "agent,kind=state,sensor=entrance,site=saint-aubin,space=* "
        "online=1.0,silent_s=1.5,lost=2.0,ill=0.0,clock=2.0,clock_trusted=0.0,version=1000.0 1700000000123",
        "hours,kind=hour,sensor=*,site=saint-aubin,space=hall "
        "known_min=60.0,used_min=1.0,booked_min=0.0,both_min=0.0 1700000000123",
    ]


def test_tables_know_every_word_of_the_contract() -> None:
    assert set(FAMILY) == set(Quantity)
    assert set(STATE) == set(Occupancy)
    assert set(ALARM) == set(DoorAlarm)
    assert set(CLOCK) == set(ClockSource)


def test_no_tag_but_the_four_and_no_field_that_shares_a_tags_name() -> None:
    for point in map(parse, render("saint-aubin", ROWS)):
        assert set(point.tags) == {"kind", "sensor", "site", "space"}
        assert not set(point.tags) & set(point.fields)


def test_two_agents_may_give_a_series_the_same_name() -> None:
    column = {
        "space": "hall",
        "series": "pir",
        "quantity": Quantity.MOTION,
        "ats": [AT],
        "values": [1.0],
    }
    lines = render("s", [Samples(agent=agent, **column) for agent in ("a", "b")])  # type: ignore[arg-type]
    assert len({line.split(" ")[0] for line in lines}) == 2


def test_an_unknown_state_has_no_probability() -> None:
    (line,) = render("s", [SpaceState(space="hall", at=AT, state=Occupancy.UNKNOWN, probability=None)])
    assert parse(line).fields == {"state": -1.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_no_database_takes_are_left_out(value: float) -> None:
    column = Samples(
        space="hall",
        agent="a",
        series="s",
        quantity=Quantity.LEVEL,
        ats=[AT, AT + 1],
        values=[value, 50.0],
    )
    (line,) = render("s", [column])
    assert parse(line).at == AT + 1
    assert render("s", [NoiseWindow(space="hall", at=AT, laeq_db=value, limit_db=None)]) == []


@given(site=tag_text, space=tag_text, sensor=tag_text, kind=tag_text)
def test_tags_come_back(site: str, space: str, sensor: str, kind: str) -> None:
    start = head("sound", site=site, space=space, sensor=sensor, kind=kind)
    point = parse(f"{start} value=1.0 0")
    assert point.measurement == "sound"
    assert point.tags == {"site": site, "space": space, "sensor": sensor, "kind": kind}


@given(
    points=st.lists(st.tuples(milliseconds, finite), min_size=1),
    quantity=st.sampled_from(Quantity),
)
def test_samples_come_back(points: list[tuple[int, float]], quantity: Quantity) -> None:
    column = Samples(
        space="hall",
        agent="a",
        series="s",
        quantity=quantity,
        ats=[at for at, _ in points],
        values=[value for _, value in points],
    )
    read = [parse(line) for line in render("s", [column])]
    assert [(point.at, point.fields["value"]) for point in read] == points
    assert {point.tags["kind"] for point in read} == {quantity.value}


@pytest.mark.parametrize("text", ["", "a\nb", "a\\b", "a\\", "\x00", "a\tb"])
def test_what_cannot_be_a_tag_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be a tag"):
        escape_tag(text)


def test_a_real_influxdb_reads_every_row_and_odd_tags(influxdb: InfluxDB1) -> None:
    influxdb.create_database("lines")
    influxdb.write("lines", render("saint-aubin", ROWS))
    for measurement, points in {"sound": 2, "occupancy": 1, "noise": 1, "alerts": 2, "door": 1}.items():
        series = influxdb.query("lines", f'SELECT * FROM "{measurement}"')
        assert sum(len(one["values"]) for one in series) == points, measurement
    odd = 'Préau, à = "gauche" €/ 1'
    start = head("odd", site=odd, space="hall", sensor="*", kind="k")
    influxdb.write("lines", [f"{start} value=-1.5e-07 {AT}"])
    (written,) = influxdb.query("lines", 'SELECT value FROM "odd" GROUP BY *')
    assert written["tags"] == {"kind": "k", "sensor": "*", "site": odd, "space": "hall"}
    assert written["values"] == [[AT, -1.5e-07]]
