"""Messages that did not arrive and codes that are weak are shown, with what to do."""

from pathlib import Path

import pytest
from sqlalchemy import insert

from pleintemps_gateway.access import duty
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import deliveries
from pleintemps_gateway.web.upkeep import WEEK_MS, messages, weaknesses

from .house import HOUR, NOW, build

MANY = "".join(
    f'[[sites.spaces]]\nspace = "room-{number}"\nname = "R"\n'
    f'[[sites.doors]]\ndoor = "door-{number}"\nname = "R"\nagent = "upstairs"\nfrom = "yard"\n'
    f'to = "room-{number}"\n'
    for number in range(20)
)


def test_messages_are_counted_what_failed_first(tmp_path: Path, store_url: str) -> None:
    house = build(tmp_path, store_url)
    told = [
        ("mail", "sent", None, NOW - HOUR),
        ("mail", "sent", None, NOW - WEEK_MS - 1),
        ("mail", "queued", "refused", None),
        ("sms", "failed", "no-channel", NOW - HOUR),
        ("sms", "failed", "no-channel", NOW),
    ]
    with write_transaction(house.engine, ["ecole"]) as conn:
        for number, (channel, state, error, done) in enumerate(told):
            row = {"site": "ecole", "delivery": str(number), "template": "code", "due": NOW, "created": NOW}
            row |= {"channel": channel, "state": state, "error": error, "done": done}
            conn.execute(insert(deliveries).values(row))
    with house.engine.connect() as conn:
        assert messages(conn, [house.site], NOW) == [
            ("ecole", "sms", "failed", "no-channel", 2),
            ("ecole", "mail", "queued", "refused", 1),
            ("ecole", "mail", "sent", "", 1),
        ]
        assert messages(conn, [], NOW) == []
    house.engine.dispose()


def test_weak_plans_and_doors_are_named(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(tmp_path, sqlite_url, extra=MANY)
    monkeypatch.setattr(duty, "known_at_doors", lambda *_: {"gate": {8: 900}, "hall": {8: 1}})
    with house.engine.connect() as conn:
        found = weaknesses(conn, [house.site])
    assert ("ecole", "no-offline-codes", "gate", "hall", 0) in found
    assert [item for item in found if item.kind == "easy-to-guess"] == [
        ("ecole", "easy-to-guess", "gate", "", 900)
    ]
    house.engine.dispose()
