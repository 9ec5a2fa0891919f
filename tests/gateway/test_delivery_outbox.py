"""What people are told: queued with what makes it true, sealed, sent at least once, erased."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import Row, delete, insert, select

from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.bookings.service import create
from pleintemps_gateway.config import DeliveryConfig
from pleintemps_gateway.delivery.channels import Channel, Parcel, Spool
from pleintemps_gateway.delivery.courier import (
    FIRST_PAUSE_MS,
    GIVE_UP_MS,
    LONGEST_PAUSE_MS,
    Courier,
    pause_ms,
)
from pleintemps_gateway.delivery.messages import Contact, Message
from pleintemps_gateway.delivery.outbox import UNREACHABLE, Outbox
from pleintemps_gateway.delivery.sealing import Envelopes
from pleintemps_gateway.delivery.setup import channels_of
from pleintemps_gateway.errors import UndeliveredError, UnsealedError
from pleintemps_gateway.keys import load_gateway_keys
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, contacts, deliveries, groups
from pleintemps_gateway.store.writer import Writer

from .house import HOUR, NOW, House, build

SPOOL = DeliveryConfig(kind="spool")
BOTH = DeliveryConfig(kind="apprise", channels=("mail", "sms"))


class Trying:
    """A channel that refuses as often as it is told to."""

    def __init__(self, *faults: UndeliveredError) -> None:
        self.faults = list(faults)
        self.seen: list[Parcel] = []

    async def send(self, parcel: Parcel) -> None:
        self.seen.append(parcel)
        if self.faults:
            raise self.faults.pop(0)


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    built = build(tmp_path, store_url)
    yield built
    built.engine.dispose()


def sealing(house: House) -> bytes:
    return load_gateway_keys(Path(house.config.keys)).sealing


def book(house: House, config: DeliveryConfig, **contact: str) -> tuple[str, str, str]:
    """A booking with a code; its name, code and link."""
    key = sealing(house)
    desk = CodeDesk(key, house.world, Outbox(config, key, house.world))
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = create(conn, house.site, house.desk, space="hall", start=NOW, end=NOW + HOUR, title="Yoga")
        if contact:
            row = {"name": "Zoé Petit", "mail": "", "phone": "", "language": "fr"} | contact
            conn.execute(insert(contacts).values(site="ecole", booking=made.booking, **row))
        told = Message(site="ecole", booking=made.booking, code=made.issued.code, link=made.issued.link)
        desk.outbox.queue(conn, house.site, "code", told)
    return made.booking, made.issued.code, made.issued.link


def rows(house: House) -> list[Row[Any]]:
    with house.engine.connect() as conn:
        return list(conn.execute(select(deliveries).order_by(deliveries.c.channel)).all())


def deliver(house: House, channels: dict[str, Channel]) -> int:
    """One look at what is due, as a process does that has just been started."""
    writer = Writer(house.engine, ["ecole"])
    courier = Courier(house.engine, writer, channels, sealing(house), ["ecole"], house.world)
    try:
        return asyncio.run(courier.deliver_due())
    finally:
        writer.close()


def test_a_file_whose_message_was_erased_meanwhile_is_taken_back(house: House, tmp_path: Path) -> None:
    class Slow(Spool):
        async def send(self, parcel: Parcel) -> None:
            await super().send(parcel)
            assert len(list(tmp_path.glob("outbox/*.json"))) == 1
            with write_transaction(house.engine, ["ecole"]) as conn:
                conn.execute(delete(deliveries))

    book(house, SPOOL)
    deliver(house, {"spool": Slow(tmp_path / "outbox")})
    assert list((tmp_path / "outbox").iterdir()) == []


def test_a_message_is_unreadable_until_it_is_sent_and_then_gone(house: House, tmp_path: Path) -> None:
    booking, code, link = book(house, SPOOL)
    (queued,) = rows(house)
    assert (queued.state, queued.booking, queued.template, queued.channel) == (
        "queued",
        booking,
        "code",
        "spool",
    )
    assert not any(word.encode() in queued.sealed for word in (code, link, "Yoga", booking))

    folder = tmp_path / "outbox"
    assert deliver(house, {"spool": Spool(folder)}) == 1
    (file,) = folder.iterdir()
    assert file.name == f"{queued.delivery}.json"
    assert file.stat().st_mode & 0o077 == 0
    told = msgspec.json.decode(file.read_bytes())
    assert (told["booking"], told["code"], told["link"]) == (booking, code, link)
    assert (told["template"], told["doors"], told["title"]) == ("code", ["gate", "hall"], "Yoga")
    assert (told["opens"], told["closes"]) == (NOW - 900_000, NOW + HOUR + 900_000)
    (sent,) = rows(house)
    assert (sent.state, sent.sealed, sent.done) == ("sent", None, NOW)
    assert deliver(house, {"spool": Spool(folder)}) == 0


def test_a_message_is_queued_only_with_what_makes_it_true(house: House) -> None:
    desk = CodeDesk(sealing(house), house.world, Outbox(SPOOL, sealing(house), house.world))
    with pytest.raises(LookupError), write_transaction(house.engine, ["ecole"]) as conn:
        create(conn, house.site, desk, space="hall", start=NOW, end=NOW + HOUR, title="Yoga")
        raise LookupError
    assert rows(house) == []


def test_nobody_is_told_where_nothing_is_configured_or_nobody_left_an_address(house: House) -> None:
    book(house, DeliveryConfig(), mail="zoe@example.org")
    book(house, BOTH)
    assert rows(house) == []
    assert channels_of(house.config, house.world) == {}


@pytest.mark.parametrize(
    ("contact", "template", "wanted"),
    [
        ({"mail": "zoe@example.org", "phone": "+33600000000"}, "code", ["mail"]),
        ({"mail": "zoe@example.org", "phone": "+33600000000"}, "offline-code", ["mail", "sms"]),
        ({"phone": "+33600000000"}, "code", ["sms"]),
    ],
)
def test_channels_follow_contact_and_urgency(
    house: House, contact: dict[str, str], template: str, wanted: list[str]
) -> None:
    told = Message(site="ecole", end=NOW + HOUR, contact=Contact(**contact))
    with write_transaction(house.engine, ["ecole"]) as conn:
        Outbox(BOTH, sealing(house), house.world).queue(conn, house.site, template, told)
    assert [row.channel for row in rows(house)] == wanted


def test_who_cannot_be_reached_is_counted_as_failed(house: House) -> None:
    booking, _, _ = book(house, replace(BOTH, channels=("mail",)), phone="+33600000000")
    (row,) = rows(house)
    assert (row.state, row.error, row.booking, row.sealed) == ("failed", UNREACHABLE, booking, None)


def test_a_group_is_told_where_a_booking_has_no_contact_of_its_own(house: House) -> None:
    group = {"name": "Chorale", "contact": "Ana", "phone": "", "language": "en", "updated": NOW}
    with write_transaction(house.engine, ["ecole"]) as conn:
        made = create(conn, house.site, house.desk, space="hall", start=NOW, end=NOW + HOUR, title="x")
        for site, mail in (("*", "all@example.org"), ("ecole", "here@example.org")):
            conn.execute(insert(groups).values(site=site, group="chorale", mail=mail, **group))
        conn.execute(bookings.update().values(group="chorale"))
        outbox = Outbox(BOTH, sealing(house), house.world)
        outbox.queue(conn, house.site, "moved", Message(site="ecole", booking=made.booking))
    channel = Trying()
    deliver(house, {"mail": channel})
    contact = channel.seen[0].message.contact
    assert contact == Contact(name="Ana", mail="here@example.org", language="en")


def test_a_channel_that_is_down_is_tried_again_later_and_later(house: House) -> None:
    book(house, SPOOL)
    channel = Trying(*(UndeliveredError("down") for _ in range(3)))
    for attempt in (1, 2, 3):
        assert deliver(house, {"spool": channel}) == 1
        (row,) = rows(house)
        assert (row.state, row.attempts, row.error) == ("queued", attempt, "down")
        assert row.due == house.world.now() + FIRST_PAUSE_MS * 2 ** (attempt - 1)
        assert deliver(house, {"spool": channel}) == 0
        house.world.move(row.due - house.world.now())
    assert deliver(house, {"spool": channel}) == 1
    assert rows(house)[0].state == "sent"
    assert len(channel.seen) == 4


def test_pauses_have_an_end() -> None:
    assert [pause_ms(1), pause_ms(2), pause_ms(500)] == [FIRST_PAUSE_MS, 2 * FIRST_PAUSE_MS, LONGEST_PAUSE_MS]


def test_a_message_has_failed_for_good_when_the_doors_have_closed(house: House) -> None:
    book(house, SPOOL)
    deliver(house, {"spool": Trying(UndeliveredError("down"))})
    house.world.move(HOUR + 900_000)
    late = Trying()
    deliver(house, {"spool": late})
    (row,) = rows(house)
    assert (row.state, row.sealed, row.error, late.seen) == ("failed", None, "down", [])


def test_a_message_about_next_year_is_not_tried_for_ever(house: House) -> None:
    told = Message(site="ecole", end=NOW + 999 * 24 * HOUR)
    with write_transaction(house.engine, ["ecole"]) as conn:
        Outbox(SPOOL, sealing(house), house.world).queue(conn, house.site, "reminder", told)
    house.world.move(GIVE_UP_MS)
    deliver(house, {"spool": Trying()})
    assert (rows(house)[0].state, rows(house)[0].error) == ("failed", "too late")


def test_what_is_refused_for_good_is_not_tried_again(house: House) -> None:
    book(house, SPOOL)
    deliver(house, {"spool": Trying(UndeliveredError("550" * 100, final=True))})
    (row,) = rows(house)
    assert (row.state, row.sealed, len(row.error)) == ("failed", None, 200)


def test_a_message_of_another_key_fails_alone(house: House) -> None:
    told = Message(site="ecole", end=NOW + HOUR)
    with write_transaction(house.engine, ["ecole"]) as conn:
        for key in (b"x" * 32, sealing(house)):
            Outbox(SPOOL, key, house.world).queue(conn, house.site, "code", told)
    assert deliver(house, {"spool": Trying()}) == 2
    assert sorted(row.state for row in rows(house)) == ["failed", "sent"]


def test_a_folder_that_cannot_be_written_is_a_channel_that_is_down(house: House, tmp_path: Path) -> None:
    book(house, SPOOL)
    (tmp_path / "outbox").write_text("a file")
    deliver(house, {"spool": Spool(tmp_path / "outbox")})
    assert rows(house)[0].state == "queued"


def test_a_sealed_message_belongs_to_its_site_and_row(house: House) -> None:
    envelopes = Envelopes(b"k" * 32, house.world)
    sealed = envelopes.seal("ecole", "one", Message(site="ecole", code="12345678"))
    assert envelopes.open("ecole", "one", sealed).code == "12345678"
    for site, delivery, text in (("other", "one", sealed), ("ecole", "two", sealed), ("ecole", "one", b"")):
        with pytest.raises(UnsealedError):
            envelopes.open(site, delivery, text)
