"""Groups in the store. Every function that writes runs inside ``write_transaction``."""

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select

from pleintemps_gateway.config import RulesConfig
from pleintemps_gateway.store.reading import EVERY_SITE
from pleintemps_gateway.store.schema import groups
from pleintemps_gateway.store.upsert import upsert

from .groups import Papers, briefed_until, slug_of

NAME_LENGTH: Final = 200


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``groups`` without its site. ``contact`` answers for the group; times are Unix ms."""

    group: str
    name: str
    contact: str
    mail: str = ""
    phone: str = ""
    language: str = ""
    convention_until: int | None = None
    insurance_until: int | None = None
    briefed: int | None = None
    people: int | None = None


class GroupIndex:
    """The groups that count at one site, as they stand in this transaction."""

    def __init__(self, conn: Connection, site: str) -> None:
        self._by_slug: dict[str, Row[Any]] = {}
        self._by_name: dict[str, Row[Any]] = {}
        rows = conn.execute(select(groups).where(groups.c.site.in_((site, EVERY_SITE)))).all()
        # the site's own come last and hide those of every site
        for row in sorted(rows, key=lambda row: (row.site != EVERY_SITE, row.group)):
            self._by_slug[row.group] = row
            self._by_name[slug_of(row.name)] = row

    def find(self, told: str) -> Row[Any] | None:
        """The group that is told by its slug or its name."""
        name = slug_of(told)
        if not name:
            return None
        return self._by_slug.get(told) or self._by_slug.get(name) or self._by_name.get(name)

    def slug(self, told: str) -> str | None:
        """What ``bookings.group`` holds: the group's own slug, that of its name while nobody knows it."""
        found = self.find(told)
        return str(found.group) if found is not None else slug_of(told) or None


def papers_of(row: Row[Any], rules: RulesConfig) -> Papers:
    """The papers of a row of ``groups``."""
    briefed = briefed_until(row.briefed, rules.briefing_days)
    return Papers(row.convention_until, row.insurance_until, briefed, row.people)


def list_groups(conn: Connection, site: str) -> list[Row[Any]]:
    """Every group that counts at ``site``, by name."""
    here = groups.c.site.in_((site, EVERY_SITE))
    return list(conn.execute(select(groups).where(here).order_by(groups.c.name, groups.c.site)).all())


def put_group(conn: Connection, site: str, group: Group, now: int) -> dict[str, Any]:
    """Store ``group`` (``site`` may be EVERY_SITE) and return what changed, empty if nothing did."""
    same = (groups.c.site == site) & (groups.c.group == group.group)
    known = conn.execute(select(groups).where(same)).first()
    values = msgspec.structs.asdict(group)
    old = {} if known is None else known._asdict()
    changed = {name: value for name, value in values.items() if known is None or old[name] != value}
    if changed:
        upsert(conn, groups, [values | {"site": site, "updated": now}])
    return changed
