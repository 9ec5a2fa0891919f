"""A restore brings nobody back who was shut out since."""

from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from pleintemps_gateway.backup.restoring import restore
from pleintemps_gateway.backup.saving import save
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import enrolments, gateways, leases, shut_out
from tests.gateway.house import HOUR, NOW, build
from tests.gateway.web.town import add


def test_who_was_shut_out_since_stays_out_and_no_token_lives_again(tmp_path: Path) -> None:
    (tmp_path / "house").mkdir()
    house = build(tmp_path / "house", "")
    vault, world = house.desk.vault, house.world
    out: dict[str, Any] = {"site": "ecole", "reason": "stolen", "stolen": True}
    token: dict[str, Any] = {"site": "ecole", "agent": "entrance", "made": NOW, "expires": NOW + HOUR}
    with write_transaction(house.engine, ["ecole"]) as conn:
        add(conn, shut_out, agent="upstairs", at=NOW, **out)
        add(conn, enrolments, token_hash="t", **token)
        term = {"gateway": "one", "run": "r" * 32}
        add(conn, gateways, site="*", sites="s", joined=NOW, expires=NOW + HOUR, **term)
        add(conn, leases, site="ecole", token=5, taken=NOW, **term)
    save(house.config, house.engine, vault, world, tmp_path / "copies")
    with write_transaction(house.engine, ["ecole"]) as conn:
        add(conn, shut_out, agent="entrance", at=NOW + 1, **out)
        conn.execute(shut_out.update().where(shut_out.c.agent == "upstairs").values(ended=NOW + 2))
    restore(house.config, house.engine, vault, world, tmp_path / "copies", force=True)
    with house.engine.connect() as conn:
        found = conn.execute(select(shut_out.c.agent, shut_out.c.ended).order_by(shut_out.c.agent)).all()
        assert [tuple(row) for row in found] == [("entrance", None), ("upstairs", NOW + 2)]
        for table in (enrolments, gateways, leases):
            assert conn.execute(select(func.count()).select_from(table)).scalar_one() == 0
    house.engine.dispose()
