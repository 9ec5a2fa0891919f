"""Too loud: signals are lit, told again, dark when quiet; who booked is told, once an hour at most."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import insert, select

from pleintemps_contract.agent_messages import (
    Column,
    CommandResult,
    SamplesBatch,
    SeriesInfo,
    SignalCause,
    SignalChanged,
    SignalInfo,
)
from pleintemps_contract.errors import ConfigError
from pleintemps_contract.gateway_messages import Command
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_gateway.config import DeliveryConfig, load
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.ingest.commands import ANSWER_MS
from pleintemps_gateway.ingest.signals import FAILURES, RENEW_MS, REPEAT_MS
from pleintemps_gateway.ingest.warned import AGAIN_MS, tell_people
from pleintemps_gateway.noise.records import WarningWanted
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import alerts, bookings, contacts, deliveries, refusals
from pleintemps_gateway.store.schema_rooms import signals

from .house import HOUR, NOW, TOML, House, build
from .player import BOOT, birth
from .test_ingest_site import Site

SIGNAL = """
[[sites.signals]]
signal = "hall-light"
agent = "entrance"
space = "hall"
"""
METER = SeriesInfo(
    series="meter",
    device="meter",
    space="hall",
    quantity=Quantity.LAEQ,
    kind=SeriesKind.LEVEL,
    max_silence_s=90,
)
BOOKING = "7" * 32
ON, OFF = DoorAction.SIGNAL_ON, DoorAction.SIGNAL_OFF


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    made = build(tmp_path, store_url, extra=SIGNAL + '[delivery]\nkind = "spool"\n')
    with write_transaction(made.engine, ["ecole"]) as conn:
        conn.execute(
            insert(bookings).values(
                site="ecole",
                booking=BOOKING,
                source="rest",
                uid="fete",
                space="hall",
                title="Fête",
                start=NOW - HOUR,
                end=NOW + 6 * HOUR,
                status="confirmed",
                updated=NOW,
            )
        )
        record_change(conn, "ecole", "bookings", BOOKING, NOW)
    yield made
    made.engine.dispose()


@pytest.fixture
def site(house: House) -> Site:
    made = Site(house, house.desk.outbox)
    made.hear(Channel.BIRTH, birth(series=[METER], signals=[SignalInfo(signal="hall-light", on=False)]))
    return made


class Sound:
    """A meter that is heard every minute."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._seq = 0

    def last(self, minutes: int, level_db: float) -> None:
        for _ in range(minutes):
            self._seq += 1
            column = Column(dt=list(range(0, 60_000, 1_000)), value=[level_db] * 60)
            base = self._site.house.world.now()
            self._site.wait(60_000)
            self._site.hear(
                Channel.SAMPLES,
                SamplesBatch(
                    journal="5" * 32,
                    first=1,
                    seq=self._seq,
                    boot=BOOT,
                    base=base,
                    trusted=True,
                    series={"meter": column},
                ),
            )


def orders(site: Site) -> list[Command]:
    return [command for command in site.heard(Command) if command.door == "hall-light"]


def obey(site: Site, seq: int, *, on: bool) -> None:
    """The agent answers the last command and tells that its light has changed."""
    command = orders(site)[-1]
    site.hear(Channel.RESPONSE, CommandResult(id=command.id))
    site.events(
        seq,
        SignalChanged(
            signal="hall-light", space="hall", on=on, cause=SignalCause.COMMAND, reference=command.id
        ),
    )


def row(site: Site) -> dict[str, Any]:
    (found,) = site.rows(signals)
    return found


def faults(site: Site) -> list[dict[str, Any]]:
    found = [each for each in site.rows(alerts) if each["kind"] == "device-fault"]
    return [json.loads(each["facts"]) for each in found if each["state"] != "resolved"]


def test_loud_lights_it_and_writes_once_an_hour_and_quiet_makes_it_dark(site: Site) -> None:
    sound = Sound(site)
    sound.last(3, 40)
    assert orders(site) == []
    sound.last(9, 72)
    assert orders(site)[-1].action is ON
    (told,) = site.rows(deliveries)
    assert (told["template"], told["booking"], told["channel"]) == ("noise", BOOKING, "spool")
    obey(site, 1, on=True)
    assert (row(site)["wanted"], row(site)["on"]) == (True, True)
    sound.last(16, 40)
    assert orders(site)[-1].action is OFF
    obey(site, 2, on=False)
    count = len(orders(site))
    sound.last(10, 72)  # loud again within the hour
    assert orders(site)[count:][0].action is ON
    assert len(site.rows(deliveries)) == 1
    obey(site, 3, on=True)
    sound.last(16, 40)
    obey(site, 4, on=False)
    sound.last(AGAIN_MS // 60_000, 40)
    assert faults(site) == []
    sound.last(10, 72)
    assert len(site.rows(deliveries)) == 2
    assert site.rows(refusals) == []


def test_it_is_told_again_while_it_is_wanted(site: Site) -> None:
    Sound(site).last(9, 72)
    obey(site, 1, on=True)
    count = len(orders(site))
    site.wait(RENEW_MS - 1_000)
    assert len(orders(site)) == count
    site.wait(2_000)
    assert [command.action for command in orders(site)[count:]] == [ON]


def test_what_is_not_done_is_said_again_and_told_in_the_end(site: Site) -> None:
    Sound(site).last(8, 72)
    first = len(orders(site))
    for _ in range(FAILURES):
        assert faults(site) == []
        site.wait(ANSWER_MS)
        site.wait(REPEAT_MS - ANSWER_MS)
    site.wait(1_000)
    assert len(orders(site)) >= first + FAILURES - 1
    assert faults(site) == [{"device": "hall-light", "detail": "no-answer"}]
    # the agent is back, begun anew: it is told at once, and its answer ends the alert
    count = len(orders(site))
    now = site.house.world.now()
    anew = birth(boot="d" * 32, at=now, series=[METER], signals=[SignalInfo(signal="hall-light", on=False)])
    site.hear(Channel.BIRTH, anew)
    site.wait(1_000)
    (command,) = orders(site)[count:]
    assert (command.action, command.boot) == (ON, "d" * 32)
    obey(site, 1, on=True)
    site.wait(1_000)
    assert faults(site) == []
    assert row(site)["on"]


def test_a_gateway_that_starts_anew_goes_on(site: Site) -> None:
    Sound(site).last(9, 72)
    obey(site, 1, on=True)
    again = Site(site.house, site.house.desk.outbox)
    again.wait(1_000)
    assert orders(again)[-1].action is ON
    assert (row(again)["wanted"], row(again)["on"]) == (True, True)


def test_a_light_that_nobody_wants_is_told_to_be_dark(site: Site) -> None:
    site.hear(
        Channel.BIRTH,
        birth(at=NOW + 1, series=[METER], signals=[SignalInfo(signal="hall-light", on=True)]),
    )
    site.wait(1_000)
    assert orders(site)[-1].action is OFF


def test_a_signal_that_is_another_agents_changes_nothing(site: Site) -> None:
    site.events(1, SignalChanged(signal="attic-light", space="hall", on=True, cause=SignalCause.COMMAND))
    site.hear(Channel.BIRTH, birth(at=NOW + 1, signals=[SignalInfo(signal="attic-light", on=True)]))
    assert {each["reason"] for each in site.rows(refusals)} == {
        "a signal that is not this agent's in the configuration"
    }
    assert [each["signal"] for each in site.rows(signals)] == ["hall-light"]


def test_only_who_left_a_contact_is_written_to(house: House) -> None:
    config = DeliveryConfig(kind="apprise", urls_file="addresses", channels=("mail", "sms"))
    outbox = Outbox(config, bytes(32), house.world)
    warning = WarningWanted(space="hall", since=NOW, level_db=72.4, limit_db=65, booking=BOOKING)

    def told(about: WarningWanted = warning) -> bool:
        with write_transaction(house.engine, ["ecole"]) as conn:
            return tell_people(conn, outbox, house.site, about, house.world.now())

    assert not told()
    with write_transaction(house.engine, ["ecole"]) as conn:
        contact = {"name": "Anne", "mail": "anne@example.org", "phone": "+33600000000", "language": "fr"}
        conn.execute(insert(contacts).values(site="ecole", booking=BOOKING, **contact))
    assert not told(replace(warning, booking=None))
    assert told()
    assert not told()
    house.world.move(AGAIN_MS)
    assert told()
    with house.engine.connect() as conn:
        assert sorted(conn.scalars(select(deliveries.c.channel))) == ["mail", "mail", "sms", "sms"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('space = "hall"', 'space = "attic"', "no space is called 'attic'"),
        ('agent = "entrance"', 'agent = "gateway"', "reserved"),
        ('signal = "hall-light"', 'signal = "hall"', "two door, panel or signals are called 'hall'"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(TOML.format(url="", port=1, extra=SIGNAL.replace(old, new)), encoding="utf-8")
    with pytest.raises(ConfigError, match=said) as raised:
        load(file)
    assert "\n" not in str(raised.value)
