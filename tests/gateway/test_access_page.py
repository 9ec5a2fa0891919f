"""The page that shows what was issued after its link was told: for that link, and for nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.access.service import Issued
from pleintemps_gateway.access.vault import Vault, link_hash, open_on_page, page_key
from pleintemps_gateway.bookings.service import create
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, credentials, rights

from .house import HOUR, NOW, House, build

DAY = 86_400_000
PERSON = {"person": "Inès  Roux", "mail": "Ines@example.org", "phone": "", "language": "fr", "kind": "code"}


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    built = build(tmp_path, store_url)
    yield built
    built.engine.dispose()


@given(code=st.text("0123456789", min_size=1, max_size=400), seed=st.integers(0, 2**32))
def test_only_the_link_of_the_page_opens_what_is_sealed_to_it(code: str, seed: int) -> None:
    vault = Vault(b"s" * 32, ManualWorld(0, seed))
    link, other = vault.new_link(), vault.new_link()
    key = page_key(link)
    sealed = vault.seal_to_page("ecole", "g", key, code)
    assert open_on_page("ecole", "g", link, sealed) == code
    assert key not in sealed
    assert vault.seal_to_page("ecole", "g", key, code) != sealed
    for site, grant, wrong in (("ecole", "g", other), ("ecole", "h", link), ("mairie", "g", link)):
        with pytest.raises(InvalidTag):
            open_on_page(site, grant, wrong, sealed)


def test_later_codes_are_sealed_to_the_page_of_the_booking(house: House) -> None:
    with write_transaction(house.engine, ["ecole"]) as conn:
        start, end = NOW + HOUR, NOW + 2 * HOUR
        made = create(conn, house.site, house.desk, space="hall", start=start, end=end, title="x")
        assert made.issued is not None
        extra = house.desk.extra(conn, house.site, made.booking, "choir")
        silent = house.desk.issue(conn, house.site, made.booking, "extra", "calm", duress=True)
        offline = house.desk.offline(conn, house.site, made.booking)
        assert offline is not None and silent is not None
        sealed = {row.grant: row.paged_code for row in conn.execute(select(credentials))}
        for issued in (extra, offline):
            assert open_on_page("ecole", issued.grant, made.issued.link, sealed[issued.grant]) == issued.code
        assert sealed[silent.grant] is None, "who forces its people looks at their page with them"
        assert conn.scalar(select(bookings.c.page_key)) == page_key(made.issued.link)

        first, *_ = new = house.desk.reissue_all(conn, house.site, made.booking)
        assert conn.scalar(select(bookings.c.page_key)) == page_key(first.link)
        sealed = {row.grant: row.paged_code for row in conn.execute(select(credentials))}
        assert open_on_page("ecole", new[1].grant, first.link, sealed[new[1].grant]) == new[1].code
        with pytest.raises(InvalidTag):
            open_on_page("ecole", new[1].grant, made.issued.link, sealed[new[1].grant])


def entitle(house: House, name: str, **changes: object) -> Issued:
    values: dict[str, object] = {**PERSON, "spaces": '["hall"]', "extended": False, "updated": NOW}
    values |= {"rule": '{"days":["mon"],"from":"08:00","to":"12:00"}', "valid_from": 0}
    values |= {"valid_until": NOW + 90 * DAY} | changes
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(insert(rights).values(site="ecole", right=name * 32, **values))
        issued = house.desk.issue_right(conn, house.site, name * 32)
        assert issued is not None
        return issued


def page_of(house: House, name: str) -> str:
    with house.engine.connect() as conn:
        return str(conn.scalar(select(rights.c.page_link).where(rights.c.right == name * 32)))


def test_the_rights_of_one_person_share_a_page_and_of_nobody_else(house: House) -> None:
    first = entitle(house, "a")
    second = entitle(house, "b", person="inès roux", mail="ines@example.org")
    assert page_of(house, "a") == page_of(house, "b") == link_hash(first.link)
    colleague = entitle(house, "c", person="Ben Faure")
    assert page_of(house, "c") == link_hash(colleague.link), "an office has one address for several people"
    by_phone = entitle(house, "d", mail="", phone="+33 6")
    assert page_of(house, "d") == link_hash(by_phone.link)
    entitle(house, "e", mail="", phone="+33 6")
    assert page_of(house, "e") == page_of(house, "d")
    alone = [entitle(house, name, mail="") for name in "01"]
    assert [page_of(house, "0"), page_of(house, "1")] == [link_hash(each.link) for each in alone]
    with house.engine.connect() as conn:
        query = select(credentials.c.paged_code).where(credentials.c.grant == second.grant)
        sealed = conn.scalars(query).one()
    assert open_on_page("ecole", second.grant, first.link, sealed) == second.code


def test_a_page_ends_with_the_last_right_on_it(house: House) -> None:
    entitle(house, "a", valid_until=NOW + DAY)
    house.world.move(2 * DAY)
    late = entitle(house, "b")
    assert page_of(house, "b") == link_hash(late.link)
