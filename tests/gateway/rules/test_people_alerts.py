"""Alerts of people: a call for help is taken over and ends, a message that failed is seen once."""

from itertools import count

from pleintemps_gateway.alerts.book import AlertBook
from pleintemps_gateway.alerts.people import STANDS_MS, PeopleAlerts
from pleintemps_gateway.alerts.records import RANKS, Alert, AlertKind, AlertOpened, AlertResolved, AlertState

AT = 1_000_000


def call(until: int) -> Alert:
    kind = AlertKind.HELP
    about = {"subject": "help:b1", "booking": "b1", "facts": {"until": until}}
    return Alert(alert="a1", kind=kind, rank=RANKS[kind], state=AlertState.OPEN, opened=AT, **about)  # type: ignore[arg-type]


def made() -> tuple[AlertBook, PeopleAlerts]:
    numbers = count(1)
    book = AlertBook(lambda: f"n{next(numbers)}")
    return book, PeopleAlerts(book)


def test_a_call_that_the_page_stored_ends_when_its_time_is_over() -> None:
    book, people = made()
    people.called(call(until=AT + 10))
    people.called(call(until=AT + 99))
    people.tick(AT + 9)
    assert book.take() == []
    people.tick(AT + 10)
    (ended,) = book.take()
    assert isinstance(ended, AlertResolved)
    assert (ended.alert.alert, ended.alert.resolved) == ("a1", AT + 10)
    assert list(book.live(AlertKind.HELP)) == []


def test_a_message_that_failed_is_one_alert_until_another_arrives() -> None:
    book, people = made()
    people.delivery("b1", "code", "mail", "the server said 550", AT)
    people.delivery("b1", "moved", "mail", "the server said 550", AT + 1)
    people.delivery("b2", "code", "sms", None, AT + 2)
    opened, _ = book.take()
    assert isinstance(opened, AlertOpened)
    assert (opened.alert.booking, opened.alert.facts["error"]) == ("b1", "the server said 550")
    people.delivery("b1", "code", "mail", None, AT + 3)
    assert [type(output) for output in book.take()] == [AlertResolved]


def test_a_message_that_failed_is_forgotten_after_a_week() -> None:
    book, people = made()
    people.delivery("b1", "code", "mail", "no-channel", AT)
    people.tick(AT + STANDS_MS - 1)
    assert len(list(book.live(AlertKind.DELIVERY_FAILED))) == 1
    people.tick(AT + STANDS_MS)
    assert list(book.live(AlertKind.DELIVERY_FAILED)) == []
