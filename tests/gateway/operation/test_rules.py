"""What the doctor finds in each kind of fact."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.checkup.findings import Check, Finding, Level, examine, exit_code, ok, page
from pleintemps_gateway.operation import growth, rules
from pleintemps_gateway.operation.facts import (
    AgentFacts,
    AgentsFacts,
    BackupFacts,
    ConfigFacts,
    FeedFacts,
    FeedsFacts,
    GatewayFacts,
    GatewaysFacts,
    MessageFacts,
    ProcessFacts,
    StatusFacts,
    StoreFacts,
    UpdateFacts,
)
from pleintemps_gateway.operation.gateways import describe_gateways, judge_gateways
from pleintemps_gateway.operation.growth import DAY_MS, Point
from pleintemps_gateway.operation.status import describe, status_of
from pleintemps_gateway.operation.status import exit_code as status_code

NOW = 1_795_400_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
STORE = StoreFacts(schema="0006", wanted="0006", older=True, verdict="ok")
RUNS = ProcessFacts(NOW, (("ecole", NOW - MINUTE),), "127.0.0.1:8080", 200)
FINE = AgentFacts("ecole/entrance", "fine", "1.0.0", 0, ())
FEED = FeedFacts("ecole/agenda", NOW - MINUTE, 300.0, None, 0)
BACKUP = BackupFacts(NOW, NOW - HOUR, 192.0, False)


def agents(*changed: AgentFacts) -> AgentsFacts:
    return AgentsFacts("1.0.0", (FINE, *changed))


def feeds(**changes: Any) -> FeedsFacts:
    return FeedsFacts(NOW, (replace(FEED, **changes),))


CASES: list[tuple[Any, Any, Level, str]] = [
    (rules.judge_config, ConfigFacts(), Level.OK, "nothing"),
    (rules.judge_config, ConfigFacts(keys_fault="sealing.key is missing"), Level.FAIL, "sealing.key"),
    (rules.judge_config, ConfigFacts(demo=True), Level.WARN, "demonstration"),
    (rules.judge_config, ConfigFacts(web_host="0.0.0.0"), Level.WARN, "in clear"),
    (rules.judge_config, ConfigFacts(web_host="0.0.0.0", public_url="https://x.org"), Level.OK, "nothing"),
    (rules.judge_config, ConfigFacts(delivery="apprise"), Level.WARN, "no link"),
    (rules.judge_config, ConfigFacts(keyless=("entrance",)), Level.WARN, "entrance has no keys"),
    (rules.judge_config, ConfigFacts(file_open=True), Level.WARN, "others may change"),
    (rules.judge_store, STORE, Level.OK, "whole"),
    (rules.judge_store, replace(STORE, verdict=None), Level.OK, "--thorough"),
    (rules.judge_store, StoreFacts(fault="connection refused"), Level.FAIL, "connection refused"),
    (rules.judge_store, StoreFacts(wanted="0006"), Level.FAIL, "no tables"),
    (rules.judge_store, replace(STORE, schema="0005"), Level.WARN, "0005"),
    (rules.judge_store, replace(STORE, schema="0007", older=False), Level.FAIL, "newer than this program"),
    (rules.judge_store, replace(STORE, verdict="row 3 missing"), Level.FAIL, "row 3 missing"),
    (rules.judge_processes, RUNS, Level.OK, "1 sites"),
    (rules.judge_processes, replace(RUNS, kept=(("ecole", None),)), Level.FAIL, "ever"),
    (rules.judge_processes, replace(RUNS, kept=(("ecole", NOW - 9 * MINUTE),)), Level.FAIL, "for 9 min"),
    (rules.judge_processes, replace(RUNS, web=None), Level.FAIL, "nobody answers on 127.0.0.1:8080"),
    (rules.judge_processes, replace(RUNS, web=404), Level.FAIL, "another program"),
    (rules.judge_agents, agents(), Level.OK, "1, all fine"),
    (rules.judge_agents, AgentsFacts("1.0.0", ()), Level.WARN, "none is configured"),
    (rules.judge_agents, agents(replace(FINE, todo=("silent",))), Level.FAIL, "silent"),
    (rules.judge_agents, agents(replace(FINE, todo=("certificate-over",))), Level.FAIL, "is over"),
    (rules.judge_agents, agents(replace(FINE, todo=("certificate",))), Level.WARN, "ends soon"),
    (rules.judge_agents, agents(replace(FINE, todo=("devices",), ill=("radar",))), Level.WARN, "ill: radar"),
    (rules.judge_agents, agents(replace(FINE, todo=("backlog",), backlog=4_000)), Level.WARN, "4000 records"),
    (rules.judge_agents, agents(replace(FINE, version="0.9.0")), Level.WARN, "1 with 0.9.0"),
    (rules.judge_feeds, feeds(), Level.OK, "1 read in time"),
    (rules.judge_feeds, FeedsFacts(NOW, ()), Level.OK, "none"),
    (rules.judge_feeds, feeds(good=None, error="404"), Level.WARN, "never read: 404"),
    (rules.judge_feeds, feeds(good=NOW - 9 * HOUR), Level.WARN, "for 9 h"),
    (rules.judge_feeds, feeds(good=None, poll_s=None), Level.OK, "in time"),
    (rules.judge_feeds, feeds(untold=2), Level.WARN, "2 releases"),
    (rules.judge_messages, MessageFacts("none", (), (), "duty.toml", on_duty=3), Level.OK, "not written to"),
    (rules.judge_messages, MessageFacts("none", (), (), ""), Level.WARN, "nobody is told"),
    (rules.judge_messages, MessageFacts("none", (), (), "d", "line 3: no time"), Level.FAIL, "line 3"),
    (
        rules.judge_messages,
        MessageFacts("apprise", (("x, mail", 2, "no route"),), (), "d"),
        Level.WARN,
        "no route",
    ),
    (rules.judge_messages, MessageFacts("apprise", (), (("x, mail", 2, "busy"),), "d"), Level.WARN, "2 wait"),
    (rules.judge_backup, BACKUP, Level.OK, "1 h old"),
    (rules.judge_backup, replace(BACKUP, last=None), Level.FAIL, "none was ever made"),
    (rules.judge_backup, replace(BACKUP, late=True), Level.FAIL, "1 h old"),
    (rules.judge_backup, replace(BACKUP, max_age_h=None), Level.WARN, "nobody is reminded"),
    (rules.judge_backup, replace(BACKUP, away=("/mnt/disk",)), Level.WARN, "/mnt/disk"),
    (rules.judge_backup, replace(BACKUP, unreadable=True), Level.FAIL, "cannot be read"),
    (rules.judge_updates, UpdateFacts(False), Level.OK, "by hand"),
    (rules.judge_updates, UpdateFacts(True), Level.OK, "nothing was offered"),
    (rules.judge_updates, UpdateFacts(True, (("ecole", "1.3.0", "running", ""),)), Level.OK, "is running"),
    (
        rules.judge_updates,
        UpdateFacts(True, (("ecole", "1.3.0", "halted", "x"),)),
        Level.WARN,
        "was halted: x",
    ),
]


@pytest.mark.parametrize(("judge", "facts", "level", "said"), CASES)
def test_each_rule(judge: Any, facts: Any, level: Level, said: str) -> None:
    """The gravest line says it, and whatever is not well comes with what to do."""
    found: list[Finding] = list(judge(facts))
    gravest = [each for each in found if each.level is level]
    assert any(said in each.measured for each in gravest)
    assert exit_code(found) == list(Level).index(level)
    assert all(bool(each.todo) == (each.level is not Level.OK) for each in found)


def test_a_broken_check_harms_itself_only() -> None:
    def broken(_: object) -> object:
        raise OSError(13, "Permission denied", "/secret")

    table = (
        Check[object]("disk", broken, lambda _: [ok("disk", "never said")]),
        Check[object]("clock", lambda _: 1, lambda _: [ok("clock", "NTP keeps it")]),
    )
    found = list(examine(table, object(), (OSError,)))
    assert [each.level for each in found] == [Level.WARN, Level.OK]
    assert found[0].measured == "could not look: [Errno 13] Permission denied: '/secret'"
    assert page(found).splitlines()[-1] == "ok    clock         NTP keeps it"
    with pytest.raises(OSError, match="Permission"):
        list(examine(table, object(), (ValueError,)))  # what was not expected is our own mistake


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 3 * DAY_MS), st.integers(0, 10**9)), max_size=80))
def test_growth_is_noted_once_a_day(steps: list[tuple[int, int]]) -> None:
    points: list[Point] = []
    now = NOW
    for wait, size in steps:
        now += wait
        points = growth.noted(points, now, size)
        rate = growth.growth(points, now, size)
        assert (rate is None) == (now - points[0].at < DAY_MS)
    assert all(later.at - earlier.at >= DAY_MS for earlier, later in pairwise(points))
    assert len(points) <= growth.KEPT


def test_growth_is_bytes_a_day() -> None:
    assert growth.growth([Point(NOW - 4 * DAY_MS, 100)], NOW, 500) == 100.0
    assert growth.growth([Point(NOW + DAY_MS, 100)], NOW, 500) is None  # noted by a clock that was ahead


SEVERAL = GatewaysFacts(
    NOW,
    5,
    (
        GatewayFacts("a", 3, NOW - 3 * DAY_MS, NOW - DAY_MS, NOW - 400, alive=True),
        GatewayFacts("b", 2, NOW - 130_000, NOW - 5_000, NOW - 300, alive=True),
    ),
)


def test_a_site_without_a_gateway_fails_and_a_gateway_that_is_gone_is_told() -> None:
    assert [each.level for each in judge_gateways(SEVERAL)] == [Level.OK]
    assert not list(judge_gateways(GatewaysFacts(NOW)))  # SQLite
    dead = replace(SEVERAL.gateways[1], alive=False, heard=NOW - 40_000)
    alone = replace(SEVERAL, gateways=(SEVERAL.gateways[0], dead), unheld=("ecole", "mairie"))
    found = list(judge_gateways(alone))
    assert [each.level for each in found] == [Level.FAIL, Level.WARN]
    assert (
        "ecole, mairie" in found[0].measured and "b has shown no sign of life for 40.0 s" in found[1].measured
    )
    odd = replace(SEVERAL, gateways=(SEVERAL.gateways[0], replace(SEVERAL.gateways[1], alike=False)))
    assert [each.level for each in judge_gateways(odd)] == [Level.WARN, Level.OK]


COUNTS = StatusFacts("1.0.0", 3, 0, {"watch": 2})
WELL = [*rules.judge_processes(RUNS), ok("broker", "lets us in")]


@pytest.mark.parametrize(
    ("counts", "findings", "code"),
    [
        (COUNTS, WELL, 0),
        (StatusFacts("1.0.0", 2, 1, {}), WELL, 1),
        (StatusFacts("1.0.0", 3, 0, {"alert": 1}), WELL, 1),
        (COUNTS, [*rules.judge_processes(replace(RUNS, web=None)), WELL[-1]], 2),
        (
            COUNTS,
            list(examine((Check[int]("processes", lambda _: 1 // 0, lambda _: []),), 1, (ArithmeticError,))),
            2,
        ),
    ],
)
def test_status_says_what_runs(counts: StatusFacts, findings: list[Finding], code: int) -> None:
    status = status_of(counts, BACKUP, findings, SEVERAL)
    assert status_code(status) == code
    told = describe(status, NOW, describe_gateways(SEVERAL))
    assert "b: 2 sites, the last since 5.0 s; up for 2 min, heard 0.3 s ago" in told
    assert ("DOWN" in told) == (code == 2)
    assert f"{counts.up} up, {counts.down} down" in told and "backup   1 h ago" in told
