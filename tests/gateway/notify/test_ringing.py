"""From an open alert to somebody who is told: rota, escalation, channels, and what is never told twice."""

import json
from pathlib import Path

import pytest
from sqlalchemy import insert

from pleintemps_contract.errors import ConfigError
from pleintemps_gateway.alerts.life import Act, ActKind, act
from pleintemps_gateway.notify.duty import read_duty
from pleintemps_gateway.store.acts import life_of, note, put_life
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.reading import alert as alert_row
from pleintemps_gateway.store.schema import alerts

from .conftest import MINUTE, NOISE, WATCH, Desk
from .receiver import Receiver


def do(desk: Desk, alert: str, wish: Act) -> None:
    """What a page does."""
    with write_transaction(desk.engine, ["moulin"]) as conn:
        row = alert_row(conn, ("moulin",), alert)
        assert row is not None
        step = act(
            life_of(row),
            wish,
            desk.book.duty(desk.config.sites[0], row.rank, desk.world.now()),
            desk.world.now(),
        )
        assert not isinstance(step, str)
        put_life(conn, "moulin", alert, step.life, desk.world.now())
        note(conn, "moulin", alert, desk.world.now(), step.done)


def test_who_is_on_duty_is_told_at_once_and_the_next_after_ten_minutes(
    desk: Desk, receiver: Receiver
) -> None:
    desk.tick()
    assert desk.acts(NOISE) == [("asked", "camille")]
    assert receiver.paths() == ["/camille", "/camille", "/mail", "/mail"]  # of both alerts
    said = [json.loads(got.body) for got in receiver.got if got.path == "/camille"]
    noise = next(each for each in said if "74" in each["message"])
    assert noise["title"].startswith("Alerte\u00a0: ") and "MJC du Moulin" in noise["message"]
    assert desk.later(9) == 0
    desk.later(1)
    assert desk.acts(NOISE) == [("asked", "camille"), ("asked", "marion")]
    assert desk.acts(WATCH) == [("asked", "camille")]  # what can wait asks one person
    assert receiver.paths().count("/marion") == 1
    desk.later(10)
    desk.later(30)
    assert [kind for kind, _ in desk.acts(NOISE)] == ["asked", "asked", "asked", "nobody"]
    assert ("regard", "", "failed") in desk.told()  # who cannot be reached is said
    assert len(receiver.got) == 5


def test_taken_alerts_ask_nobody_else_and_what_waited_is_dropped(desk: Desk, receiver: Receiver) -> None:
    receiver.answers["/camille"] = 503
    desk.tick()
    do(desk, NOISE, Act(kind=ActKind.TAKE, by="camille"))
    receiver.answers.clear()
    desk.later(12)
    states = {(row.alert, row.channel): (row.state, row.error) for row in desk.notices()}
    assert states[NOISE, "page"] == ("dropped", "taken")
    assert states[WATCH, "page"] == ("sent", None)
    assert desk.acts(NOISE) == [("asked", "camille"), ("take", None)]
    desk.later(20)  # half an hour after it was taken: a reminder, to who has it
    assert desk.acts(NOISE)[-1] == ("reminded", "camille")


def test_a_pause_ends_by_itself_and_says_so_to_who_made_it(desk: Desk, receiver: Receiver) -> None:
    desk.tick()
    until = desk.world.now() + 30 * MINUTE
    do(desk, NOISE, Act(kind=ActKind.PAUSE, by="marion", until=until))
    desk.later(29)
    assert [kind for kind, _ in desk.acts(NOISE)] == ["asked", "pause"]
    desk.later(1)
    assert desk.acts(NOISE)[2:] == [("back", "marion"), ("asked", "camille")]
    assert json.loads(next(got.body for got in receiver.got if got.path == "/marion"))["title"].startswith(
        "The pause is over: "
    )


def test_one_that_flaps_is_told_once(desk: Desk, receiver: Receiver) -> None:
    desk.tick()
    desk.set(NOISE, state="resolved", resolved=desk.world.now())
    desk.pass_by(1)
    with write_transaction(desk.engine, ["moulin"]) as conn:
        desk.add(conn, "c" * 32, "noise", "alert")
    before = len(receiver.got)
    desk.tick()
    assert len(receiver.got) == before
    again = [row for row in desk.notices() if row.alert == "c" * 32]
    assert {(row.state, row.error) for row in again} == {("dropped", "told-recently")}
    desk.later(10)  # it goes on: the next is asked all the same
    assert ("asked", "marion") in desk.acts("c" * 32)


def test_whom_nothing_reaches_does_not_hold_the_next_up(desk: Desk, receiver: Receiver) -> None:
    text = desk.file.read_text().replace("json://", "nonsense://", 2)
    desk.write(text)
    desk.tick()
    assert {row.state for row in desk.notices() if row.person == "camille"} == {"failed"}
    desk.tick()
    assert ("asked", "marion") in desk.acts(NOISE)
    assert "nonsense" not in str([row.error for row in desk.notices()])


def test_quiet_hours_hold_back_what_can_wait(desk: Desk, receiver: Receiver) -> None:
    desk.write(desk.file.read_text().replace('people = ["camille", "marion"]', 'people = ["marion"]'))
    desk.tick()
    assert receiver.paths() == ["/marion"]
    waiting = next(row for row in desk.notices() if row.alert == WATCH)
    assert waiting.state == "queued" and waiting.due - desk.world.now() == 427 * MINUTE  # 06:00
    desk.set(WATCH, state="resolved")
    desk.later(427)
    assert next(row for row in desk.notices() if row.alert == WATCH).state == "dropped"


def test_a_file_with_a_fault_changes_nothing_and_is_shown(desk: Desk) -> None:
    desk.write("people = 3")
    desk.tick()
    assert desk.acts(NOISE) == [("asked", "camille")]
    assert "duty.toml" in desk.book.fault


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[rotas]]\nlast = ["nobody"]', "nobody"),
        ('[[rotas]]\nsites = ["nowhere"]', "nowhere"),
        ('[[people]]\nperson = "a"\n[[people]]\nperson = "a"', "same name"),
        ('[[people]]\nperson = "a"\nreport = true', "mail"),
        ('[[people]]\nperson = "a"\nchannels = { push = "json://x" }', "push"),
        ('[[people]]\nperson = "a"\nring = 1', "ring"),
    ],
)
def test_faults_of_the_file_are_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "duty.toml"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match=message):
        read_duty(file, ["moulin"])
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_duty(file, ["moulin"])


def test_what_nobody_is_asked_about_stands_in_nobodys_way(desk: Desk) -> None:
    desk.write(desk.file.read_text().replace("wait_min = 10", 'wait_min = 10\nsites = ["moulin"]'))
    with write_transaction(desk.engine, ["ecole"]) as conn:
        for number in range(201):
            about = {
                "kind": "no-show",
                "rank": "watch",
                "subject": f"x{number}",
                "state": "open",
                "facts": "{}",
            }
            name = f"{number:032x}"
            conn.execute(insert(alerts).values(site="ecole", alert=name, opened=number, **about))
    desk.tick()
    assert desk.acts(NOISE) == [("asked", "camille")]


def test_an_alert_whose_rota_is_gone_waits_for_another_one(desk: Desk) -> None:
    desk.tick()
    rotas = desk.file.read_text()
    desk.write(rotas.partition("[[rotas]]")[0])
    desk.later(10)
    assert desk.acts(NOISE) == [("asked", "camille")]
    desk.pass_by(1)
    assert not desk.ringer.is_due(), "nothing is due again and again"
    desk.write(rotas)
    desk.later(1)
    assert desk.acts(NOISE) == [("asked", "camille")] * 2
