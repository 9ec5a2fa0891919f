"""The first link of an installation, links by mail, and the alert for an old back-up."""

from pathlib import Path

import pytest
from sqlalchemy import select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.accounts import links
from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.alerts.records import AlertKind, AlertOpened, AlertResolved
from pleintemps_gateway.alerts.upkeep import UpkeepAlerts
from pleintemps_gateway.cli import main
from pleintemps_gateway.delivery.letters import Writer
from pleintemps_gateway.delivery.messages import Contact, Message
from pleintemps_gateway.store.engine import open_engine, write_transaction
from pleintemps_gateway.store.schema import account_links, users

from .web import town

HOUR = 3_600_000
CONFIG = """
[web]
public_url = "https://rooms.example.org"
[[sites]]
site = "ecole"
name = "École"
spaces = [{ space = "hall", name = "Hall" }]
doors = [{ door = "gate", name = "Portail", agent = "entrance", from = "street", to = "hall" }]
"""


def test_init_prints_a_link_until_there_is_a_manager(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(CONFIG)
    told = []
    for _ in range(2):
        assert main(["init", "--config", str(file)]) == 0
        line = capsys.readouterr().out.splitlines()[-1]
        assert line.startswith("first account") and "https://rooms.example.org/welcome/" in line
        told.append(line.rpartition("/")[2])
    engine = open_engine(f"sqlite:///{tmp_path}/state/gateway.db")
    with engine.connect() as conn:
        (row,) = conn.execute(select(account_links)).all()
    assert (row.purpose, row.name) == (links.FIRST, "") and told[0] != told[1]
    assert row.link_hash == links.hash_of(told[1])
    with write_transaction(engine, ["*"]) as conn:
        who = {"site": "*", "name": "anne", "password": "x", "role": "manager", "created": 1}
        conn.execute(users.insert().values(**who))
    engine.dispose()
    assert main(["init", "--config", str(file)]) == 0
    assert "welcome" not in capsys.readouterr().out


@pytest.mark.parametrize(("language", "said"), [("fr", "au nom de Zoé"), ("en", "with the name Zoé")])
def test_a_link_is_mailed_in_ones_own_language(language: str, said: str) -> None:
    config = town.config()
    writer = Writer(config)
    message = Message(
        site="ecole",
        link="welcome/" + "a" * 64,
        label="Zoé",
        until=town.NOW,
        contact=Contact(name="Zoé", mail="zoe@example.org", language=language),
    )
    letter = writer.write("account-invite", message)
    assert said in letter.lines[0] and "22:53" in letter.lines[1] and letter.facts == []
    assert letter.code == "" and len(letter.foot) == 1
    assert writer.write("account-reset", message).subject != letter.subject


def test_an_old_back_up_is_an_alert_until_there_is_a_young_one() -> None:
    world = ManualWorld(now=town.NOW)
    book = AlertBook(world.new_id)
    upkeep = UpkeepAlerts(book)
    upkeep.tick(town.NOW)
    assert book.take() == [], "who wants no reminder gets none"
    upkeep.backup(None, 24 * HOUR)
    upkeep.tick(town.NOW)
    (opened,) = book.take()
    assert isinstance(opened, AlertOpened) and opened.alert.kind is AlertKind.BACKUP_OLD
    assert opened.alert.facts == {"last": None}
    upkeep.backup(town.NOW, 24 * HOUR)
    upkeep.tick(town.NOW + 24 * HOUR - 1)
    (over,) = book.take()
    assert isinstance(over, AlertResolved)
    upkeep.tick(town.NOW + 24 * HOUR)
    assert isinstance(book.take()[0], AlertOpened)
