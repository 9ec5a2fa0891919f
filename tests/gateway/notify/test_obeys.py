"""What a person does on a page is what the rules in ingest go by, after a restart too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pleintemps_contract.agent_messages import DoorAlarmChanged, DoorPhysicalChanged
from pleintemps_contract.onvif import DoorAlarm, DoorPhysicalState
from pleintemps_contract.topics import Channel
from pleintemps_gateway.alerts.life import Act, ActKind, Duty, Refusal, act
from pleintemps_gateway.store.acts import acts, life_of, note, put_life
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.reading import alert as alert_row
from pleintemps_gateway.store.schema import alerts
from tests.gateway.house import House, build
from tests.gateway.player import birth
from tests.gateway.test_ingest_alone import EXTRA
from tests.gateway.test_ingest_site import DOOR, Site


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str) -> Iterator[Site]:
    house: House = build(tmp_path, sqlite_url, extra=EXTRA)
    yield Site(house)
    house.engine.dispose()


def the_alert(site: Site) -> dict[str, Any]:
    """That of the test: an agent that says nothing raises its own."""
    (row,) = (row for row in site.rows(alerts) if row["kind"] != "agent-silent")
    return dict(row)


def do(site: Site, wish: Act) -> None:
    """As a page does it."""
    now = site.house.world.now()
    with write_transaction(site.house.engine, ["ecole"]) as conn:
        row = alert_row(conn, ("ecole",), the_alert(site)["alert"])
        assert row is not None
        step = act(life_of(row), wish, Duty(), now)
        assert not isinstance(step, Refusal)
        put_life(conn, "ecole", row.alert, step.life, now)
        note(conn, "ecole", row.alert, now, step.done)


def state(site: Site) -> str:
    return str(the_alert(site)["state"])


def history(site: Site) -> list[Any]:
    with site.house.engine.connect() as conn:
        return [row.act for row in acts(conn, "ecole", the_alert(site)["alert"])]


def test_a_forced_door_that_was_passed_on_is_not_over_when_it_closes(site: Site) -> None:
    site.hear(Channel.BIRTH, birth(doors=[DOOR]))
    site.events(1, DoorPhysicalChanged(door="hall", state=DoorPhysicalState.OPEN))
    site.events(2, DoorAlarmChanged(door="hall", alarm=DoorAlarm.FORCED_OPEN))
    site.wait(1_000)
    do(site, Act(kind=ActKind.TAKE, by="anne"))
    site.wait(1_000)
    do(site, Act(kind=ActKind.GIVE, by="anne", person="bob"))  # nobody has it any more
    site.wait(1_000)
    site.events(3, DoorPhysicalChanged(door="hall", state=DoorPhysicalState.CLOSED))
    site.wait(1_000)
    assert state(site) == "open"
    do(site, Act(kind=ActKind.TAKE, by="bob"))
    site.wait(1_000)
    assert state(site) == "resolved"
    assert history(site) == ["opened", "take", "give", "take", "resolved"]


def test_a_paused_alert_is_known_after_a_restart_and_ends_quietly(site: Site) -> None:
    site.memory.refuse("entrance/events", "nonsense", 5)
    site.wait(1_000)
    until = site.house.world.now() + 3_600_000
    do(site, Act(kind=ActKind.PAUSE, by="anne", until=until))
    site.wait(1_000)
    again = Site(site.house)
    again.wait(16 * 60_000)  # no other message was refused
    assert state(again) == "resolved"
    row = the_alert(again)
    assert (row["paused_until"], row["due"]) == (None, None)
    assert history(again) == ["opened", "pause", "resolved"]
