"""The morning report goes out once, with its PDF, to who wants it."""

import asyncio
import json

from pleintemps_gateway.notify.ringer import MorningPost
from tests.gateway.web import town

from .conftest import Desk
from .receiver import Receiver


def test_once_when_the_night_has_ended(desk: Desk, receiver: Receiver) -> None:
    post = MorningPost(desk.config, desk.book, desk.world)
    assert not post.is_due()  # 22:53
    desk.pass_by((town.at("07:00", 20) - town.NOW) / town.MINUTE)
    for each in (post, MorningPost(desk.config, desk.book, desk.world)):  # a restart sends no second one
        assert each.is_due()
        desk.writer.submit(each.look).result()
        assert not each.is_due()
    asyncio.run(desk.bell.send_due())
    reports = [row for row in desk.notices() if row.kind == "report"]
    assert [(row.person, row.channel, row.state, row.day) for row in reports] == [
        ("camille", "mail", "sent", "2026-11-19")
    ]
    (got,) = receiver.got
    said = json.loads(got.body)
    assert said["title"] == "Night 2026-11-19" and [each["filename"] for each in said["attachments"]] == [
        "2026-11-19.pdf"
    ]


def test_by_noon_nobody_reads_it(desk: Desk) -> None:
    desk.pass_by((town.at("13:00", 20) - town.NOW) / town.MINUTE)
    assert not MorningPost(desk.config, desk.book, desk.world).is_due()
