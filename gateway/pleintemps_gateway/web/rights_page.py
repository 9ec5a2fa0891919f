"""What the personal page of a person's recurring rights shows, on every site: read with the secret link."""

import hmac
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from pleintemps_contract.gateway_messages import Window
from pleintemps_gateway.access.on_door import rights_on_doors
from pleintemps_gateway.access.placing import living
from pleintemps_gateway.access.purposes import TOKEN
from pleintemps_gateway.access.right_rule import rule_of, windows_of_right
from pleintemps_gateway.access.vault import link_hash
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.bookings.right_rules import RightRule
from pleintemps_gateway.bookings.rights import rights_by_page
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.delivery.letters import rules_of
from pleintemps_gateway.store.schema import credentials, rights

from .booking_page import WayDoor
from .page_codes import PageCode, code_of


@dataclass(frozen=True, slots=True)
class RightView:
    """One right at one site. ``phase`` is ``on``, ``waiting`` (its code or token is not made yet),
    ``replaced`` (by another one) or ``over``; ``next`` is when it counts next. Times are Unix ms.
    """

    site: SiteConfig
    right: str
    kind: str
    phase: str
    spaces: tuple[str, ...]
    rule: RightRule
    valid_from: int
    valid_until: int
    next: Window | None
    codes: tuple[PageCode, ...]
    doors: tuple[WayDoor, ...]

    @property
    def zone(self) -> str:
        return self.site.zone

    @property
    def is_card(self) -> bool:
        return self.kind.endswith("card")

    def rules(self, language: str) -> list[str]:
        return rules_of(self.site, None, language)


@dataclass(frozen=True, slots=True)
class PersonPage:
    """The rights of one person; one alone where the link is not that of their page."""

    rights: tuple[RightView, ...]

    @property
    def zone(self) -> str:
        return self.rights[0].zone


def find_rights(conn: Connection, config: GatewayConfig, link: str, now: int) -> PersonPage | None:
    """What ``link`` shows; None for a link that nobody was given, or of something else."""
    hashed, sites = link_hash(link), {site.site: site for site in config.sites}
    whole = rights_by_page(conn, list(sites), hashed)
    if whole:
        views = [_right(conn, sites[row.site], row, link, now) for row in whole]
        # those that are over are told as long as nothing else is
        return PersonPage(tuple([view for view in views if view.phase != "over"] or views))
    query = select(credentials).where(credentials.c.site.in_(sites), credentials.c.link_hash == hashed)
    row = conn.execute(query).first()
    if row is None or row.right is None or not hmac.compare_digest(row.link_hash, hashed):
        return None
    mine = (rights.c.site == row.site) & (rights.c.right == row.right)
    right = conn.execute(select(rights).where(mine)).first()
    if right is None:
        return None
    return PersonPage((_right(conn, sites[row.site], right, link, now, row),))


def _right(
    conn: Connection, site: SiteConfig, row: Row[Any], link: str, now: int, only: Row[Any] | None = None
) -> RightView:
    """``only`` is the one credential to show, of a link that is not that of the page."""
    over = row.ended is not None or row.valid_until <= now
    own = [] if over else living(conn, site.site, right=row.right)
    if only is not None:
        own = [each for each in own if each.grant == only.grant]
    codes = [code_of(each, link, [], now) for each in own if only is not None or not each.duress]
    codes = [each for each in codes if not (each.kind == TOKEN and each.end <= now)]
    ahead = [each for each in windows_of_right(row, calendar_of(site), now) if each.end > now]
    names = {door.door: door.name for door in site.doors}
    spaces = {space.space: space.name for space in site.spaces}
    reports = rights_on_doors(conn, site, [row.right], now).get(row.right, [])
    if over:
        phase = "over"
    elif codes:
        phase = "on"
    else:
        phase = "replaced" if only is not None else "waiting"
    return RightView(
        site=site,
        right=row.right,
        kind=row.kind,
        phase=phase,
        spaces=tuple(spaces.get(each, each) for each in msgspec.json.decode(row.spaces, type=list[str])),
        rule=rule_of(row),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        next=ahead[0] if ahead and not over else None,
        codes=tuple(codes),
        doors=tuple(WayDoor(each.door, names[each.door], each.held, each.reason) for each in reports),
    )
