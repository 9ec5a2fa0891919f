"""An evening that nobody comes to: warned once, given back, taken back; and what keeps a booking safe."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import Table, select, update

from pleintemps_contract.agent_messages import (
    AccessGranted,
    Availability,
    Column,
    DeviceHealth,
    DeviceInfo,
    DoorInfo,
    EventRecord,
    EventsBatch,
    Health,
    Presence,
    SamplesBatch,
    SeriesInfo,
)
from pleintemps_contract.onvif import DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_contract.wire import AgentMessage, encode
from pleintemps_gateway.access.service import free_ended
from pleintemps_gateway.bookings import releasing
from pleintemps_gateway.bookings.following import follow_feed
from pleintemps_gateway.bookings.service import Occurrence, create
from pleintemps_gateway.delivery.letters import Writer
from pleintemps_gateway.delivery.messages import Contact, Message
from pleintemps_gateway.errors import BookingError
from pleintemps_gateway.ingest.memory import GatewayMemory, take_over
from pleintemps_gateway.ingest.releases import Releaser
from pleintemps_gateway.ingest.site import SiteMemory
from pleintemps_gateway.keys import load_gateway_keys, load_peppers
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import (
    alerts,
    audit,
    bookings,
    credentials,
    deliveries,
    grants,
    usage,
)

from .house import HOUR, NOW, House, build
from .player import BOOT, JOURNAL, birth

MINUTE = 60_000
START, END = NOW + 20 * MINUTE, NOW + 2 * HOUR
RULE = '[sites.rules.release]\nexempt_groups = ["council"]\n'
SPOOL = '[delivery]\nkind = "spool"\n'
RADAR = SeriesInfo(
    series="radar",
    device="radar",
    space="hall",
    quantity=Quantity.RADAR,
    kind=SeriesKind.STATE,
    max_silence_s=45,
)
DOORS = [
    DoorInfo(
        door=door,
        mode=DoorMode.LOCKED,
        physical=DoorPhysicalState.CLOSED,
        lock=LockPhysicalState.LOCKED,
        alarm=DoorAlarm.NORMAL,
    )
    for door in ("gate", "hall")
]
WELL = DeviceInfo(device="radar", driver="ld2410", health=Health.OK)


class Evening:
    """One site with its agent's radar; every message is carried out at once."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.world = house.world
        self.radar: float | None = 0.0
        self.alive = True
        self.seq = 0
        self.begin()

    def begin(self) -> None:
        """A gateway process that starts now."""
        keys = load_gateway_keys(Path(self.house.config.keys))
        self.memory = SiteMemory(
            self.house.site,
            self.world,
            keys.signing,
            self.house.desk.vault,
            load_peppers(Path(self.house.config.keys), "ecole"),
            take_over(self.house.engine, "ecole", self.world),
        )
        self.all = GatewayMemory([self.memory], lambda *_: None)
        self.releaser = Releaser(self.memory, self.house.desk)
        with self.house.engine.connect() as conn:
            self.all.reload(conn)
        self.hear(Channel.BIRTH, birth(at=self.world.now(), series=[RADAR], doors=DOORS, devices=[WELL]))

    def hear(self, channel: Channel, message: AgentMessage) -> None:
        topic = str(Topic.of_agent("ecole", "entrance", channel))
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            self.all.take(topic, encode(message), False)(conn)
            self.all.flush(conn)
        self.all.committed()

    def event(self, seq: int, event: Any) -> None:
        record = EventRecord(seq=seq, at=self.world.now(), trusted=True, monotonic=0, boot=BOOT, event=event)
        self.hear(Channel.EVENTS, EventsBatch(journal=JOURNAL, first=seq, records=[record]))

    def run(self, milliseconds: int) -> None:
        """Half a minute after half a minute; the sensor speaks at each, what is queued is sent at once."""
        end = self.world.now() + milliseconds
        while self.world.now() < end:
            self.world.move(30_000)
            now = self.world.now()
            if self.alive and self.radar is not None:
                self.seq += 1
                column = Column(dt=[0], value=[self.radar])
                self.hear(
                    Channel.SAMPLES,
                    SamplesBatch(
                        journal="5" * 32,
                        first=1,
                        seq=self.seq,
                        boot=BOOT,
                        base=now,
                        trusted=True,
                        series={"radar": column},
                    ),
                )
            elif self.alive:
                self.hear(Channel.AVAILABILITY, Availability(state=Presence.ONLINE, boot=BOOT))
            with write_transaction(self.house.engine, ["ecole"]) as conn:
                self.memory.follow(conn)
                if self.releaser.is_due():
                    self.releaser.look(conn)
                self.all.flush(conn)
                waiting = deliveries.c.state == "queued"
                conn.execute(update(deliveries).where(waiting).values(state="sent", done=now))
            self.all.committed()

    def to(self, moment: int) -> None:
        self.run(moment - self.world.now())

    def book(self, **changes: Any) -> str:
        values: dict[str, Any] = {"space": "hall", "start": START, "end": END, "title": "Yoga"}
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            made = create(conn, self.house.site, self.house.desk, **(values | changes))
        return made.booking

    def set(self, booking: str, **values: Any) -> None:
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            conn.execute(update(bookings).where(bookings.c.booking == booking).values(**values))
            record_change(conn, "ecole", "bookings", booking, self.world.now())

    def keep(self, booking: str) -> None:
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            releasing.keep(conn, self.house.site, self.house.desk, booking, releasing.PEOPLE)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        with self.house.engine.connect() as conn:
            return [dict(row._mapping) for row in conn.execute(select(table))]

    def row(self, booking: str) -> dict[str, Any]:
        return next(row for row in self.rows(bookings) if row["booking"] == booking)

    def said(self) -> list[str]:
        """What was queued about a release, in order."""
        found = sorted(self.rows(deliveries), key=lambda row: row["created"])
        return [row["template"] for row in found if row["template"].startswith("release")]

    def audited(self) -> list[str]:
        words = ("warned", "released", "kept", "restored", "unwarned")
        return [
            row["action"].removeprefix("booking.")
            for row in sorted(self.rows(audit), key=lambda row: row["seq"])
            if row["action"].endswith(words)
        ]


def evening_of(folder: Path, url: str, extra: str) -> Evening:
    return Evening(build(folder, url, extra=extra))


@pytest.fixture
def evening(tmp_path: Path, sqlite_url: str) -> Iterator[Evening]:
    made = evening_of(tmp_path, sqlite_url, RULE + SPOOL)
    yield made
    made.house.engine.dispose()


def test_an_evening_that_nobody_comes_to(tmp_path: Path, store_url: str) -> None:
    evening = evening_of(tmp_path, store_url, RULE + SPOOL)
    booking = evening.book(group="choir")
    evening.to(START + 14 * MINUTE)
    assert evening.said() == []
    evening.to(START + 16 * MINUTE)
    assert evening.said() == ["release-warning"]
    assert evening.row(booking)["warned"] is not None
    assert "no-show" in {row["kind"] for row in evening.rows(alerts) if row["state"] == "open"}
    evening.to(START + 29 * MINUTE)
    assert evening.row(booking)["end"] == END
    evening.to(START + 32 * MINUTE)
    row = evening.row(booking)
    assert row["planned_end"] == END and row["end"] == row["released"]
    assert START + 30 * MINUTE <= row["end"] <= START + 32 * MINUTE
    assert evening.said() == ["release-warning", "released"]
    assert evening.audited() == ["release-warned", "released"]
    # the code ends with the booking, after its tail; leaving needs none
    assert {grant["end"] for grant in evening.rows(grants)} == {row["end"] + 15 * MINUTE}
    (measured,) = evening.rows(usage)
    assert (measured["state"], measured["closed_at"] is not None) == ("no-show", True)
    with evening.house.engine.connect() as conn:
        assert releasing.strikes(conn, "ecole", evening.world.now()) == [("choir", 1)]
        assert releasing.strikes(conn, "ecole", evening.world.now() + releasing.STRIKES_MS) == []
    evening.run(20 * MINUTE)
    assert evening.said() == ["release-warning", "released"]
    evening.house.engine.dispose()


def test_a_release_is_taken_back_until_the_planned_end(evening: Evening) -> None:
    booking = evening.book(group="choir")
    evening.to(START + 40 * MINUTE)
    assert evening.row(booking)["released"] is not None
    with write_transaction(evening.house.engine, ["ecole"]) as conn:
        assert free_ended(conn, evening.house.site, evening.world.now()) == 0  # their digits stay theirs
    evening.keep(booking)
    row = evening.row(booking)
    assert (row["end"], row["planned_end"], row["released"]) == (END, None, None)
    assert {grant["end"] for grant in evening.rows(grants)} == {END + 15 * MINUTE}
    assert len([row for row in evening.rows(credentials) if row["rests_until"] is None]) == 1
    evening.radar = 3.0
    evening.run(2 * MINUTE)
    (measured,) = evening.rows(usage)
    assert measured["state"] in ("arrived", "in-use") and measured["closed_at"] is None
    evening.radar = 0.0
    evening.run(20 * MINUTE)
    assert evening.audited() == ["release-warned", "released", "restored"]
    with evening.house.engine.connect() as conn:
        assert releasing.strikes(conn, "ecole", evening.world.now()) == []
    evening.world.move(END - evening.world.now())
    with pytest.raises(BookingError, match="over"):
        evening.keep(booking)


def test_a_release_stands_when_somebody_else_has_the_time(evening: Evening) -> None:
    booking = evening.book()
    evening.to(START + 40 * MINUTE)
    evening.book(start=evening.world.now() + MINUTE, end=END, title="Theatre")
    with pytest.raises(BookingError, match="somebody else") as refused:
        evening.keep(booking)
    assert refused.value.reason == "taken"
    assert evening.row(booking)["released"] is not None


def test_who_says_that_they_are_coming_keeps_the_space(evening: Evening) -> None:
    booking = evening.book()
    evening.to(START + 16 * MINUTE)
    evening.keep(booking)
    evening.keep(booking)
    evening.to(START + 50 * MINUTE)
    assert evening.row(booking)["end"] == END
    assert evening.audited() == ["release-warned", "kept"]


def test_a_restart_in_the_middle_warns_nobody_twice(evening: Evening) -> None:
    booking = evening.book()
    evening.to(START + 20 * MINUTE)
    evening.begin()
    evening.run(MINUTE)
    assert evening.row(booking)["released"] is None
    evening.to(START + 35 * MINUTE)
    assert evening.row(booking)["released"] is not None
    assert evening.said() == ["release-warning", "released"]
    evening.begin()
    evening.run(5 * MINUTE)
    assert evening.said() == ["release-warning", "released"]


def test_a_sensor_that_dies_just_before_the_release_keeps_the_space(evening: Evening) -> None:
    booking = evening.book()
    evening.to(START + 29 * MINUTE)
    evening.radar = None
    evening.to(START + 50 * MINUTE)
    assert evening.row(booking)["released"] is None
    assert evening.said() == ["release-warning"]


def test_a_sensor_that_is_ill_keeps_the_space_until_it_has_been_well_for_long(evening: Evening) -> None:
    booking = evening.book()
    evening.to(START + 10 * MINUTE)
    evening.event(1, DeviceHealth(device="radar", health=Health.ERROR, detail="noise"))
    evening.to(START + 40 * MINUTE)
    assert evening.said() == []
    evening.event(2, DeviceHealth(device="radar", health=Health.OK))
    evening.run(14 * MINUTE)
    assert evening.said() == []
    assert evening.row(booking)["warned"] is None


def test_a_silent_agent_keeps_the_space(evening: Evening) -> None:
    booking = evening.book()
    evening.to(START + 28 * MINUTE)
    evening.alive = False
    evening.run(20 * MINUTE)
    assert evening.row(booking)["released"] is None
    # it is back, and only now tells that the door was opened meanwhile
    evening.alive = True
    evening.run(MINUTE)
    (code,) = [row["grant"] for row in evening.rows(credentials)]
    evening.event(1, AccessGranted(door="hall", grant=code))
    evening.to(START + 50 * MINUTE)
    assert evening.row(booking)["released"] is None


def test_a_code_that_opened_a_door_keeps_the_space(evening: Evening) -> None:
    booking = evening.book()
    (code,) = [row["grant"] for row in evening.rows(credentials)]
    evening.to(START - 5 * MINUTE)
    evening.event(1, AccessGranted(door="gate", grant=code))
    evening.begin()  # it stands in the store
    evening.to(START + 50 * MINUTE)
    assert evening.said() == []
    assert evening.row(booking)["released"] is None


@pytest.mark.parametrize("step", [20 * MINUTE, -20 * MINUTE])
def test_a_clock_that_leaps_makes_nobody_late(evening: Evening, step: int) -> None:
    booking = evening.book()
    evening.to(START + 10 * MINUTE)
    evening.world.step_wall(step)
    evening.run(12 * MINUTE)
    assert evening.said() == []
    assert evening.row(booking)["warned"] is None


def test_people_who_arrive_late_keep_their_space(evening: Evening) -> None:
    booking = evening.book()
    evening.to(START + 25 * MINUTE)
    evening.radar = 1.0
    evening.run(10 * MINUTE)
    evening.radar = 0.0
    evening.to(START + 50 * MINUTE)
    assert evening.row(booking)["released"] is None
    assert evening.said() == ["release-warning"]


@pytest.mark.parametrize(
    ("template", "reason", "said"),
    [
        ("release-warning", "", "Nobody has been noticed there"),
        ("released", "no-show", "Nobody came"),
        ("released", "left", "You said that you have left"),
    ],
)
def test_a_message_says_what_happened_and_what_its_link_does(
    evening: Evening, template: str, reason: str, said: str
) -> None:
    config = evening.house.config
    config = replace(config, web=replace(config.web, public_url="https://rooms.example"))
    link = releasing.keep_link(evening.house.site, evening.house.desk, "1" * 32)
    message = Message(
        site="ecole",
        space="hall",
        start=START,
        end=END,
        reason=reason,
        link=link,
        contact=Contact(language="en"),
    )
    letter = Writer(config).write(template, message)
    assert said in " ".join(letter.lines)
    assert letter.link == f"https://rooms.example/b/{link}" and letter.link in letter.sms
    assert letter.link_label == "Say that you want the room"
    assert not any("open the doors" in line for line in letter.foot)


def test_people_who_say_that_they_have_left_give_back_the_rest(evening: Evening) -> None:
    booking = evening.book()
    evening.to(START)
    evening.radar = 1.0
    evening.to(START + 30 * MINUTE)
    evening.set(booking, left=evening.world.now())
    evening.run(MINUTE)
    assert evening.row(booking)["released"] is None  # somebody is there
    evening.radar = 0.0
    evening.run(3 * MINUTE)
    assert evening.row(booking)["released"] is None  # they may take it back for five minutes
    evening.run(3 * MINUTE)
    row = evening.row(booking)
    assert row["planned_end"] == END and row["released"] is not None
    assert evening.said() == ["released"]
    (told,) = [row for row in evening.rows(audit) if row["action"] == "booking.released"]
    assert msgspec.json.decode(told["fields"])["why"] == "left"
    evening.run(10 * MINUTE)
    with evening.house.engine.connect() as conn:
        assert releasing.strikes(conn, "ecole", evening.world.now()) == []


def test_nobody_to_tell_means_no_release(tmp_path: Path, sqlite_url: str) -> None:
    evening = evening_of(tmp_path, sqlite_url, RULE)
    booking = evening.book()
    evening.to(START + 50 * MINUTE)
    assert evening.row(booking)["released"] is None
    assert evening.audited() == ["release-unwarned"]
    assert "no-show" in {row["kind"] for row in evening.rows(alerts) if row["state"] == "open"}
    evening.house.engine.dispose()


def test_nothing_is_released_without_the_rule(tmp_path: Path, sqlite_url: str) -> None:
    evening = evening_of(tmp_path, sqlite_url, SPOOL)
    booking = evening.book()
    evening.to(START + 50 * MINUTE)
    assert evening.row(booking)["released"] is None
    assert evening.audited() == []
    evening.house.engine.dispose()


def test_a_calendar_does_not_undo_a_release_and_a_move_in_it_does(evening: Evening) -> None:
    def follow(start: int, end: int) -> None:
        told = [Occurrence("yoga", "hall", "Yoga", start, end)]
        with write_transaction(evening.house.engine, ["ecole"]) as conn:
            follow_feed(conn, evening.house.site, evening.house.desk, "town", told, evening.world.now())

    follow(START, END)
    (booking,) = [row["booking"] for row in evening.rows(bookings)]
    evening.to(START + 40 * MINUTE)
    released = evening.row(booking)
    assert released["released"] is not None
    follow(START, END)
    assert evening.row(booking) == released
    follow(START, END + HOUR)
    row = evening.row(booking)
    assert (row["end"], row["planned_end"], row["released"]) == (END + HOUR, None, None)
