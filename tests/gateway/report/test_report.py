"""The night in one page: true figures, what is not known said, one A4, the same bytes for the same store."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, delete, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.cli import main
from pleintemps_gateway.errors import UndeliveredError
from pleintemps_gateway.report.night import is_due, last_night, night_of
from pleintemps_gateway.report.paper import Press
from pleintemps_gateway.report.reading import Sheet
from pleintemps_gateway.report.sending import report_maker
from pleintemps_gateway.report.settings import ReportConfig
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import open_engine, write_transaction
from tests.gateway.web import town

SITES = ("moulin", "ecole")
DAY = date(2026, 11, 19)
MORNING = town.at("07:02", 20)
HOUR = 3_600_000


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    made = open_engine(sqlite_url)
    town.fill(made)
    yield made
    made.dispose()


def press(engine: Engine, now: int = MORNING) -> Press:
    return Press(town.config(), engine, ManualWorld(now=now))


def sheet(engine: Engine, now: int = MORNING) -> Sheet:
    return press(engine, now).sheet(SITES, DAY)


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html)).replace("\u00a0", " ").replace("&#39;", "'")


def believe(engine: Engine, space: str, *changes: tuple[int, str]) -> None:
    with write_transaction(engine, ["moulin"]) as conn:
        mine = (schema.occupancy.c.site == "moulin") & (schema.occupancy.c.space == space)
        conn.execute(delete(schema.occupancy).where(mine))
        for since, state in changes:
            town.add(
                conn,
                schema.occupancy,
                site="moulin",
                space=space,
                since=since,
                state=state,
                probability=0.9,
                evidence="",
            )


def test_hours_are_those_of_presence_and_what_was_not_measured_is_missing(engine: Engine) -> None:
    believe(
        engine,
        "danse",
        (town.at("17:00"), "vacant"),
        (town.at("19:00"), "occupied"),
        (town.at("20:30"), "occupied"),  # told anew: no second span
        (town.at("21:15"), "unknown"),
        (town.at("21:45"), "vacant"),
    )
    found = sheet(engine)
    lane = next(lane for lane in found.lanes if lane.space == "danse")
    assert lane.present == ((town.at("19:00"), town.at("21:15")),)
    assert lane.missing == ((town.at("21:15"), town.at("21:45")),)
    cantine = next(lane for lane in found.lanes if lane.space == "cantine")
    assert cantine.missing == ((town.at("18:00"), town.at("07:00", 20)),) and not cantine.present
    assert found.rooms == 7 and found.used == 3  # a passage is no room
    assert "Réfectoire" in found.lacking and found.before is None
    assert found.booked_ms == round(11.5 * HOUR)
    assert found.data_share is not None and 30 < found.data_share < 60


def test_the_page_says_what_is_not_known(engine: Engine) -> None:
    html = words(press(engine).html(sheet(engine), "fr"))
    assert "La nuit du 19 au 20 novembre 2026" in html
    assert "1 alerte, 1 encore ouverte." in html
    assert "une semaine avant : inconnu" in html
    assert "De 2 portes, on ne le sait pas." in html  # one agent is silent, one door was never heard of
    assert "Non verrouillées à 07:00 : MJC du Moulin, Vestiaires." in html
    early = sheet(engine, town.at("23:00"))
    assert not early.over and early.until == town.at("23:00")
    told = words(press(engine).html(early, "fr"))
    assert "La nuit n'est pas finie : voici ce qui est connu à 23:00." in told
    late = sheet(engine, MORNING + 120 * 24 * HOUR)
    assert late.codes is None and "forgotten by now" in words(press(engine).html(late, "en"))


def test_a_door_that_moved_since_is_not_told_of(engine: Engine) -> None:
    before = sheet(engine)
    with write_transaction(engine, ["moulin"]) as conn:
        here = schema.doors.c.door == "vestiaires"
        conn.execute(update(schema.doors).where(here).values(at=MORNING, physical="Closed"))
    after = sheet(engine, MORNING + HOUR)
    assert before.unlocked == ("MJC du Moulin, Vestiaires",) and after.unlocked == ()
    assert after.doors_unknown == before.doors_unknown + 1


def test_what_a_door_told_by_then_counts_when_it_has_moved_since(engine: Engine) -> None:
    def tells(kind: str, state: str, at: int, seq: int) -> None:
        told = {"type": kind, "door": "vestiaires", "state": state}
        row = {"journal": "j" * 32, "agent": "moulin-1", "boot": "b" * 32, "monotonic": 0, "received": at}
        with write_transaction(engine, ["moulin"]) as conn:
            about = {"door": "vestiaires", "type": kind, "body": json.dumps(told), "trusted": True}
            town.add(conn, schema.events, site="moulin", seq=seq, at=at, **row, **about)

    before = sheet(engine)
    with write_transaction(engine, ["moulin"]) as conn:
        here = schema.doors.c.door == "vestiaires"
        conn.execute(update(schema.doors).where(here).values(at=MORNING, physical="Closed"))
    end = before.until
    tells("door-physical", "Open", end - HOUR, 1)
    assert sheet(engine, MORNING + HOUR).unlocked == before.unlocked, "open is not locked, whatever its bolt"
    tells("door-physical", "Closed", end - 1, 2)
    assert sheet(engine, MORNING + HOUR).doors_unknown == before.doors_unknown + 1
    tells("lock-physical", "Locked", end, 3)
    tells("lock-physical", "Unlocked", end + 1, 4)
    later = sheet(engine, MORNING + HOUR)
    assert (later.locked, later.unlocked) == (before.locked + 1, ())
    assert later.doors_unknown == before.doors_unknown


def test_what_was_done_stands_with_each_alert(engine: Engine) -> None:
    with write_transaction(engine, ["moulin"]) as conn:
        here = schema.alerts.c.alert == town.NOISE
        done = {"state": "resolved", "resolved": town.at("23:24"), "acknowledged": town.at("22:54")}
        conn.execute(update(schema.alerts).where(here).values(**done))
        for seq, (clock, act) in enumerate((("22:38", "asked"), ("22:48", "asked"), ("22:54", "take"))):
            values = {"site": "moulin", "alert": town.NOISE, "seq": seq + 1, "at": town.at(clock), "act": act}
            town.add(conn, schema.alert_acts, **values)
    html = words(press(engine).html(sheet(engine), "fr"))
    assert "22:38–23:24" in html and "1 alerte, close à 23:24." in html
    assert "Prise à 22:54. 2 personnes prévenues. Retour au calme à 23:24." in html
    assert "camille" not in html  # the report goes to many: no names of who did what


def test_codes_are_counted_of_that_night_alone(engine: Engine) -> None:
    with write_transaction(engine, ["moulin"]) as conn:
        for seq, (at, kind) in enumerate(
            (
                (town.at("17:59"), "access-granted"),
                (town.at("18:00"), "access-granted"),
                (town.at("06:59", 20), "access-granted"),
                (town.at("03:00", 20), "access-refused"),
                (town.at("07:00", 20), "access-granted"),
            )
        ):
            town.add(
                conn,
                schema.events,
                site="moulin",
                journal="j" * 32,
                seq=seq,
                agent="moulin-1",
                boot="b" * 32,
                at=at,
                trusted=True,
                monotonic=0,
                received=at,
                type=kind,
                door="studio",
                body=json.dumps({"type": kind, "door": "studio"}),
            )
    assert sheet(engine).codes == (2, 1)


def test_one_sheet_of_paper_and_the_same_bytes_again(engine: Engine) -> None:
    made, usual = press(engine), sheet(engine)
    crowded = replace(usual, happened=usual.happened * 4, lanes=usual.lanes * 5, today=usual.today * 20)
    try:
        document = made.laid_out(crowded, "fr")
    except OSError:
        pytest.skip("libpango is not installed")
    assert len(document.pages) == 1
    first, second = made.pdf(usual, "fr"), press(engine).pdf(usual, "fr")
    assert first is not None and first[:5] == b"%PDF-" and first == second
    assert made.html(crowded, "fr") == press(engine).html(crowded, "fr")


def test_the_document_asks_for_nothing_from_elsewhere(engine: Engine) -> None:
    html = press(engine).html(sheet(engine), "fr")
    assert "var(" not in html and "http" not in html and "<script" not in html


PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("now", "day", "due"),
    [
        (town.at("06:59", 20), 18, False),
        (town.at("07:00", 20), 19, True),
        (town.at("12:59", 20), 19, True),
        (town.at("13:00", 20), 19, False),
    ],
)
def test_the_youngest_night_that_is_over(now: int, day: int, due: bool) -> None:
    night = last_night(ReportConfig(), PARIS, now)
    assert night.day == date(2026, 11, day) and is_due(night, now) is due


def test_the_night_of_the_clocks_is_an_hour_longer() -> None:
    usual, long = (night_of(ReportConfig(), PARIS, date(2026, 10, day)) for day in (20, 24))
    assert long.end - long.start == usual.end - usual.start + HOUR == 14 * HOUR


def test_the_command_writes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('[[sites]]\nsite = "moulin"\nname = "Moulin"\nspaces = []\ndoors = []\n')
    store = open_engine(f"sqlite:///{tmp_path / 'state/gateway.db'}")
    schema.metadata.create_all(store)
    store.dispose()
    common = ["report", "--config", str(file), "--night", "2026-11-19"]
    assert main([*common, "--out", str(tmp_path / "n.html")]) == 0
    assert "La nuit du 19 au 20 novembre 2026" in (tmp_path / "n.html").read_text()
    assert main([*common, "--out", str(tmp_path / "n.txt")]) == 2
    assert main([*common, "--out", str(tmp_path / "n.pdf"), "--site", "elsewhere"]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_a_mailed_report_is_of_the_buildings_that_its_reader_sees(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(**values: object) -> None:
        with write_transaction(engine, ["*"]) as conn:
            conn.execute(update(schema.users).where(schema.users.c.name == "camille").values(**values))

    monkeypatch.setattr(Press, "pdf", lambda *_: None)
    make = report_maker(town.config(), engine, ManualWorld(now=MORNING))
    own = make("directrice", "2026-11-19", "fr").html
    assert "Réfectoire" in own and "Atelier bois" not in own
    change(sites='["moulin"]')
    assert "Réfectoire" not in (html := make("camille", "2026-11-19", "fr").html) and "Atelier bois" in html
    for everything in ("marion", "of the duty file alone"):
        assert "Réfectoire" in (html := make(everything, "2026-11-19", "fr").html) and "Atelier bois" in html
    change(disabled=1)
    with pytest.raises(UndeliveredError, match="no building"):
        make("camille", "2026-11-19", "fr")
