"""From the booking platform to the open door: a signed webhook, a mail, a code typed at the keypad."""

import hmac
import json
import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import create_engine, select

from pleintemps_gateway.store import schema
from tests.gateway.test_delivery_mail import Mailbox
from tests.support.broker import find_mosquitto
from tests.support.ports import find_free_port
from tests.support.waiting import wait_for

from .running import RunningDemo

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]
SECRET = "the platform's own"
GUEST = "anne@example.org"
HOUR_S = 3_600
MAIN, OFFLINE = "7", "9,11"
"""Digits behind the first."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    with RunningDemo(tmp_path / "demo") as running:
        yield running


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box, port = Mailbox(), find_free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, port
    server.stop()


def connect(demo: RunningDemo, smtp_port: int) -> None:
    """Give the gateway the platform's feed and a server of mail, and start it anew."""
    for name, text in (
        ("hook.secret", SECRET),
        ("urls.toml", f'mail = "mailto://127.0.0.1:{smtp_port}/{{mail}}?from=salles@example.org"\n'),
    ):
        file = demo.data / name
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
    config = demo.data / "gateway.toml"
    text = config.read_text(encoding="utf-8")
    text = text.replace('kind = "spool"', 'kind = "apprise"\nurls_file = "urls.toml"', 1)
    feed = '[[sites.feeds]]\nfeed = "platform"\nkind = "calcom"\nsecret_file = "hook.secret"\n\n'
    config.write_text(text.replace("[[sites.spaces]]", f"{feed}[[sites.spaces]]", 1), encoding="utf-8")
    gateway = demo.demo.installation.gateway
    gateway.kill()
    demo.call(gateway.wait(), within_s=10)
    demo.call(gateway.start(), within_s=10)
    wait_for(lambda: answers(demo), within_s=60, what="gateway that answers again")


def answers(demo: RunningDemo) -> bool:
    try:
        with urllib.request.urlopen(f"{demo.demo.url}healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def book(demo: RunningDemo, uid: str, space: str) -> None:
    """What Cal.com sends for a booking that begins now and lasts an hour."""
    now = demo.demo.town.world.now() // 1_000

    def iso(at: int) -> str:
        return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")

    payload = {
        "type": space,
        "title": "Essai de chant",
        "startTime": iso(now - 60),
        "endTime": iso(now + HOUR_S),
        "uid": uid,
        "status": "ACCEPTED",
        "attendees": [{"name": "Anne", "email": GUEST, "language": {"locale": "fr"}}],
    }
    told = {"triggerEvent": "BOOKING_CREATED", "createdAt": iso(now), "payload": payload}
    body = json.dumps(told).encode()
    signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    request = urllib.request.Request(
        f"{demo.demo.url}hooks/{demo.demo.plan.site}/platform",
        data=body,
        headers={"X-Cal-Signature-256": signature, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 204


def codes(mailbox: Mailbox, digits: str) -> list[str]:
    """Every code of so many digits that arrived, however it is set apart."""
    found = []
    for mail in mailbox.mails:
        part = mail.get_body(("plain",))
        text = part.get_content() if part is not None else ""
        found += re.findall(rf"(?<![\d+])\d(?:[ \u00a0\u202f]?\d){{{digits}}}(?![\d])", text)
    return ["".join(filter(str.isdigit, code)) for code in found]


def agents_are_up(demo: RunningDemo) -> None:
    """Until every agent has been heard of by the gateway that was started anew, with its grants."""
    engine = create_engine(f"sqlite:///{demo.database}")
    columns, since = schema.agents.c, demo.demo.town.world.now()

    def done() -> bool:
        with engine.connect() as connection:
            rows = connection.execute(select(columns.last_seen, columns.grants_epoch)).all()
        return all(row.last_seen > since and row.grants_epoch is not None for row in rows)

    wait_for(done, within_s=60, what="agents with their grants")
    engine.dispose()


def pass_all(demo: RunningDemo, space: str, code: str) -> bool:
    """Through every door from the street to ``space``, by the simulated keypads of the real agents."""
    town = demo.demo.town
    return all(
        demo.call(town.pass_door("guest", door.door, code), within_s=60)
        for door in demo.demo.plan.way_to(space)
    )


def test_a_webhook_becomes_a_mail_whose_code_opens_the_doors(
    demo: RunningDemo, mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    connect(demo, port)
    book(demo, "uid-1", "hall")
    wait_for(lambda: codes(box, MAIN), within_s=60, what="mail with a code")
    (mail,) = box.mails
    assert mail["To"].addresses[0].addr_spec == GUEST
    code = codes(box, MAIN)[0]

    def is_there() -> bool:
        return pass_all(demo, "hall", code)

    wait_for(is_there, within_s=60, what="doors that know the code")


def test_agents_that_were_cut_off_before_the_booking_open_for_the_offline_code(
    tmp_path: Path, mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    with RunningDemo(tmp_path / "demo", speed=2) as demo:  # a clock of our own, which can be moved
        clock = demo.demo.clock
        assert clock is not None

        async def slow_down() -> None:
            clock.set_speed(1)

        async def let_pass(minutes: int) -> None:
            clock.step(minutes * 60_000)

        demo.call(slow_down(), within_s=5)
        connect(demo, port)
        agents_are_up(demo)
        broker = demo.demo.installation.broker
        broker.kill()
        demo.call(broker.wait(), within_s=10)
        book(demo, "uid-2", "hall")
        wait_for(lambda: codes(box, MAIN), within_s=60, what="mail with a code")
        demo.call(let_pass(3), within_s=5)  # nobody has confirmed it: the gateway does not wait longer
        wait_for(lambda: codes(box, OFFLINE), within_s=60, what="second mail, with the offline code")
        offline = codes(box, OFFLINE)[0]
        demo.call(let_pass(15), within_s=5)
        wait_for(lambda: pass_all(demo, "hall", offline), within_s=60, what="doors that take the code")
