"""One site in memory, without a broker: what is written and said for each message, on both stores."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert, select
from sqlalchemy.exc import DataError

from pleintemps_contract.agent_messages import (
    AccessGranted,
    Availability,
    Column,
    CommandResult,
    DeviceHealth,
    DeviceInfo,
    DoorInfo,
    DoorPhysicalChanged,
    EventRecord,
    EventsBatch,
    Health,
    Presence,
    SamplesBatch,
    SeriesInfo,
)
from pleintemps_contract.gateway_messages import Command, RoomState
from pleintemps_contract.onvif import DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_contract.wire import AgentMessage, encode, open_gateway
from pleintemps_gateway.bookings.following import Following
from pleintemps_gateway.bookings.sources.ical import IcalConfig
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.ingest.feeds import EMPTY_POLLS, FeedFollower
from pleintemps_gateway.ingest.memory import GatewayMemory, take_over
from pleintemps_gateway.ingest.site import SiteMemory
from pleintemps_gateway.keys import load_gateway_keys, load_peppers
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import (
    agents,
    alerts,
    bookings,
    commands,
    devices,
    doors,
    events,
    feeds,
    minutes,
    refusals,
    series,
    spaces,
)
from pleintemps_gateway.store.writer import Writer

from .house import HOUR, NOW, House, build
from .player import BOOT, JOURNAL, birth

PIR = SeriesInfo(
    series="pir",
    device="pir",
    space="hall",
    quantity=Quantity.MOTION,
    kind=SeriesKind.STATE,
    max_silence_s=90,
)
DOOR = DoorInfo(
    door="hall",
    mode=DoorMode.LOCKED,
    physical=DoorPhysicalState.CLOSED,
    lock=LockPhysicalState.LOCKED,
    alarm=DoorAlarm.NORMAL,
)


class Site:
    """A site's memory with its store, driven message by message."""

    def __init__(self, house: House, outbox: Outbox | None = None) -> None:
        self.house = house
        keys = load_gateway_keys(Path(house.config.keys))
        self.memory = SiteMemory(
            house.site,
            house.world,
            keys.signing,
            house.desk.vault,
            load_peppers(Path(house.config.keys), "ecole"),
            take_over(house.engine, "ecole", house.world),
            outbox=outbox,
        )
        self.said: list[tuple[str, bytes, bool]] = []
        self.all = GatewayMemory([self.memory], lambda *message: self.said.append(message))
        with house.engine.connect() as conn:
            self.all.reload(conn)

    def hear(self, channel: Channel, message: AgentMessage, *, retained: bool = False) -> None:
        topic = str(Topic.of_agent("ecole", "entrance", channel))
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            self.all.take(topic, encode(message), retained)(conn)
            self.all.flush(conn)
        self.all.committed()

    def wait(self, milliseconds: int) -> None:
        self.house.world.move(milliseconds)
        with write_transaction(self.house.engine, ["ecole"]) as conn:
            self.memory.follow(conn)
            self.all.flush(conn)
        self.all.committed()

    def events(self, start: int, *events: Any) -> None:
        records = [
            EventRecord(
                seq=start + n, at=self.house.world.now(), trusted=True, monotonic=n, boot=BOOT, event=event
            )
            for n, event in enumerate(events)
        ]
        self.hear(Channel.EVENTS, EventsBatch(journal=JOURNAL, first=1, records=records))

    def samples(self, seq: int, base: int, *values: tuple[int, float]) -> None:
        column = Column(dt=[dt for dt, _ in values], value=[value for _, value in values])
        message = SamplesBatch(
            journal="5" * 32, first=1, seq=seq, boot=BOOT, base=base, trusted=True, series={"pir": column}
        )
        self.hear(Channel.SAMPLES, message)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        with self.house.engine.connect() as conn:
            return [dict(row._mapping) for row in conn.execute(select(table))]

    def heard(self, kind: type[Any]) -> list[Any]:
        trusted = self.house.agent_keys("entrance").trusted
        opened = [open_gateway(Topic.parse(topic), data, trusted) for topic, data, _ in self.said if data]
        return [message for message in opened if isinstance(message, kind)]


@pytest.fixture
def site(tmp_path: Path, store_url: str) -> Iterator[Site]:
    house = build(tmp_path, store_url)
    yield Site(house)
    house.engine.dispose()


def test_presence_follows_the_boot(site: Site) -> None:
    def presence() -> str:
        return str(next(row["presence"] for row in site.rows(agents) if row["agent"] == "entrance"))

    site.hear(Channel.BIRTH, birth(), retained=True)  # from before we came: perhaps it is dead
    assert presence() == "offline"
    site.hear(Channel.AVAILABILITY, Availability(state=Presence.ONLINE, boot=BOOT), retained=True)
    assert presence() == "online"
    site.hear(Channel.AVAILABILITY, Availability(state=Presence.OFFLINE, boot="0" * 32))
    assert presence() == "online"
    site.hear(Channel.AVAILABILITY, Availability(state=Presence.OFFLINE, boot=BOOT))
    assert presence() == "offline"
    # a new life is told before its retained birth
    site.hear(Channel.AVAILABILITY, Availability(state=Presence.ONLINE, boot="1" * 32), retained=True)
    site.hear(Channel.BIRTH, birth(boot="1" * 32), retained=True)
    assert presence() == "online"


def test_motion_becomes_a_state_and_minutes(site: Site) -> None:
    site.hear(Channel.BIRTH, birth(series=[PIR]))
    for seq in range(1, 11):
        site.samples(seq, NOW + (seq - 1) * 30_000, (0, 1.0), (10_000, 0.0), (20_000, 1.0))
        site.wait(30_000)
    (state,) = [row for row in site.rows(spaces) if row["space"] == "hall"]
    assert state["state"] == "occupied"
    rolled = [row for row in site.rows(minutes) if row["series"] == "pir"]
    assert sum(row["count"] for row in rolled) == 30
    assert sum(row["total"] for row in rolled) == 10 * 10_000 + 9 * 10_000
    (row,) = site.rows(series)
    assert (row["last_at"], row["last_value"]) == (NOW + 9 * 30_000 + 20_000, 1.0)
    room = [message for message in site.heard(RoomState) if message.space == "hall"][-1]
    assert room.state == "occupied"
    # a gateway that starts now believes the same
    again = Site(site.house)
    again.wait(1_000)
    (after,) = [row for row in again.rows(spaces) if row["space"] == "hall"]
    assert (after["state"], after["since"]) == (state["state"], state["since"])


def test_doors_and_devices_follow_their_events(site: Site) -> None:
    meter = DeviceInfo(device="pir", driver="pir", health=Health.OK)
    site.hear(Channel.BIRTH, birth(doors=[DOOR], devices=[meter], series=[PIR]))
    site.house.world.move(1_000)
    opened = DoorPhysicalChanged(door="hall", state=DoorPhysicalState.OPEN)
    foreign = DoorPhysicalChanged(door="class", state=DoorPhysicalState.OPEN)
    site.events(1, opened, foreign, DeviceHealth(device="pir", health=Health.ERROR, detail="gone"))
    (door,) = site.rows(doors)
    assert (door["physical"], door["since"]) == ("Open", NOW + 1_000)
    assert site.rows(devices)[0]["detail"] == "gone"
    assert "not this agent's" in site.rows(refusals)[0]["reason"]
    site.wait(1_000)
    assert {row["kind"] for row in site.rows(alerts)} >= {"device-fault"}
    # a record that comes late does not turn the door back
    site.house.world.step_wall(-60_000)
    site.events(4, DoorPhysicalChanged(door="hall", state=DoorPhysicalState.CLOSED))
    assert site.rows(doors)[0]["physical"] == "Open"
    site.hear(Channel.BIRTH, birth(doors=[DOOR], at=NOW + 5_000))
    assert site.rows(devices) == []
    assert site.rows(doors)[0]["physical"] == "Closed"


def test_a_birth_told_again_does_not_undo_what_came_since(site: Site) -> None:
    told = birth(
        at=NOW,
        doors=[DOOR],
        series=[PIR],
        devices=[DeviceInfo(device="pir", driver="pir", health=Health.SILENT)],
    )
    site.hear(Channel.BIRTH, told)
    site.wait(1_000)
    site.events(
        1,
        DeviceHealth(device="pir", health=Health.OK),
        DoorPhysicalChanged(door="hall", state=DoorPhysicalState.OPEN),
    )
    with site.house.engine.connect() as conn:
        site.all.reload(conn)  # as a gateway that starts anew
    site.hear(Channel.BIRTH, told, retained=True)
    assert site.rows(devices)[0]["health"] == "ok"
    assert site.rows(doors)[0]["physical"] == "Open"
    site.wait(60_000)
    assert not [row for row in site.rows(alerts) if row["kind"] == "device-fault"]


def test_an_event_with_an_unknown_grant_is_stored(site: Site) -> None:
    site.events(1, AccessGranted(door="hall", grant="f" * 32))
    assert [(row["type"], row["door"]) for row in site.rows(events)] == [("access-granted", "hall")]
    assert site.rows(refusals) == []


@pytest.mark.parametrize(
    ("changes", "born", "outcome", "refusal"),
    [
        ({}, False, "refused", "agent-never-seen"),
        ({"expires": NOW - 1}, True, "refused", "expired"),
        ({"action": "Explode"}, True, "refused", "unknown-action"),
    ],
)
def test_a_command_that_cannot_go_out_is_refused(
    site: Site, changes: dict[str, Any], born: bool, outcome: str, refusal: str
) -> None:
    if born:
        site.hear(Channel.BIRTH, birth())
    ask(site, "1" * 32, **changes)
    site.wait(0)
    (row,) = site.rows(commands)
    assert (row["outcome"], row["refusal"]) == (outcome, refusal)
    assert site.heard(Command) == []


def ask(site: Site, name: str, **changes: Any) -> None:
    row = {
        "site": "ecole",
        "command": name,
        "agent": "entrance",
        "door": "hall",
        "action": "AccessDoor",
        "user": "anne",
        "requested": NOW,
        "expires": NOW + 60_000,
        "outcome": "requested",
    }
    with write_transaction(site.house.engine, ["ecole"]) as conn:
        conn.execute(insert(commands).values(row | changes))
        record_change(conn, "ecole", "commands", name, NOW)


def test_a_command_without_an_answer_is_closed_and_a_late_one_still_counts(site: Site) -> None:
    site.hear(Channel.BIRTH, birth())
    ask(site, "1" * 32)
    site.wait(0)
    ask(site, "2" * 32)
    site.wait(0)
    assert [command.counter for command in site.heard(Command)] == [1, 2]
    site.wait(9_999)
    assert [row["outcome"] for row in site.rows(commands)] == ["sent", "sent"]
    site.wait(1)
    assert [row["outcome"] for row in site.rows(commands)] == ["no-answer", "no-answer"]
    site.hear(Channel.RESPONSE, CommandResult(id="1" * 32))
    assert sorted(row["outcome"] for row in site.rows(commands)) == ["done", "no-answer"]
    # the counter goes on after a restart
    again = Site(site.house)
    ask(again, "3" * 32)
    again.wait(0)
    assert [command.counter for command in again.heard(Command)] == [3]


def test_an_acknowledged_alert_stays_so(site: Site) -> None:
    site.memory.refuse("entrance/events", "nonsense", 5)
    site.wait(1_000)
    (alert,) = site.rows(alerts)
    assert (alert["kind"], alert["state"]) == ("bad-messages", "open")
    with write_transaction(site.house.engine, ["ecole"]) as conn:
        mine = alerts.c.alert == alert["alert"]
        values = {"state": "acknowledged", "acknowledged": NOW, "acknowledged_by": "anne"}
        conn.execute(alerts.update().where(mine).values(**values))
        record_change(conn, "ecole", "alerts", alert["alert"], NOW)
    site.wait(1_000)
    site.memory.refuse("entrance/events", "nonsense", 5)
    site.wait(1_000)
    assert [row["state"] for row in site.rows(alerts)] == ["acknowledged"]


def test_a_feed_is_followed_and_its_illness_shown(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "town.ics"
    head, end = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", "END:VCALENDAR\r\n"
    times = "DTSTART:20261123T180000\r\nDTEND:20261123T200000\r\n"
    event = f"BEGIN:VEVENT\r\nUID:a\r\nSUMMARY:Yoga\r\n{times}END:VEVENT\r\n"
    broken = "BEGIN:VEVENT\r\nUID:b\r\nEND:VEVENT\r\n"
    writer = Writer(site.house.engine, ["ecole"], memory=site.all)
    config = IcalConfig(feed="town", url=str(file), space="hall")
    follower = FeedFollower(config, site.memory, writer, site.house.desk)

    def poll(text: str | None) -> dict[str, Any]:
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        asyncio.run(follower.poll())
        (row,) = site.rows(feeds)
        return row

    def states() -> list[str]:
        return [row["status"] for row in site.rows(bookings)]

    row = poll(head + event + broken + end)
    assert (row["bookings"], row["rejected"], row["error"]) == (1, 1, None)
    assert states() == ["confirmed"]
    for _ in range(EMPTY_POLLS):  # not believed at once
        assert poll(head + end)["error"] is None
        assert states() == ["confirmed"]
    row = poll(None)
    assert (row["bookings"], row["good"], row["error"]) == (1, NOW, "No such file or directory")
    assert poll("half a calendar")["error"] is not None
    assert states() == ["confirmed"]
    poll(head + end)
    assert states() == ["cancelled"]
    for _ in range(3):  # an empty answer now and then, never thrice in a row
        poll(head + event + end)
        assert states() == ["confirmed"]
        poll(head + end)
    assert states() == ["confirmed"]
    site.house.world.move(HOUR)
    writer.close()


def test_a_calendar_that_the_store_does_not_take_harms_itself_only(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "town.ics"
    file.write_text("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n")

    def fail(*_: object, **__: object) -> None:
        raise DataError("insert", None, ValueError("no"))

    monkeypatch.setattr(Following, "step", fail)
    writer = Writer(site.house.engine, ["ecole"], memory=site.all)
    follower = FeedFollower(
        IcalConfig(feed="town", url=str(file), space="hall"), site.memory, writer, site.house.desk
    )
    assert asyncio.run(follower.poll()) is False
    assert [row["error"] for row in site.rows(feeds)] == ["the store does not take it"]
    assert writer.failure is None
    writer.close()
