"""What a running gateway does when an agent comes or is shut out: hears, refuses, clears, and tells."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pleintemps_contract.topics import Channel
from pleintemps_gateway.enrolment.service import Office
from pleintemps_gateway.store.schema import alerts, journals, refusals
from pleintemps_gateway.web.agents import load_agents
from tests.gateway.house import build
from tests.gateway.player import batch, birth
from tests.gateway.test_ingest_site import Site

from .office import HOUR, request


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str) -> Iterator[Site]:
    house = build(tmp_path, sqlite_url, extra='[enrolment]\nbroker = "mqtts://broker.example"\n')
    yield Site(house)
    house.engine.dispose()


def stolen(site: Site) -> list[str]:
    return [row["state"] for row in site.rows(alerts) if row["kind"] == "agent-stolen"]


def heard(site: Site, journal: str) -> bool:
    site.hear(Channel.EVENTS, batch(1, 2, journal=journal))
    return any(row["journal"] == journal for row in site.rows(journals))


def test_who_is_stolen_is_refused_and_told_until_another_one_has_the_name(site: Site) -> None:
    house = site.house
    office = Office(house.config, house.engine, house.world, house.world)
    site.hear(Channel.BIRTH, birth(), retained=False)
    site.wait(1_000)
    assert heard(site, "1" * 32)
    site.said.clear()
    office.shut_out("ecole", "entrance", "stolen", "test", stolen=True)
    site.wait(1_000)
    assert not heard(site, "2" * 32)
    told = {row["source"]: row["reason"] for row in site.rows(refusals)}
    assert told == {"entrance/events": "this agent was shut out"}
    cleared = [topic for topic, payload, retained in site.said if retained and not payload]
    assert "pleintemps/v1/ecole/entrance/grants/manifest" in cleared
    assert any("/entrance/grants/page/" in topic for topic in cleared)
    assert stolen(site) == ["open"]
    with house.engine.connect() as conn:
        views = {view.agent: view for view in load_agents(conn, house.config.sites, house.world.now())}
    assert views["entrance"].todo == ("shut-out",)
    assert "shut-out" not in views["upstairs"].todo
    again = Site(house)  # a gateway that starts anew knows it too
    assert not heard(again, "3" * 32)
    again.wait(1_000)
    assert stolen(again) == ["open"]
    token, _ = office.invite("ecole", "entrance", HOUR, "test")
    office.enrol(token.text, request(), "")
    again.wait(1_000)
    assert stolen(again) == ["resolved"]
    assert heard(again, "4" * 32)


def test_who_is_only_revoked_is_no_alert(site: Site) -> None:
    house = site.house
    office = Office(house.config, house.engine, house.world, house.world)
    office.shut_out("ecole", "entrance", "out of use", "test", stolen=False)
    site.wait(1_000)
    assert stolen(site) == [] and not heard(site, "2" * 32)
