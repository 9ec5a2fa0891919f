"""The live picture is what a reading of the whole store would show, whatever happens; pages follow it."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, Table, delete, insert, update

from pleintemps_gateway.store import schema, schema_rooms
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import open_engine, write_transaction
from pleintemps_gateway.web import picture as module
from pleintemps_gateway.web.board import Figures
from pleintemps_gateway.web.drawing import with_figures
from pleintemps_gateway.web.fragments import View, of_tile
from pleintemps_gateway.web.picture import Picture, load_board
from pleintemps_gateway.web.render import Pages

from . import town

BOTH = ("moulin", "ecole")
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
Act = Callable[[Connection, int], None]


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("town") / "store.db"
    engine = open_engine(f"sqlite:///{path}")
    town.fill(engine)
    engine.dispose()
    return path


def change(conn: Connection, table: Table, site: str, key: str, now: int, where: Any, **values: Any) -> None:
    conn.execute(update(table).where(table.c.site == site, where).values(**values))
    record_change(conn, site, table.name, key, now)


def measured(space: str, state: str, probability: float, level: float, ago: int) -> Act:
    def act(conn: Connection, now: int) -> None:
        here = schema.spaces.c.space == space
        series = schema.series
        conn.execute(update(series).where(series.c.space == space).values(last_at=now - ago))
        values: dict[str, Any] = {"state": state, "probability": probability, "level_db": level}
        change(conn, schema.spaces, "moulin", space, now, here, evidence_at=now - ago, **values)

    return act


def believed(space: str, state: str) -> Act:
    def act(conn: Connection, now: int) -> None:
        here = schema.occupancy
        conn.execute(delete(here).where(here.c.site == "moulin", here.c.space == space, here.c.since == now))
        values = {"site": "moulin", "space": space, "since": now, "probability": 0.9, "evidence": ""}
        conn.execute(insert(here).values(state=state, **values))
        record_change(conn, "moulin", "occupancy", f"{space}/{now}", now)

    return act


def moved(door: str, physical: str, alarm: str) -> Act:
    def act(conn: Connection, now: int) -> None:
        here = schema.doors.c.door == door
        change(conn, schema.doors, "moulin", door, now, here, physical=physical, alarm=alarm, since=now)

    return act


def agent(name: str, presence: str, revision: int) -> Act:
    def act(conn: Connection, now: int) -> None:
        site, here = name.partition("-")[0].replace("cantine", "ecole"), schema.agents.c.agent == name
        change(conn, schema.agents, site, name, now, here, presence=presence, grants_revision=revision)

    return act


def reborn(conn: Connection, now: int) -> None:
    """The birth of an agent names fewer series, and another silence."""
    here = schema.series
    conn.execute(delete(here).where(here.c.site == "moulin", here.c.series == "bois-pir"))
    record_change(conn, "moulin", "series", "moulin-1/bois-pir", now)
    mine = here.c.series == "danse-pir"
    change(conn, here, "moulin", "moulin-1/danse-pir", now, mine, max_silence_s=600)


def alert(state: str, space: str | None, door: str | None, kind: str = "unexpected-presence") -> Act:
    def act(conn: Connection, now: int) -> None:
        name = f"{now % 10**8:08d}" * 4
        values: dict[str, Any] = {"rank": "watch", "subject": name, "opened": now, "facts": "{}"}
        conn.execute(delete(schema.alerts).where(schema.alerts.c.alert == name))
        values |= {"resolved": now if state == "resolved" else None}
        add = {"site": "moulin", "alert": name, "kind": kind, "space": space, "door": door, "state": state}
        conn.execute(insert(schema.alerts).values(**add, **values))
        record_change(conn, "moulin", "alerts", name, now)

    return act


def over(name: str, site: str) -> Act:
    def act(conn: Connection, now: int) -> None:
        here = schema.alerts.c.alert == name
        change(conn, schema.alerts, site, name, now, here, state="resolved", resolved=now)

    return act


def booked(space: str, begins: int, minutes: int, status: str = "confirmed") -> Act:
    def act(conn: Connection, now: int) -> None:
        name, start = f"{(now + begins) % 10**8:08d}" * 4, now + begins * MINUTE
        conn.execute(delete(schema.bookings).where(schema.bookings.c.booking == name))
        values = {"source": "x", "uid": name, "title": name[:4], "people": 3, "updated": now}
        values |= {"start": start, "end": start + minutes * MINUTE, "status": status}
        conn.execute(insert(schema.bookings).values(site="moulin", booking=name, space=space, **values))
        record_change(conn, "moulin", "bookings", name, now)

    return act


def rebooked(booking: str, space: str, shift: int) -> Act:
    """Another room and hour, by its source."""

    def act(conn: Connection, now: int) -> None:
        start = now + shift * MINUTE
        here = schema.bookings.c.booking == booking
        change(
            conn, schema.bookings, "moulin", booking, now, here, space=space, start=start, end=start + HOUR
        )

    return act


def used(booking: str, state: str) -> Act:
    def act(conn: Connection, now: int) -> None:
        here = schema.usage.c.booking == booking
        change(conn, schema.usage, "moulin", booking, now, here, state=state, left_at=now)

    return act


def asked(door: str, outcome: str) -> Act:
    def act(conn: Connection, now: int) -> None:
        name = f"c{now % 10**7:07d}" * 4
        conn.execute(delete(schema.commands).where(schema.commands.c.command == name))
        values = {"agent": "moulin-1", "action": "Access", "user": "camille", "requested": now}
        values |= {"expires": now + 10 * SECOND, "outcome": outcome}
        conn.execute(insert(schema.commands).values(site="moulin", command=name, door=door, **values))
        record_change(conn, "moulin", "commands", name, now)

    return act


def code(revision: int | None) -> Act:
    """The grant of a code is published anew, or gone."""

    def act(conn: Connection, now: int) -> None:
        grant, site = "c6" * 16, "ecole"
        if revision is None:
            credentials = schema.credentials
            here = credentials.c.grant == grant
            change(conn, credentials, site, grant, now, here, rests_until=now)
        else:
            here = schema.grants.c.grant == grant
            change(conn, schema.grants, site, f"ecole-1/{grant}", now, here, revision=revision)

    return act


def panel(state: str) -> Act:
    def act(conn: Connection, now: int) -> None:
        conn.execute(delete(schema.panels))
        values = {"site": "ecole", "panel": "alarm", "agent": "ecole-1", "state": state, "at": now}
        conn.execute(insert(schema.panels).values(**values))
        record_change(conn, "ecole", "panels", "alarm", now)

    return act


def signal(on: bool, wanted: bool) -> Act:
    def act(conn: Connection, now: int) -> None:
        here = schema_rooms.signals
        conn.execute(delete(here))
        values = {"site": "ecole", "signal": "preau-light", "agent": "ecole-1", "space": "preau"}
        conn.execute(insert(here).values(on=on, wanted=wanted, at=now, **values))
        record_change(conn, "ecole", "signals", "preau-light", now)

    return act


SPACES = st.sampled_from(["studio", "theatre", "danse", "bois", "hall"])
STATES = st.sampled_from(["occupied", "vacant", "unknown"])
AGES = st.sampled_from([0, 5 * SECOND, 100 * SECOND, 14 * MINUTE, 16 * MINUTE])
ACTS: st.SearchStrategy[Act] = st.one_of(
    st.builds(measured, SPACES, STATES, st.floats(0, 1), st.floats(30, 90), AGES),
    st.builds(believed, SPACES, STATES),
    st.builds(
        moved,
        st.sampled_from(["studio", "vestiaires"]),
        st.sampled_from(["Open", "Closed"]),
        st.sampled_from(["Normal", "DoorOpenTooLong"]),
    ),
    st.builds(
        agent,
        st.sampled_from(["moulin-1", "ecole-1", "cantine-1"]),
        st.sampled_from(["online", "offline"]),
        st.integers(7, 10),
    ),
    st.just(reborn),
    st.builds(
        alert, st.sampled_from(["open", "acknowledged", "resolved"]), SPACES, st.sampled_from([None, "hall"])
    ),
    st.builds(alert, st.just("open"), st.none(), st.sampled_from(["vestiaires", "studio"])),
    st.builds(over, st.sampled_from([town.NOISE, town.DOOR_OPEN]), st.just("moulin")),
    st.builds(
        booked,
        SPACES,
        st.integers(-300, 900),
        st.integers(1, 300),
        st.sampled_from(["confirmed", "cancelled"]),
    ),
    st.builds(rebooked, st.sampled_from(["b1" * 16, "b3" * 16]), SPACES, st.integers(-60, 1500)),
    st.builds(
        used,
        st.sampled_from(["b1" * 16, "b2" * 16, "b4" * 16]),
        st.sampled_from(["in-use", "left", "no-show"]),
    ),
    st.builds(asked, st.sampled_from(["studio", "hall"]), st.sampled_from(["requested", "sent", "done"])),
    st.builds(code, st.one_of(st.none(), st.integers(8, 10))),
    st.builds(panel, st.sampled_from(["set", "unset", "alarm"])),
    st.builds(signal, st.booleans(), st.booleans()),
)
PASSES = st.one_of(
    st.integers(0, 120 * SECOND), st.integers(0, 60 * MINUTE), st.integers(0, 30 * HOUR), st.just(-5 * MINUTE)
)


class Page:
    """What a browser has: the parts it was given, by their keys, and the figures that came by themselves."""

    def __init__(self) -> None:
        self.frame = -1
        self.parts: dict[str, str] = {}
        self.figures: dict[str, Figures | None] = {}

    def follow(self, picture: Picture) -> None:
        found = picture.difference(BOTH, self.frame)
        for name in found.parts:
            fragment = picture.part(BOTH, name).fragment
            self.parts[name] = fragment.key
            self.figures[name] = getattr(fragment.item, "figures", None)
        self.figures |= found.figures
        self.frame = picture.frame


def same(picture: Picture, page: Page, engine: Engine, now: int) -> None:
    with engine.connect() as conn:
        assert picture.board(BOTH) == load_board(conn, town.config(), BOTH, now)
    page.follow(picture)
    names = [*picture.shared(BOTH), *picture.names(BOTH)]
    shown = {name: picture.part(BOTH, name).fragment for name in names}
    assert page.parts == {name: fragment.key for name, fragment in shown.items()}
    for name, fragment in shown.items():
        assert page.figures[name] == getattr(fragment.item, "figures", None)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.lists(ACTS, max_size=3), PASSES, st.booleans()), min_size=1, max_size=6))
@example(
    [([believed("bois", "occupied")], 10 * MINUTE, False), ([], -5 * MINUTE, True), ([], 12 * SECOND, False)]
)
@example(
    [([believed("bois", "occupied")], 10 * MINUTE, False), ([], -5 * MINUTE, True), ([], 7 * MINUTE, False)]
)
def test_what_is_kept_up_is_what_would_be_read_whole(
    pattern: Path, tmp_path: Path, steps: list[tuple[list[Act], int, bool]]
) -> None:
    path = shutil.copyfile(pattern, tmp_path / "store.db")
    for beside in ("-wal", "-shm"):
        (tmp_path / f"store.db{beside}").unlink(missing_ok=True)
    engine, now = open_engine(f"sqlite:///{path}"), town.NOW
    picture, page = Picture(engine, town.config()), Page()
    try:
        picture.refresh([BOTH], now)
        same(picture, page, engine, now)
        for acts, passes, look in steps:
            now = max(now + passes, town.NOW)
            for act in acts:
                with write_transaction(engine, BOTH) as conn:
                    act(conn, now)
            if look:
                assert picture.has_changed(BOTH, now) or not any(acts)
                picture.refresh([BOTH], now)
                same(picture, page, engine, now)
        picture.refresh([BOTH], now)
        same(picture, page, engine, now)
    finally:
        engine.dispose()


def test_only_what_changed_is_read(engine: Engine) -> None:
    picture = Picture(engine, town.config())
    picture.refresh([BOTH], town.NOW)
    assert picture.reads == 2
    with write_transaction(engine, BOTH) as conn:
        for number in range(200):
            measured("danse", "occupied", number / 200, 60, 0)(conn, town.NOW)
    picture.refresh([BOTH], town.NOW)
    assert picture.reads == 2


def test_a_follower_that_is_far_behind_reads_everything_anew(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture(engine, town.config())
    picture.refresh([BOTH], town.NOW)
    monkeypatch.setattr(module, "MOST_CHANGES", 2)
    with write_transaction(engine, BOTH) as conn:
        for level in (50.0, 60.0, 70.0):
            measured("danse", "occupied", 0.97, level, 0)(conn, town.NOW)
    assert picture.refresh([BOTH], town.NOW)
    assert picture.reads == 3
    page = Page()
    same(picture, page, engine, town.NOW)


def test_time_alone_changes_what_is_shown_and_nothing_else_does(engine: Engine) -> None:
    picture = Picture(engine, town.config())
    picture.refresh([BOTH], town.NOW)
    assert not picture.has_changed(BOTH, town.NOW)
    due = picture.due
    assert due is not None and due > town.NOW
    assert not picture.has_changed(BOTH, due - 1) and picture.has_changed(BOTH, due)
    assert picture.refresh([BOTH], due)
    assert not picture.refresh([BOTH], due)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_other_figures_in_drawn_html_are_what_drawing_anew_would_give(engine: Engine, language: str) -> None:
    pages, view = Pages(town.config(), simulated=False), View(language, BOTH, may_act=True)
    with engine.connect() as conn:
        board = load_board(conn, town.config(), BOTH, town.NOW)
    seen = 0
    for tile in board.tiles:
        for level, sure, ago in ((None, 0.03, 5), (1.6, 0.011, 7), (-0.4, 0.05, 0), (12.2, 0.02, 30)):
            values: dict[str, object] = {}
            if tile.level_db is not None and level is not None:
                values["level_db"] = tile.level_db + level
            if tile.measured_at is not None:
                values["measured_at"] = tile.measured_at + ago * SECOND
            if tile.probability is not None and tile.sure:
                values["probability"] = 1 - sure if tile.state == "occupied" else sure
            other = replace(tile, **values)  # type: ignore[arg-type]
            if other.face != tile.face:
                continue
            seen += 1
            drawn = pages.fragment(view, of_tile(tile), town.NOW)
            anew = pages.fragment(view, of_tile(other), town.NOW)
            ages = re.compile(r">[^<]*</time>")
            found = with_figures(drawn, other.figures)
            assert ages.sub(">", found) == ages.sub(">", anew)
    assert seen > 20
