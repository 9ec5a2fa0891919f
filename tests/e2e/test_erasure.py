"""An erased name is found in no file of the gateway, of real agents or of the broker between them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from pleintemps_gateway.access.on_door import codes_on_doors, is_on_door
from pleintemps_gateway.cli import main
from pleintemps_gateway.config import load
from pleintemps_gateway.store.schema import bookings, grants
from tests.support.broker import find_mosquitto
from tests.support.waiting import wait_for

from .running import RunningDemo

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]
NAME, MAIL = "Anemone Vaillant", "anemone.vaillant@example.org"
DAY_MS = 86_400_000


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    with RunningDemo(tmp_path / "demo") as running:
        yield running


def files_with(folder: Path, *words: str) -> set[str]:
    found = set()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if any(word.encode() in data for word in words):
                found.add(str(path.relative_to(folder)))
    return found


def test_an_erased_name_is_in_no_file(demo: RunningDemo, capsys: pytest.CaptureFixture[str]) -> None:
    file = demo.data / "gateway.toml"
    site = load(file).sites[0]
    engine = create_engine(f"sqlite:///{demo.database}")

    def run(*words: str) -> dict[str, Any]:
        capsys.readouterr()
        assert main([*words, "--config", str(file)]) == 0
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        return told

    space = next(space.space for space in site.spaces if space.bookable)
    with engine.connect() as conn:
        latest = conn.execute(select(bookings.c.end).order_by(bookings.c.end.desc()).limit(1)).scalar_one()
    start = latest + DAY_MS
    times = ("--start", _iso(start), "--end", _iso(start + DAY_MS // 24))
    title = f"{NAME} <{MAIL}>"
    made = run("booking", "add", "--site", site.site, "--space", space, "--title", title, *times)
    booking = made["booking"]

    def held() -> bool:
        with engine.connect() as conn:
            return is_on_door(codes_on_doors(conn, site, [booking], start)[booking])

    def placed() -> bool:
        with engine.connect() as conn:
            return conn.execute(select(grants).where(grants.c.grant == made["grant"])).first() is not None

    wait_for(held, within_s=60, what="agents that hold the code")
    copy = run("backup", "--to", str(demo.data / "copies"), "--json")
    before = files_with(demo.data, NAME, MAIL)
    assert str(Path(copy["folder"]).relative_to(demo.data) / "store.db") in before and len(before) >= 2
    assert files_with(demo.data, made["grant"]) - before  # the agents know it by its grant alone

    told = run("person", "erase", "--mail", MAIL, "--json")
    assert (told["copies"], told["remains"]) == (1, []) and told["rows"][site.site]["bookings"] == 1
    assert not placed()
    assert files_with(demo.data, NAME, MAIL) == set()
    verdict = run("audit", "verify", "--json")
    assert verdict["broken"] is None and verdict["erased"] >= 1
    engine.dispose()


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
