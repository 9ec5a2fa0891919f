"""When to send, what to believe, what to carry out: pure rules of the line."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import CommandRefusal, MessageRefused, Stream
from pleintemps_contract.envelope import EnvelopeFault, TrustedKeys
from pleintemps_contract.gateway_messages import Announcement, Command, GrantsPage, Receipt
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import MAX_PAYLOAD, GatewayMessage, encode
from pleintemps_edge.access.grants import page_digest
from pleintemps_edge.link.commands import CommandGuard
from pleintemps_edge.link.inbox import Inbox, Opened, Reason, Refused
from pleintemps_edge.link.outbox import LONGEST_MS, RESEND_MS, SPREAD, WINDOW, Outbox
from pleintemps_edge.link.refusals import QUIET_MS, Refusals

from .actors import AGENT, SIGNER, SITE, STRANGER

BOOT = "b" * 32
RECEIPT = Topic.of_agent(SITE, AGENT, Channel.RECEIPT)
COMMAND = Topic.of_agent(SITE, AGENT, Channel.COMMAND)


# --- outbox -------------------------------------------------------------------------------------------


def test_a_window_of_batches_is_on_its_way() -> None:
    outbox = Outbox()
    for number in range(1, WINDOW + 1):
        assert outbox.may_send()
        outbox.on_sent(number * 10, now=number)
    assert not outbox.may_send()
    assert outbox.on_receipt(25, now=100)
    assert outbox.may_send()
    assert outbox.sent == WINDOW * 10
    assert not outbox.on_receipt(25, now=200)
    assert not outbox.on_receipt(3, now=200)


def test_without_a_receipt_everything_goes_again() -> None:
    outbox = Outbox()
    assert outbox.overdue_at() is None
    outbox.on_sent(5, now=100)
    outbox.on_sent(9, now=5_000)
    assert outbox.overdue_at() == 100 + RESEND_MS
    outbox.on_receipt(5, now=6_000)
    assert outbox.overdue_at() == 6_000 + RESEND_MS
    outbox.restart()
    assert (outbox.sent, outbox.overdue_at()) == (5, None)
    outbox.on_sent(9, now=20_000)
    outbox.on_receipt(9, now=20_100)
    assert outbox.overdue_at() is None


def test_what_a_gateway_may_know_of_outlives_connections_and_not_the_journal() -> None:
    outbox = Outbox()
    outbox.begin_anew(40)
    assert outbox.reached == 40
    outbox.on_sent(45, now=0)
    outbox.restart()
    assert (outbox.sent, outbox.reached) == (0, 45)
    outbox.on_receipt(45, now=0)
    outbox.begin_anew(3)
    assert (outbox.sent, outbox.receipted, outbox.reached) == (0, 0, 3)


def test_in_vain_it_waits_longer_each_time_until_somebody_answers() -> None:
    outbox, now = Outbox(), 0
    for expected in (RESEND_MS, 2 * RESEND_MS, LONGEST_MS, LONGEST_MS):
        outbox.on_sent(9, now)
        assert outbox.overdue_at() == now + expected
        now += expected
        outbox.late(0)
        assert (outbox.sent, outbox.overdue_at()) == (0, None)
    outbox.on_sent(9, now)
    outbox.on_receipt(3, now)
    assert outbox.overdue_at() == now + RESEND_MS
    outbox.late(0)
    outbox.restart()  # another gateway rules
    outbox.on_sent(9, now)
    assert outbox.overdue_at() == now + RESEND_MS


@given(st.lists(st.integers(0, SPREAD - 1), min_size=1, max_size=6))
def test_a_wait_is_longer_by_up_to_a_quarter_and_not_the_same_for_all(spreads: list[int]) -> None:
    outbox = Outbox()
    for number, spread in enumerate(spreads, 1):
        outbox.late(spread)
        outbox.on_sent(1, now=0)
        wait = min(RESEND_MS << number, LONGEST_MS)
        assert outbox.overdue_at() == wait + wait * spread // (4 * SPREAD)


@given(st.lists(st.tuples(st.sampled_from("srxl"), st.integers(0, 30)), max_size=60))
def test_nothing_is_skipped_and_nothing_waits_for_ever(steps: list[tuple[str, int]]) -> None:
    outbox, now = Outbox(), 0
    for kind, number in steps:
        now += number
        if kind == "s" and outbox.may_send():
            outbox.on_sent(outbox.sent + 1 + number, now)
        elif kind == "r":
            outbox.on_receipt(min(number, outbox.sent), now)
        elif kind == "x":
            outbox.restart()
        elif kind == "l":
            outbox.late(number * 33)
        assert outbox.receipted <= outbox.sent
        assert (outbox.overdue_at() is None) is (outbox.sent == outbox.receipted)


# --- refusals -----------------------------------------------------------------------------------------


def test_the_first_refusal_is_told_at_once_and_the_rest_once_a_minute() -> None:
    mine = Refusals()
    assert mine.refuse("receipt", "retained", 0) == MessageRefused(
        channel="receipt", reason="retained", count=1
    )
    assert mine.refuse("receipt", "bad-signature", 5) is not None
    for now in range(10, 20):
        assert mine.refuse("receipt", "retained", now) is None
    assert mine.due(QUIET_MS - 1) == []
    assert mine.next_due() == QUIET_MS
    assert mine.due(QUIET_MS) == [MessageRefused(channel="receipt", reason="retained", count=10)]
    assert mine.due(10 * QUIET_MS) == []
    assert mine.next_due() is None
    assert mine.total == 12


@given(st.lists(st.tuples(st.integers(0, 90_000), st.integers(0, 100)), max_size=80))
def test_every_refusal_is_counted_once(steps: list[tuple[int, int]]) -> None:
    mine, now, told, last = Refusals(), 0, 0, dict[tuple[str, str], int]()
    for passed, kind in steps:
        now += passed
        records = mine.due(now)
        if (record := mine.refuse(f"channel-{kind}", "reason", now)) is not None:
            records.append(record)
        for record in records:
            key = (record.channel, record.reason)
            assert now - last.get(key, -QUIET_MS) >= QUIET_MS
            last[key] = now
            told += record.count
    told += sum(record.count for record in mine.due(now + QUIET_MS))
    assert told == mine.total == len(steps)


# --- inbox --------------------------------------------------------------------------------------------


def inbox() -> Inbox:
    return Inbox(SITE, AGENT, TrustedKeys([SIGNER.public]), epoch=5)


def receipt(epoch: int = 5) -> Receipt:
    return Receipt(epoch=epoch, revision=1, journal="a" * 32, stream=Stream.EVENTS, through=1)


def seal(topic: Topic, message: GatewayMessage) -> bytes:
    return SIGNER.seal(str(topic), encode(message))


def test_a_proved_message_is_opened_and_raises_the_epoch() -> None:
    mine = inbox()
    found = mine.open(str(RECEIPT), seal(RECEIPT, receipt(9)), False)
    assert isinstance(found, Opened)
    assert (found.message, found.fault, mine.epoch) == (receipt(9), None, 9)
    older = mine.open(str(RECEIPT), seal(RECEIPT, receipt(8)), False)
    assert isinstance(older, Opened)
    assert (older.fault, mine.epoch) == (Reason.OLD_EPOCH, 9)


def test_what_nobody_signed_for_this_topic_is_refused() -> None:
    mine, other = inbox(), Topic.of_agent(SITE, "yard", Channel.RECEIPT)
    sealed = seal(RECEIPT, receipt(9))
    cases = [
        (RECEIPT, seal(other, receipt(9)), EnvelopeFault.BAD_SIGNATURE),
        (COMMAND, sealed, EnvelopeFault.BAD_SIGNATURE),
        (RECEIPT, STRANGER.seal(str(RECEIPT), encode(receipt(9))), EnvelopeFault.UNKNOWN_KEY),
        (RECEIPT, encode(receipt(9)), EnvelopeFault.NO_HEADER),
        (RECEIPT, b"{}\n" + encode(receipt(9)), EnvelopeFault.BAD_HEADER),
        (RECEIPT, SIGNER.seal(str(RECEIPT), b"{}"), Reason.UNDECODABLE),
        (RECEIPT, b"x" * (MAX_PAYLOAD + 1), Reason.TOO_LARGE),
        (other, seal(other, receipt(9)), Reason.TOPIC),
        (Topic.of_agent(SITE, AGENT, Channel.BIRTH), sealed, Reason.TOPIC),
    ]
    for topic, payload, reason in cases:
        assert mine.open(str(topic), payload, False) == Refused(topic.channel.value, reason)
    assert mine.open("pleintemps/v1/saint-aubin/entrance/nonsense", b"x", False) == Refused(
        "unknown", Reason.TOPIC
    )
    assert mine.epoch == 5


def test_an_empty_payload_means_nothing() -> None:
    assert inbox().open(str(RECEIPT), b"", True) is None


@pytest.mark.parametrize("channel", [Channel.RECEIPT, Channel.COMMAND])
def test_what_must_not_be_retained_is_not_followed(channel: Channel) -> None:
    topic = Topic.of_agent(SITE, AGENT, channel)
    message: GatewayMessage = receipt(6) if channel is Channel.RECEIPT else command()
    found = inbox().open(str(topic), seal(topic, message), True)
    assert isinstance(found, Opened)
    assert found.fault is Reason.RETAINED


def test_an_announcement_may_be_retained() -> None:
    topic = Topic.announcement(SITE)
    found = inbox().open(str(topic), seal(topic, Announcement(epoch=6, revision=1, started=1)), True)
    assert isinstance(found, Opened)
    assert found.fault is None


def test_a_page_is_named_by_its_body_and_keeps_its_epoch() -> None:
    mine = inbox()
    body = encode(GrantsPage(epoch=2, revision=1, grants=[]))
    topic = Topic.of_agent(SITE, AGENT, Channel.PAGE, page_digest(body))
    found = mine.open(str(topic), SIGNER.seal(str(topic), body), True)
    assert isinstance(found, Opened)
    assert (found.fault, found.body, mine.epoch) == (None, body, 5)
    wrong = Topic.of_agent(SITE, AGENT, Channel.PAGE, "0" * 64)
    refused = mine.open(str(wrong), SIGNER.seal(str(wrong), body), True)
    assert refused == Refused("grants/page", Reason.DIGEST)


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_break_the_gate(payload: bytes, retained: bool) -> None:
    for channel in (Channel.RECEIPT, Channel.COMMAND, Channel.MANIFEST, Channel.CONFIG):
        found = inbox().open(str(Topic.of_agent(SITE, AGENT, channel)), payload, retained)
        assert found is None or isinstance(found, Refused)


# --- commands -----------------------------------------------------------------------------------------


def command(counter: int = 1, boot: str = BOOT, door: str = "hall", expires: int = 1_000) -> Command:
    return Command(
        epoch=5,
        revision=1,
        id="c" * 32,
        door=door,
        action=DoorAction.ACCESS,
        issued=0,
        expires=expires,
        boot=boot,
        counter=counter,
    )


def test_a_command_works_once() -> None:
    guard = CommandGuard(BOOT, {"hall"})
    assert guard.judge(command(3), None, 10) is None
    assert guard.judge(command(3), None, 10) is CommandRefusal.REPEATED
    assert guard.judge(command(2), None, 10) is CommandRefusal.REPEATED
    assert guard.judge(command(4), None, 10) is None


def test_reasons_to_refuse_a_command() -> None:
    guard = CommandGuard(BOOT, {"hall"})
    assert guard.judge(command(), Reason.RETAINED, 10) is CommandRefusal.RETAINED
    assert guard.judge(command(), Reason.OLD_EPOCH, 10) is CommandRefusal.OLD_EPOCH
    assert guard.judge(command(boot="f" * 32), None, 10) is CommandRefusal.FOREIGN_BOOT
    assert guard.judge(command(1, door="gym"), None, 10) is CommandRefusal.UNKNOWN_DOOR
    assert guard.judge(command(2), None, 1_000) is CommandRefusal.EXPIRED
    # refused for its time, it does not come back when the clock does
    assert guard.judge(command(2), None, 10) is CommandRefusal.REPEATED


def test_a_panel_has_its_own_two_actions() -> None:
    guard = CommandGuard(BOOT, {"hall"}, {"alarm"})
    for counter, (name, action, refusal) in enumerate(
        [
            ("alarm", DoorAction.SET_PANEL, None),
            ("alarm", DoorAction.UNSET_PANEL, None),
            ("alarm", DoorAction.UNLOCK, CommandRefusal.UNKNOWN_DOOR),
            ("hall", DoorAction.UNSET_PANEL, CommandRefusal.UNKNOWN_DOOR),
            ("hall", DoorAction.CONFIRM_FIRE_RESET, None),
        ],
        1,
    ):
        asked = msgspec.structs.replace(command(counter, door=name), action=action)
        assert guard.judge(asked, None, 10) is refusal


def test_nothing_that_is_refused_before_its_number_uses_it_up() -> None:
    guard = CommandGuard(BOOT, {"hall"})
    high = command(2**53)
    assert guard.judge(high, Reason.RETAINED, 10) is CommandRefusal.RETAINED
    assert guard.judge(high, Reason.OLD_EPOCH, 10) is CommandRefusal.OLD_EPOCH
    assert guard.judge(command(2**53, boot="f" * 32), None, 10) is CommandRefusal.FOREIGN_BOOT
    assert guard.judge(command(1), None, 10) is None
    assert guard.judge(command(1_000), None, 10) is None


def test_without_trusted_time_boot_and_counter_are_enough() -> None:
    assert CommandGuard(BOOT, {"hall"}).judge(command(expires=1), None, None) is None
