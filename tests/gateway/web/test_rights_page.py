"""The page of a person's rights: every site on one page, each with its code, QR code or card."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import segno
from sqlalchemy import select, update

from pleintemps_gateway.access.service import Issued
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.bookings.right_rules import RightRule
from pleintemps_gateway.bookings.rights import Right, add_right, end_right
from pleintemps_gateway.privacy.erasing import erase
from pleintemps_gateway.privacy.finding import Wanted, find
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import credentials, rights
from pleintemps_gateway.web.qr import qr_svg
from tests.gateway import house
from tests.gateway.test_bookings_rights import EXTRA

from .clients import browser

pytestmark = pytest.mark.anyio
NOW, DAY = house.NOW, 86_400_000
WHO: dict[str, Any] = {"person": "Inès Roux", "mail": "ines@example.org", "valid_from": NOW}
WHO |= {"rule": RightRule(days=["mon", "thu"], from_="08:00", to="12:00"), "valid_until": NOW + 60 * DAY}


class Town:
    """Two sites, the web tier over them, and who gives rights."""

    def __init__(self, built: house.House) -> None:
        self.config, self.engine, self.world = built.config, built.engine, built.world
        self.signer = load_signing(Path(built.config.keys)).signer
        self.desk = built.desk
        self.app = create_app(built.config, built.world, built.engine, built.desk)

    def give(self, site: int = 0, **values: Any) -> tuple[str, Issued]:
        here = self.config.sites[site]
        with write_transaction(self.engine, [here.site]) as conn:
            whole = WHO | {"spaces": ["hall" if site == 0 else "loft"]} | values
            right = add_right(conn, here, self.desk, Right(**whole))
            issued = self.desk.issue_right(conn, here, right, signer=self.signer)
            assert issued is not None
            return right, issued

    def end(self, right: str, site: int = 0) -> None:
        here = self.config.sites[site]
        with write_transaction(self.engine, [here.site]) as conn:
            end_right(conn, here, self.desk, right)


@pytest.fixture
def town(tmp_path: Path, sqlite_url: str) -> Iterator[Town]:
    built = house.build(tmp_path, sqlite_url, extra=EXTRA)
    yield Town(built)
    built.engine.dispose()


@pytest.fixture
async def client(town: Town) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(town.app) as opened:
        yield opened


def digits(issued: Issued) -> str:
    return f'<span class="sr">{" ".join(issued.code)}</span>'


async def test_every_right_of_a_person_is_on_one_page(client: httpx.AsyncClient, town: Town) -> None:
    _, first = town.give()
    _, there = town.give(1, kind="token")
    _, other = town.give(person="Ben", mail="ben@example.org")
    page = (await client.get(f"/b/{first.link}")).text
    assert digits(first) in page and digits(other) not in page
    assert str(qr_svg(there.code)) in page
    for words in ("École", "Moulin", "Grenier", "lundi, jeudi 08:00–12:00", "QR code pour Moulin"):
        assert words in page, words
    assert "Inès" not in page and there.code not in page
    own = (await client.get(f"/b/{there.link}")).text
    assert str(qr_svg(there.code)) in own and digits(first) not in own and ">École</h2>" not in own


async def test_the_page_outlives_its_first_right(client: httpx.AsyncClient, town: Town) -> None:
    right, first = town.give()
    there, second = town.give(1)
    town.end(right)
    page = (await client.get(f"/b/{first.link}")).text
    assert digits(first) not in page and digits(second) in page and "terminé" not in page
    town.end(there, 1)
    page = (await client.get(f"/b/{first.link}")).text
    assert digits(second) not in page and "Cet accès n&#39;ouvre plus rien" in page
    _, late = town.give()
    assert digits(late) not in (await client.get(f"/b/{first.link}")).text, (
        "nobody reads a new page by an old link"
    )


async def test_a_token_that_is_renewed_is_on_the_same_page(client: httpx.AsyncClient, town: Town) -> None:
    right, first = town.give(kind="token", valid_until=NOW + 300 * DAY)
    with town.engine.connect() as conn:
        end = conn.scalar(select(credentials.c.end).where(credentials.c.grant == first.grant))
    assert end is not None
    town.world.move(end - 6 * DAY - NOW)
    with write_transaction(town.engine, ["ecole"]) as conn:
        renewed = town.desk.issue_right(conn, town.config.sites[0], right, signer=town.signer)
    assert renewed is not None
    page = (await client.get(f"/b/{first.link}")).text
    assert str(qr_svg(first.code)) in page and str(qr_svg(renewed.code)) in page
    town.world.move(6 * DAY)
    page = (await client.get(f"/b/{first.link}")).text
    assert str(qr_svg(first.code)) not in page and str(qr_svg(renewed.code)) in page


async def test_what_is_not_there_yet_is_said(client: httpx.AsyncClient, town: Town) -> None:
    _, first = town.give()
    with write_transaction(town.engine, ["moulin"]) as conn:
        there = town.config.sites[1]
        for kind, card in (("card", "w26:7:4711"), ("code", "")):
            add_right(conn, there, town.desk, Right(**WHO | {"spaces": ["loft"], "kind": kind, "card": card}))
        mine = (rights.c.site == "ecole") & rights.c.page_link.is_not(None)
        page_link, page_key = conn.execute(select(rights.c.page_link, rights.c.page_key).where(mine)).one()
        conn.execute(update(rights).values(page_link=page_link, page_key=page_key))
    page = (await client.get(f"/b/{first.link}")).text
    assert "Vous entrez avec votre carte" in page and "4711" not in page
    assert "Il est fait en quelques minutes" in page


async def test_an_erased_right_leaves_the_page(client: httpx.AsyncClient, town: Town) -> None:
    right, first = town.give()
    _, second = town.give(1)
    with write_transaction(town.engine, ["*", "ecole"]) as conn:
        found = find(conn, "ecole", Wanted("right", right))
        erase(conn, town.config.sites[0], found, [], town.desk.vault, town.world)
        mine = select(rights.c.page_key, rights.c.page_link).where(rights.c.right == right)
        assert conn.execute(mine).one() == (None, None)
    page = (await client.get(f"/b/{first.link}")).text
    assert digits(first) not in page and ">École</h2>" not in page and digits(second) in page


async def test_a_right_has_no_buttons_of_a_booking(client: httpx.AsyncClient, town: Town) -> None:
    _, first = town.give()
    for button in ("open", "left", "back", "help", "keep"):
        answer = await client.post(f"/b/{first.link}/{button}", data={"typed": first.code, "key": "open"})
        assert answer.status_code in (404, 429), button
    assert (await client.get(f"/b/{first.link}/booking.ics")).status_code in (404, 429)
    headers = (await client.get(f"/b/{first.link}")).headers
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")


@pytest.mark.parametrize("length", [5, 120, 433])
def test_a_qr_code_is_what_the_library_made_with_its_quiet_zone(length: int) -> None:
    text = "PT1." + "b" * (length - 4)
    svg = str(qr_svg(text))
    matrix = [list(row) for row in segno.make_qr(text, error="m", boost_error=False).matrix]
    side = len(matrix) + 8
    assert f'viewBox="0 0 {side} {side}"' in svg and 'fill="#fff"' in svg and "style=" not in svg
    drawn = [[0] * len(matrix) for _ in matrix]
    (path,) = re.findall(r'd="(M[^"]+)"', svg.split('stroke="#000"')[1])
    x = y = 0
    for sign, across, down, run in re.findall(r"([Mm])(-?\d+) (-?[\d.]+)h(\d+)", path):
        x, y = (int(across), int(float(down))) if sign == "M" else (x + int(across), y + int(down))
        for step in range(int(run)):
            drawn[y - 4][x - 4 + step] = 1
        x += int(run)
    assert drawn == matrix
