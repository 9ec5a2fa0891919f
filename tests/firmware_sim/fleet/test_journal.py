"""The light journal against the contract's own rule of what a gateway may store."""

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import EventsBatch, SamplesBatch, Stream
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import decode_agent
from pleintemps_firmware_sim.fleet.journal import LONGEST_MS, RESEND_MS, WINDOW, Journal
from pleintemps_gateway.ingest.journals import Accepted, Mark, advance

NAME = "0123456789abcdef0123456789abcdef"
SAMPLES = Topic("site-1", "site-1-1", Channel.SAMPLES)
EVENTS = Topic("site-1", "site-1-1", Channel.EVENTS)
BODY = b'"boot":"%b","base":0,"trusted":true,"series":{"a":{"dt":[0],"value":[1.0]}}}' % NAME.encode()
RECORD = (
    b'{"seq":%d,"at":1,"trusted":true,"monotonic":1,"boot":"0123456789abcdef0123456789abcdef",'
    b'"event":{"type":"agent-started","version":"1"}}'
)


class Store:
    """A gateway's book-keeping: what of one journal is stored, how far, how much is gone."""

    def __init__(self) -> None:
        self.mark: Mark | None = None
        self.stored: list[int] = []

    def take(self, first: int, start: int, end: int) -> int | None:
        """The receipt, None for a batch that is refused."""
        result = advance(self.mark, "site-1-1", first, start, end)
        if not isinstance(result, Accepted):
            return None
        self.mark = result.mark
        self.stored += range(max(start, result.fresh), end + 1)
        return result.mark.through


def hand_over(store: Store, payload: bytes, stream: Stream) -> int | None:
    message = decode_agent(EVENTS if stream is Stream.EVENTS else SAMPLES, payload)
    if isinstance(message, EventsBatch):
        return store.take(message.first, message.records[0].seq, message.records[-1].seq)
    assert isinstance(message, SamplesBatch)
    return store.take(message.first, message.seq, message.seq)


@given(
    stream=st.sampled_from(Stream),
    capacity=st.sampled_from([0, 5]),
    turns=st.lists(
        st.tuples(st.integers(0, 90), st.integers(0, 12_000), st.integers(0, 2**16), st.booleans()),
        max_size=12,
    ),
)
def test_what_is_committed_is_stored_once_waits_or_is_counted_lost(
    stream: Stream, capacity: int, turns: list[tuple[int, int, int, bool]]
) -> None:
    journal, store, now, added = Journal(NAME, stream, capacity), Store(), 0, 0

    def send(losses: int, receipts_come: bool) -> None:
        for number, one in enumerate(list(journal.outgoing(now))):
            if losses >> number & 1:
                continue
            through = hand_over(store, one.payload, stream)
            if through is not None and receipts_come:
                assert journal.receipt(through, now) is not None

    for more, passed, losses, receipts_come in turns:
        for _ in range(more):
            body = RECORD % journal.next if stream is Stream.EVENTS else BODY
            journal.add(body, 1)
        added += more
        now += passed
        send(losses, receipts_come)
        assert journal.waiting + journal.first - 1 == added

    while not journal.is_empty:
        now += 2 * LONGEST_MS
        send(0, True)
    lost = 0 if store.mark is None else store.mark.lost
    assert store.stored == sorted(set(store.stored))
    assert len(store.stored) + lost == added
    assert lost <= journal.lost
    assert capacity or not journal.lost


def test_a_window_is_not_overrun_and_opens_by_receipts() -> None:
    journal = Journal(NAME, Stream.SAMPLES)
    for _ in range(WINDOW + 3):
        journal.add(BODY, 7)
    assert [one.last for one in journal.outgoing(0)] == list(range(1, WINDOW + 1))
    assert not list(journal.outgoing(1))
    released = journal.receipt(2, 30)
    assert released is not None
    assert (released.counted, released.waited) == (14, [30, 30])
    assert [one.last for one in journal.outgoing(31)] == [WINDOW + 1, WINDOW + 2]


def test_ten_seconds_without_a_receipt_send_everything_again() -> None:
    journal = Journal(NAME, Stream.SAMPLES)
    journal.add(BODY, 1)
    assert [one.again for one in journal.outgoing(0)] == [False]
    assert not list(journal.outgoing(RESEND_MS - 1))
    assert [one.again for one in journal.outgoing(RESEND_MS)] == [True]
    released = journal.receipt(1, RESEND_MS + 5)
    assert released is not None
    assert released.waited == [RESEND_MS + 5]  # since it first went out


def test_in_vain_it_waits_longer_each_time_until_somebody_answers() -> None:
    journal, now = Journal(NAME, Stream.SAMPLES), 0
    journal.add(BODY, 1)
    assert list(journal.outgoing(now))
    for least in (RESEND_MS, 2 * RESEND_MS, LONGEST_MS, LONGEST_MS):
        assert not list(journal.outgoing(now + least - 1))
        now += least * 5 // 4
        assert [one.again for one in journal.outgoing(now)] == [True]
    journal.restart()  # another gateway rules
    assert list(journal.outgoing(now))
    assert not list(journal.outgoing(now + RESEND_MS - 1))
    assert list(journal.outgoing(now + RESEND_MS))


def test_a_receipt_for_what_was_never_sent_releases_nothing() -> None:
    journal = Journal(NAME, Stream.EVENTS)
    journal.add(RECORD % 1, 1)
    assert journal.receipt(1, 0) is None
    assert journal.waiting == 1


def test_a_full_journal_lets_the_oldest_go_and_says_so() -> None:
    journal = Journal(NAME, Stream.SAMPLES, 3)
    for _ in range(5):
        journal.add(BODY, 12)
    assert (journal.lost, journal.first, journal.waiting) == (24, 3, 36)
    store = Store()
    for one in journal.outgoing(0):
        hand_over(store, one.payload, Stream.SAMPLES)
    assert store.mark is not None
    assert (store.stored, store.mark.lost) == ([3, 4, 5], 2)
