"""The shell: every page of the table stands, has its sign, and says where it is."""

import asyncio
import re

from fastapi import FastAPI

from pleintemps_gateway.web import nav
from pleintemps_gateway.web.render import TEMPLATES

from .clients import browser, enter


def test_every_page_of_the_table_stands_with_its_sign_and_is_on_more(app: FastAPI) -> None:
    signs = set(re.findall(r'<symbol id="([^"]+)"', (TEMPLATES / "_signs.html").read_text()))
    assert {entry.sign for entry in (*nav.PAGES, nav.MORE)} <= signs
    assert len({entry.address for entry in nav.PAGES}) == len({entry.tab for entry in nav.PAGES})

    async def story() -> None:
        async with browser(app) as client:
            await enter(client, "marion")
            more = (await client.get("/more")).text
            assert '<span class="n">3<span' in more, "alerts that nobody has, on every page"
            for entry in nav.pages("manager"):
                assert f'href="{entry.address}"' in more
                page = await client.get(entry.address, follow_redirects=True)
                assert page.status_code == 200 and page.url.path != "/login", entry.address
                if entry.place != "more":
                    found = re.search(r'<nav class="tabs".*?</nav>', page.text, re.DOTALL)
                    marked = f'<a href="{entry.address}" aria-current="page">'
                    assert found is not None, entry.address
                    assert found[0].count('aria-current="page"') == found[0].count(marked) == 1

    asyncio.run(story())


def test_no_element_of_a_page_has_the_name_of_a_sign() -> None:
    """A label or a script would find the sign, which stands first."""
    signs = set(re.findall(r'<symbol id="([^"]+)"', (TEMPLATES / "_signs.html").read_text()))
    for path in sorted(TEMPLATES.glob("*.html")):
        if path.name != "_signs.html":
            assert not signs & set(re.findall(r'\bid="([^"]+)"', path.read_text())), path.name


def test_a_phone_has_at_most_five_signs_and_more_is_the_last() -> None:
    for role in ("caretaker", "manager", "tester", "viewer"):
        bar = nav.bar(role)
        assert len([entry for entry in bar if entry.place == "tab"]) <= 5
        assert bar[-1] is nav.MORE
        assert {entry.tab for entry in bar[:-1]} <= {entry.tab for entry in nav.pages(role)}
