"""What tests of the page of a booking share."""

import re
from typing import Any

import httpx
from sqlalchemy import select

from pleintemps_gateway.store.schema import audit
from tests.gateway.web.visitors import Visitors

NOW = 1_795_400_000_000


def rows(people: Visitors, table: Any) -> list[Any]:
    with people.engine.connect() as conn:
        return list(conn.execute(select(table)).all())


def audited(people: Visitors, action: str) -> list[Any]:
    return [row for row in rows(people, audit) if row.action == action]


def typed_in(page: httpx.Response) -> str:
    found = re.search(r'name="typed"[^>]* value="([0-9]*)"', page.text)
    assert found
    return found[1]


async def press(client: httpx.AsyncClient, link: str, code: str, door: str = "gate") -> httpx.Response:
    """Type ``code`` key by key, as a browser without script does, then "open"."""
    typed = ""
    for key in code:
        page = await client.post(f"/b/{link}/open", data={"typed": typed, "key": key, "door": door})
        assert page.status_code == 200
        typed = typed_in(page)
    return await client.post(f"/b/{link}/open", data={"typed": typed, "key": "open", "door": door})
