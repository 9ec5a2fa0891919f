"""A rollout over a real store: offered, fetched as agents fetch it, gone on with, halted."""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from pleintemps_contract.errors import ContractError
from pleintemps_contract.releases import Offer, open_offer, open_release
from pleintemps_contract.world import SystemWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.audit.log import entries_about
from pleintemps_gateway.cli import main
from pleintemps_gateway.config import load
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.keys import load_gateway_keys
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents, alerts, devices
from pleintemps_gateway.store.schema_updates import rollouts
from pleintemps_gateway.updates.desk import Desk, put_release
from pleintemps_gateway.updates.settings import UpdatesConfig
from tests.edge.updates.releases import OTHER, RELEASER, write_release
from tests.gateway.house import HOUR, House, build
from tests.gateway.test_ingest_site import Site
from tests.gateway.web.clients import browser
from tests.gateway.web.town import add

KEY = base64.b64encode(RELEASER.public.public_bytes_raw()).decode()
FILES = {"pleintemps-1.3.0-py3-none-any.whl": b"wheel", "requirements-3.11.txt": b"x"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    (tmp_path / "house").mkdir()
    made = build(tmp_path / "house", "")
    text = made.file.read_text()
    made.file.write_text(
        text.replace("[[sites]]", f'[updates]\nrelease_keys = ["{KEY}"]\nsoak_h = 1\n[[sites]]', 1)
    )
    made = made._replace(config=load(made.file))
    with write_transaction(made.engine, ["ecole"]) as conn:
        for name in ("entrance", "upstairs"):
            seen: dict[str, Any] = {
                "presence": "online",
                "last_seen": made.world.now(),
                "clock_trusted": True,
            }
            add(conn, agents, site="ecole", agent=name, version="1.2.0", boot="b" * 32, **seen)
    yield made
    made.engine.dispose()


def desk_of(house: House) -> Desk:
    settings = house.config.updates
    assert settings is not None
    return Desk(
        house.config, settings, house.engine, load_gateway_keys(Path(house.config.keys)).signer, house.world
    )


def tell(house: House, agent: str, **values: Any) -> None:
    """What an agent tells now."""
    with write_transaction(house.engine, ["ecole"]) as conn:
        mine = agents.c.agent == agent
        conn.execute(update(agents).where(mine).values(last_seen=house.world.now(), **values))


def fetched(house: House, path: str) -> httpx.Response:
    async def get() -> httpx.Response:
        async with browser(create_app(house.config, house.world, house.engine)) as client:
            return await client.get(f"/updates/{path}")

    return asyncio.run(get())


def offer(house: House, agent: str) -> Offer:
    answer = fetched(house, f"ecole/{agent}/offer")
    assert answer.status_code == 200
    return open_offer(answer.content, "ecole", agent, house.agent_keys(agent).trusted)


def test_canary_then_the_rest_then_halted(house: House, tmp_path: Path) -> None:
    settings, desk, site = house.config.updates, desk_of(house), house.site
    assert settings is not None
    write_release(tmp_path / "release", "1.3.0", FILES)
    release = put_release(Path(house.config.state), tmp_path / "release", settings)
    desk.offer(site, release.version, ["entrance"])
    assert (offer(house, "entrance").action, offer(house, "upstairs").action) == ("install", "stay")
    manifest = fetched(house, "releases/1.3.0/any/release.json")
    assert open_release(manifest.content, settings.trusted) == release
    assert fetched(house, f"releases/1.3.0/any/{release.files[0].name}").content == b"wheel"

    first = offer(house, "upstairs").number
    tell(house, "entrance", version="1.3.0")
    tell(house, "upstairs")
    desk.step(site)
    house.world.move(HOUR)
    for name in ("entrance", "upstairs"):
        tell(house, name)
    desk.step(site)
    assert offer(house, "upstairs").action == "install" and offer(house, "upstairs").number > first

    tell(house, "upstairs", version="1.3.0")
    with write_transaction(house.engine, ["ecole"]) as conn:
        ill = {"health": "error", "detail": "no answer", "at": house.world.now()}
        add(conn, devices, site="ecole", agent="upstairs", device="strike", driver="strike", **ill)
    halted = desk.step(site)
    assert halted is not None and halted.state == "halted"
    assert halted.reason == "upstairs has new faults: device strike"
    assert (offer(house, "entrance").action, offer(house, "upstairs").action) == ("back", "back")
    with house.engine.connect() as conn:
        assert conn.execute(select(rollouts.c.state)).scalar_one() == "halted"
        done = [entry.action for entry in entries_about(conn, "ecole", "site/ecole")]
    assert done == ["update.offered", "update.halted"]


def standing(site: Site) -> list[tuple[str, Any]]:
    rows = site.rows(alerts)
    return [(row["state"], json.loads(row["facts"])) for row in rows if row["kind"] == "update-halted"]


def test_what_halts_by_itself_is_an_alert_until_it_is_given_up_or_goes_on(house: House) -> None:
    desk, site = desk_of(house), Site(house)
    desk.offer(house.site, "1.3.0", ["entrance"])
    house.world.move(3 * HOUR)
    tell(house, "entrance")
    desk.step(house.site)
    site.wait(1_000)
    facts = {"version": "1.3.0", "agent": "entrance", "why": "not-taken", "detail": ""}
    assert standing(site) == [("open", facts)]
    again = Site(house)  # a gateway that starts anew knows it too
    again.wait(1_000)
    assert standing(again) == [("open", facts)]
    given_up = desk.halt(house.site, "not for these")
    assert given_up is not None and given_up.reason == "entrance has not taken it; not for these"
    again.wait(1_000)
    assert standing(again) == [("resolved", facts)]

    desk.offer(house.site, "1.4.0", ["entrance"])
    house.world.move(3 * HOUR)
    tell(house, "entrance")
    desk.step(house.site)
    again.wait(1_000)
    assert [state for state, _ in standing(again)] == ["resolved", "open"]
    desk.offer(house.site, "1.4.1", ["entrance"])
    again.wait(1_000)
    assert [state for state, _ in standing(again)] == ["resolved", "resolved"]
    desk.halt(house.site, "heard of a fault")
    again.wait(1_000)
    assert len(standing(again)) == 2, "who halts it knows"


def test_what_cannot_be_offered(house: House, tmp_path: Path) -> None:
    settings, desk, site = house.config.updates, desk_of(house), house.site
    assert settings is not None
    state = Path(house.config.state)
    write_release(tmp_path / "foreign", "1.3.0", FILES, signer=OTHER)
    with pytest.raises(ContractError, match="unknown-key"):
        put_release(state, tmp_path / "foreign", settings)
    write_release(tmp_path / "changed", "1.3.0", FILES)
    (tmp_path / "changed" / "requirements-3.11.txt").write_bytes(b"y")
    with pytest.raises(SettingsError, match="not what was signed"):
        put_release(state, tmp_path / "changed", settings)
    assert not (state / "updates" / "releases" / "1.3.0").exists()
    for canary, version, said in (
        ("nobody", "1.3.0", "is not there"),
        ("entrance", "1.1.0", "is not older"),
        ("entrance", "1.2.0", "is not older"),
    ):
        with pytest.raises(SettingsError, match=said):
            desk.offer(site, version, [canary])
    tell(house, "entrance", presence="offline")
    with pytest.raises(SettingsError, match="is not there"):
        desk.offer(site, "1.3.0", ["entrance"])
    desk.offer(site, "1.3.0", ["upstairs"])
    with pytest.raises(SettingsError, match="on its way"):
        desk.offer(site, "1.4.0", ["upstairs"])


def test_only_what_was_laid_out_is_handed_out(house: House, tmp_path: Path) -> None:
    desk_of(house).offer(house.site, "1.3.0", ["entrance"])
    for path in (
        "../gateway.db",
        "releases/../../gateway.db",
        "%2e%2e/gateway.db",
        "ecole/entrance",
        "",
        "ecole/x/offer",
    ):
        assert fetched(house, path).status_code == 404


def test_the_commands(house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_release(tmp_path / "release", "1.3.0", FILES)
    where = ["--config", str(house.file), "--json"]
    assert main(["update", "status", *where]) == 0
    assert json.loads(capsys.readouterr().out) == {"ecole": None}
    offer = ["update", "offer", *where, "--from", str(tmp_path / "release")]
    assert main([*offer, "--canary", "nobody"]) == 2
    assert "nobody is not there" in capsys.readouterr().err
    house.world.step_wall(SystemWorld().now() - house.world.now())
    tell(house, "entrance")
    assert main([*offer, "--canary", "entrance"]) == 0
    assert json.loads(capsys.readouterr().out)["ecole"]["waves"] == [["entrance"], ["upstairs"]]
    assert main(["update", "halt", *where, "--reason", "on the radio"]) == 0
    assert json.loads(capsys.readouterr().out)["ecole"]["reason"] == "on the radio"
    assert main(["update", "status", "--config", str(house.file)]) == 1
    assert "1.3.0 halted, wave 1 of 2: 0 of 1 with an offer are well" in capsys.readouterr().out


@pytest.mark.parametrize("waves", [(0.5,), (0.5, 0.5, 1.0), (1.0, 0.5)])
def test_waves_rise_to_one(waves: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="waves"):
        UpdatesConfig(release_keys=(KEY,), waves=waves)
