"""Mail and SMS as they arrive: a real SMTP server on the loopback, and a service of SMS."""

import asyncio
import email
import http.server
import logging
import os
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, ClassVar

import icalendar
import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from msgspec.structs import replace
from sqlalchemy import select

from pleintemps_contract.errors import ConfigError
from pleintemps_gateway.config import load
from pleintemps_gateway.delivery.courier import GIVE_UP_MS, Courier, ends
from pleintemps_gateway.delivery.letters import Writer as LetterWriter
from pleintemps_gateway.delivery.messages import TEMPLATES, Contact, Message
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.delivery.setup import channels_of
from pleintemps_gateway.keys import load_gateway_keys
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import deliveries
from pleintemps_gateway.store.writer import Writer
from tests.support.ports import find_free_port

from .house import HOUR, NOW, House, build

LINK = "q" * 43
EXTRA = """
[web]
public_url = "https://salles.example.org"
[delivery]
kind = "apprise"
urls_file = "urls.toml"
channels = ["mail", "sms"]
"""


class Mailbox:
    """Keeps what arrives; refuses whom it is told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refused: dict[str, str] = {}

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.mails.append(email.message_from_bytes(content, policy=default))
        return "250 OK"


class SmsService(http.server.BaseHTTPRequestHandler):
    heard: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append((self.path, msgspec.json.decode(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def port() -> int:
    return find_free_port()


@pytest.fixture
def sms_port() -> Iterator[int]:
    SmsService.heard = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SmsService)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str, port: int, sms_port: int) -> Iterator[House]:
    built = build(tmp_path, sqlite_url)
    text = built.file.read_text(encoding="utf-8")
    about = '[sites.about]\nduty = "+33 5 00 00 00 00"\naddress = "1 rue Haute"\n'
    built.file.write_text(text.replace("[mqtt]", EXTRA + "[mqtt]", 1) + about, encoding="utf-8")
    urls = f'mail = "mailto://127.0.0.1:{port}/{{mail}}?from=salles@example.org&name=Saint-Aubin"\n'
    urls += f'sms = "json://127.0.0.1:{sms_port}/{{phone}}"\n'
    secret = tmp_path / "urls.toml"
    secret.touch(mode=0o600)
    secret.write_text(urls)
    config = load(built.file)
    yield built._replace(config=config, site=config.sites[0])
    built.engine.dispose()


@pytest.fixture
def mailbox(port: int) -> Iterator[Mailbox]:
    box = Mailbox()
    controller = start(box, port)
    yield box
    controller.stop(no_assert=True)


def start(box: Mailbox, port: int) -> Controller:
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    return controller


@pytest.fixture
def logged() -> Iterator[list[logging.LogRecord]]:
    """What reaches the handlers of the process; pytest's own hear loggers that pass nothing on as well."""
    found: list[logging.LogRecord] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record)

    root, keeping = logging.getLogger(), Keeping()
    before = root.level
    root.addHandler(keeping)
    root.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(keeping)
    root.setLevel(before)


def tell(house: House, template: str = "code", **changes: Any) -> None:
    values: dict[str, Any] = {
        "site": "ecole",
        "booking": "abcdef" + "0" * 26,
        "title": "Yoga & thé",
        "space": "hall",
        "start": NOW + HOUR,
        "end": NOW + 2 * HOUR,
        "code": "40731958",
        "link": LINK,
        "contact": Contact(name="Zoé Petit", mail="zoe@example.org", language="fr"),
    } | changes
    key = load_gateway_keys(Path(house.config.keys)).sealing
    with write_transaction(house.engine, ["ecole"]) as conn:
        Outbox(house.config.delivery, key, house.world).queue(conn, house.site, template, Message(**values))


def deliver(house: House) -> None:
    key = load_gateway_keys(Path(house.config.keys)).sealing
    writer = Writer(house.engine, ["ecole"])
    channels = channels_of(house.config, house.world)
    try:
        courier = Courier(house.engine, writer, channels, key, ["ecole"], house.world)
        asyncio.run(courier.deliver_due())
    finally:
        writer.close()


def row(house: House) -> Any:
    with house.engine.connect() as conn:
        return conn.execute(select(deliveries)).one()


def parts(mail: EmailMessage) -> dict[str, str]:
    return {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        (
            "fr",
            "Votre code pour Grande salle",
            ["Il ouvre les portes de", "On sort toujours sans code", "lundi"],
        ),
        ("en", "Your code for Grande salle", ["It opens the doors from", "always leave without a code"]),
        ("", "Votre code pour Grande salle", []),
    ],
)
def test_a_mail_brings_code_link_and_calendar(
    house: House, mailbox: Mailbox, language: str, subject: str, words: list[str]
) -> None:
    tell(house, contact=Contact(name="Zoé", mail="zoe@example.org", language=language))
    deliver(house)
    assert row(house).state == "sent"
    (mail,) = mailbox.mails
    assert mail["To"] == "zoe@example.org"
    assert "salles@example.org" in mail["From"]
    assert str(mail["Subject"]).startswith(subject)
    found = parts(mail)
    for body in (found["text/plain"], found["text/html"]):
        assert "4073 1958" in body
        assert f"https://salles.example.org/b/{LINK}" in body
        assert "ABCDEF" in body
        assert "Portail, Salle" in body
        assert "+33 5 00 00 00 00" in body
        assert all(word.lower() in body.lower() for word in words)
    assert "Yoga &amp; thé" in found["text/html"]


def test_the_calendar_file_says_when_and_where_and_holds_no_secret(house: House, mailbox: Mailbox) -> None:
    tell(house)
    deliver(house)
    (attached,) = [part for part in mailbox.mails[0].walk() if part.get_filename()]
    assert attached.get_filename() == "booking.ics"
    raw = attached.get_payload(decode=True)
    assert isinstance(raw, bytes)
    assert (
        b"40731958" not in raw and b"4073 1958" not in raw and LINK.encode() not in raw.replace(b"\r\n ", b"")
    )
    calendar: Any = icalendar.Calendar.from_ical(raw)
    assert calendar["METHOD"] == "PUBLISH"
    (event,) = calendar.walk("VEVENT")
    assert event["DTSTART"].dt.timestamp() * 1000 == NOW - NOW % 1000 + HOUR
    assert event["SUMMARY"] == "Yoga & thé"
    assert event["LOCATION"] == "Grande salle, École, 1 rue Haute"
    assert "Portail, Salle" in event["DESCRIPTION"]
    assert event["STATUS"] == "CONFIRMED"


def test_who_is_too_loud_gets_no_calendar_file(house: House, mailbox: Mailbox) -> None:
    tell(house, "noise", code="", link="", level_db=86, limit_db=80)
    deliver(house)
    assert row(house).state == "sent"
    assert [part.get_filename() for part in mailbox.mails[0].walk() if part.get_filename()] == []


def test_a_cancelled_booking_leaves_the_calendar(house: House, mailbox: Mailbox) -> None:
    tell(house, "cancelled", code="", link="")
    deliver(house)
    (attached,) = [part for part in mailbox.mails[0].walk() if part.get_filename()]
    raw: Any = attached.get_payload(decode=True)
    (event,) = icalendar.Calendar.from_ical(raw).walk("VEVENT")
    assert event["STATUS"] == "CANCELLED"


def test_a_server_that_is_down_gets_the_mail_when_it_is_back(
    house: House, port: int, logged: list[logging.LogRecord]
) -> None:
    tell(house)
    deliver(house)
    waiting = row(house)
    assert (waiting.state, waiting.attempts) == ("queued", 1)
    assert waiting.sealed
    house.world.move(waiting.due - house.world.now())
    box = Mailbox()
    controller = start(box, port)
    try:
        deliver(house)
    finally:
        controller.stop(no_assert=True)
    assert (row(house).state, row(house).sealed, len(box.mails)) == ("sent", None, 1)
    # the server of this test logs what it hears, the gateway does not
    ours = [record.getMessage() for record in logged if record.name != "mail.log"]
    said = "".join(ours) + str(waiting.error)
    assert [text.split()[0] for text in ours if "delivery" in text] == ["delivery-down"]
    assert not any(word in said for word in ("zoe@example.org", "Zoé", "4073", LINK))


@pytest.mark.parametrize(
    ("reply", "state"), [("550 5.1.1 no such user", "failed"), ("451 4.3.0 try later", "queued")]
)
def test_a_refused_recipient_is_told_apart_from_a_busy_server(
    house: House, mailbox: Mailbox, reply: str, state: str
) -> None:
    mailbox.refused["zoe@example.org"] = reply
    tell(house)
    deliver(house)
    told = row(house)
    assert told.state == state
    assert told.error == f"the server said {reply[:3]}"
    assert (told.sealed is None) == (state == "failed")
    assert mailbox.mails == []


def test_an_sms_is_short_and_goes_to_the_number(house: House) -> None:
    tell(house, contact=Contact(name="Zoé", phone="+33 6 00 00 00 00"))
    deliver(house)
    ((path, body),) = SmsService.heard
    assert row(house).state == "sent"
    assert path.replace("%20", " ").replace("%2B", "+") == "/+33 6 00 00 00 00"
    assert "4073 1958" in body["message"]
    assert f"/b/{LINK}" in body["message"]
    assert len(body["message"]) < 200


def test_an_address_cannot_become_another_one(house: House, mailbox: Mailbox) -> None:
    tell(house, contact=Contact(mail="a@example.org/b@example.org?to=c@example.org"))
    deliver(house)
    assert row(house).state == "failed"
    assert mailbox.mails == []


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_message_has_its_words(house: House, language: str) -> None:
    subjects = set()
    for template in TEMPLATES:
        message = Message(
            site="ecole",
            booking="b" * 32,
            title="Yoga",
            space="hall",
            start=NOW,
            end=NOW + HOUR,
            opens=NOW,
            closes=NOW + HOUR,
            reason="no-insurance",
            contact=Contact(language=language),
        )
        letter = LetterWriter(house.config).write(template, message)
        assert letter.lines and letter.sms
        assert "%(" not in letter.subject + letter.sms + "".join(letter.lines)
        subjects.add(letter.subject)
    assert len(subjects) == len(TEMPLATES)


def right_message(house: House, **values: Any) -> Message:
    told: dict[str, Any] = {
        "site": "ecole",
        "right": "a" * 32,
        "start": NOW,
        "end": NOW + HOUR,
        "link": "L" * 43,
    }
    told |= {"opens": NOW, "closes": NOW + HOUR, "until": NOW + 40 * 24 * HOUR, "doors": ["gate", "hall"]}
    return Message(**told | values)


def test_a_right_is_told_with_its_code_or_where_its_qr_code_is(house: House) -> None:
    writer = LetterWriter(
        replace(house.config, web=replace(house.config.web, public_url="https://s.example"))
    )
    letter = writer.write("right", right_message(house, code="40731958"))
    assert (letter.code, letter.subject) == ("4073 1958", "Votre code pour École")
    assert "jusqu'au samedi 2 janvier" in letter.lines[1]
    assert letter.link == "https://s.example/b/" + "L" * 43 and "4073 1958" in letter.sms
    facts = dict(letter.facts)
    assert facts["Prochaine fois"].startswith("Lundi 23 novembre") and "Réservation numéro" not in facts
    token = writer.write("right", right_message(house, token=True, contact=Contact(language="en")))
    assert token.code == "" and "on your page" in token.lines[0] and token.link in token.sms
    assert "The page of your first message shows it too." not in token.foot
    again = writer.write(
        "right", right_message(house, token=True, paged=True, contact=Contact(language="en"))
    )
    assert again.foot[0] == "The page of your first message shows it too."


def test_a_right_may_be_told_after_its_next_time(house: House) -> None:
    assert ends(right_message(house), NOW) == NOW + GIVE_UP_MS
    soon = right_message(house, until=NOW + 2 * HOUR)
    assert ends(soon, NOW) == NOW + 2 * HOUR


@pytest.mark.parametrize(
    ("text", "mode", "word"),
    [
        ('mail = "mailto://h/{mail}"\nsms = "json://h/{phone}"', 0o644, "chmod 600"),
        ('mail = "mailto://u:hush@h"\nsms = "json://h/{phone}"', 0o600, "{mail}"),
        ('mail = "mailto://h/{mail}"', 0o600, "{phone}"),
        ('post = "x"', 0o600, "post"),
        (None, 0, "No such file"),
    ],
)
def test_a_file_of_addresses_that_cannot_be_used_is_said_without_them(
    house: House, text: str | None, mode: int, word: str
) -> None:
    path = Path(house.config.delivery.urls_file)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
        os.chmod(path, mode)
    with pytest.raises(ConfigError) as raised:
        channels_of(house.config, house.world)
    assert word in str(raised.value)
    assert "hush" not in str(raised.value)


def test_apprise_without_a_file_is_a_mistake_of_configuration(tmp_path: Path, sqlite_url: str) -> None:
    house = build(tmp_path, sqlite_url)
    text = house.file.read_text(encoding="utf-8")
    house.file.write_text(text.replace("[mqtt]", '[delivery]\nkind = "apprise"\n[mqtt]', 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"urls_file"):
        load(house.file)
    house.engine.dispose()
