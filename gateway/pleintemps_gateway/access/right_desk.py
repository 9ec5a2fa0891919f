"""Credentials of recurring rights, by their kind. Runs inside ``write_transaction``."""

from typing import Any

from sqlalchemy import Connection, Row

from pleintemps_contract.credentials import card_text, hash_code
from pleintemps_contract.envelope import Signer
from pleintemps_contract.gateway_messages import CredentialKind
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.delivery.messages import Message
from pleintemps_gateway.errors import BookingError

from .issuing import TYPED, Issued, Issuer
from .main_page import join_page, page_of_person
from .placing import living, place_right
from .purposes import TOKEN
from .right_rule import doors_of, windows_of_right
from .right_tokens import text_of_token
from .salts import ensure_salt


def issue_right(
    conn: Connection,
    site: SiteConfig,
    issuer: Issuer,
    right: Row[Any],
    *,
    card: str,
    signer: Signer | None,
    duress: bool,
) -> Issued | None:
    """See :meth:`CodeDesk.issue_right`; ``right`` is a row of ``rights`` that counts now."""
    if right.kind == TOKEN:
        return None if signer is None else _issue_token(conn, site, issuer, right, signer)
    if any(each.duress is duress for each in living(conn, site.site, right=right.right)):
        return None
    kind = CredentialKind(right.kind)
    facts = {"right": right.right, "extended": right.extended, "duress": duress}
    if right.kind in TYPED and duress:
        # told apart: who forces a person may look at the page with them
        issued = issuer.draw(conn, site, kind, doors_of(site, right), facts)
    elif right.kind in TYPED:
        page = page_of_person(conn, right, issuer.world.now())
        issued = issuer.draw(conn, site, kind, doors_of(site, right), facts, page and page.page_key)
        join_page(conn, right, page, issued.link)
    elif card:
        text = card_text(card)
        if issuer.is_taken(conn, site, text):
            raise BookingError("card-used", "this card belongs to somebody")
        hashed = hash_code(text, ensure_salt(conn, site, issuer.world))
        issued = issuer.keep(conn, site, kind.value, issuer.world.new_id(), text, hashed, facts)
    else:
        return None
    place_right(conn, site, right.right, issuer.world.now())
    return issued


def _issue_token(
    conn: Connection, site: SiteConfig, issuer: Issuer, right: Row[Any], signer: Signer
) -> Issued | None:
    told = max((each.end for each in living(conn, site.site, right=right.right)), default=0)
    found = text_of_token(site, right, signer, issuer.world.new_id(), issuer.world.now(), told)
    if found is None:
        return None
    token, text = found
    start, end = token.windows[0].start, token.windows[-1].end
    facts = {"right": right.right, "extended": right.extended, "start": start, "end": end}
    page = page_of_person(conn, right, issuer.world.now())
    issued = issuer.keep(conn, site, TOKEN, token.id, text, b"", facts, page and page.page_key)
    join_page(conn, right, page, issued.link)
    return issued


def message_of_right(site: SiteConfig, right: Row[Any], issued: Issued, now: int, *, paged: bool) -> Message:
    """What its person is told: the code (a token is on its page), and the next time at which it counts.

    ``paged``: the page of an earlier message shows it too.
    """
    ahead = [each for each in windows_of_right(right, calendar_of(site), now) if each.end > now]
    start, end = (ahead[0].start, ahead[0].end) if ahead else (right.valid_from, right.valid_until)
    return Message(
        site=site.site,
        right=right.right,
        grant=issued.grant,
        code="" if right.kind == TOKEN else issued.code,
        link=issued.link,
        start=start,
        end=end,
        opens=start,
        closes=end,
        until=right.valid_until,
        token=right.kind == TOKEN,
        paged=paged,
        doors=[door.door for door in doors_of(site, right)],
    )
