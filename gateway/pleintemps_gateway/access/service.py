"""Codes of bookings and rights: issued, issued anew, handed on. Every function runs inside
``write_transaction``.
"""

from typing import Any, Final

from sqlalchemy import Connection, Row, select

from pleintemps_contract.envelope import Signer
from pleintemps_contract.gateway_messages import CredentialKind
from pleintemps_contract.offline import (
    INDEXES,
    QUARTER_MS,
    DayCodes,
    OfflineWindow,
    code_id,
    covering,
    daily_key,
)
from pleintemps_contract.world import World
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.bookings.way import doors_on_way
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.delivery.messages import Message
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.errors import BookingError
from pleintemps_gateway.store.schema import credentials, rights

from .issuing import Issued, Issuer
from .main_page import is_on_page, is_paged, open_booking_page
from .offline_plan import due, pieces, plan_of
from .placing import (
    PAGE_GRANTS,
    REST_MS,
    UNPUBLISHED,
    booking_row,
    free,
    free_ended,
    free_right,
    live_grant,
    living,
    offline_windows,
    place,
    place_right,
    times_of,
    withdraw,
    without_code,
)
from .purposes import EXTRA, MAIN, OFFLINE, ONE_TIME, Purpose
from .right_desk import issue_right, message_of_right
from .salts import ensure_salt
from .secrets import space_secrets_of
from .vault import Vault

__all__ = [
    "PAGE_GRANTS",
    "REST_MS",
    "UNPUBLISHED",
    "CodeDesk",
    "Issued",
    "ensure_salt",
    "free",
    "free_ended",
    "free_right",
    "live_grant",
    "place",
    "place_right",
    "without_code",
]

ONE_TIME_MS: Final = 15 * 60_000
"""So long a one-time code is good."""


class CodeDesk:
    """Issues codes for one gateway: its vault, its World, and the outbox where messages with them are queued.

    Drawing a code takes about 10 ms of computing (argon2id) and raises CodesExhaustedError when none of its
    length is free.
    """

    def __init__(self, sealing: bytes, world: World, outbox: Outbox) -> None:
        self.vault = Vault(sealing, world)
        self.world = world
        self.outbox = outbox
        self._issuer = Issuer(self.vault, world)

    # --- bookings -------------------------------------------------------------------------------------

    def issue(
        self,
        conn: Connection,
        site: SiteConfig,
        booking: str,
        purpose: Purpose = MAIN,
        label: str | None = None,
        *,
        duress: bool = False,
        extended: bool = False,
    ) -> Issued | None:
        """A code for a confirmed booking, placed on the doors of its way, handed on.

        One is the booking's ``main`` code; groups have ``extra`` ones, each with a ``label``. A code under
        ``duress`` opens and tells the gateway alone. None if the booking is unknown, cancelled, may have no
        code or has its main code already.
        """
        row = booking_row(conn, site.site, booking)
        if row is None or row.status != "confirmed" or row.withheld is not None:
            return None
        if purpose == MAIN and live_grant(conn, site.site, booking) is not None:
            return None
        issued = self._issue(conn, site, row, purpose, label, duress=duress, extended=extended)
        self._tell(conn, site, "code", row, issued, label=label or "")
        return issued

    def _issue(
        self,
        conn: Connection,
        site: SiteConfig,
        row: Row[Any],
        purpose: Purpose,
        label: str | None = None,
        *,
        duress: bool = False,
        extended: bool = False,
    ) -> Issued:
        facts: dict[str, Any] = {"booking": row.booking, "purpose": purpose, "label": label}
        facts |= {"duress": duress, "extended": extended}
        # a code under duress is told apart: who forces its people may look at their page with them
        page = None if purpose == MAIN or duress else row.page_key
        doors = doors_on_way(site.doors, row.space)
        issued = self._issuer.draw(conn, site, CredentialKind.CODE, doors, facts, page)
        if purpose == MAIN:
            open_booking_page(conn, site.site, row.booking, issued.link)
        place(conn, site, row.booking, self.world.now())
        return issued

    def extra(self, conn: Connection, site: SiteConfig, booking: str, label: str) -> Issued:
        """One more code of a booking; raises BookingError if it can have none."""
        issued = self.issue(conn, site, booking, EXTRA, label)
        if issued is None:
            raise BookingError("cancelled", "this booking is unknown, cancelled or may have no code")
        return issued

    def reissue(self, conn: Connection, site: SiteConfig, booking: str) -> Issued:
        """Another main code in one step, with all that :meth:`reissue_all` does."""
        return self.reissue_all(conn, site, booking)[0]

    def reissue_all(self, conn: Connection, site: SiteConfig, booking: str) -> list[Issued]:
        """Other codes, the main one first, for all that the booking's page has shown; the old ones are off
        every door and rest, and the page has another link. Offline codes go with them and are told anew.
        Raises BookingError if the booking can have no code.
        """
        row = booking_row(conn, site.site, booking)
        if row is None or row.status != "confirmed" or row.withheld is not None:
            raise BookingError("cancelled", "this booking is unknown, cancelled or may have no code")
        now = self.world.now()
        old = [each for each in living(conn, site.site, booking=booking) if is_on_page(each)]
        for credential in old:
            withdraw(conn, site, credential, now)
        issued = [self._issue(conn, site, row, MAIN)]
        self._tell(conn, site, "reissued", row, issued[0])
        row = booking_row(conn, site.site, booking) or row  # its page is another one now
        for each in old:
            if each.purpose == EXTRA:
                issued.append(self._issue(conn, site, row, EXTRA, each.label, extended=each.extended))
                self._tell(conn, site, "reissued", row, issued[-1], label=each.label or "")
        if any(_is_offline(credential) for credential in old):
            self.offline(conn, site, booking)
        return issued

    def one_time(self, conn: Connection, site: SiteConfig, booking: str, now: int) -> Issued:
        """A code that opens each door on the way once within 15 min of ``now``, whatever the booking's
        times; it replaces an earlier one. It is read out, and told to nobody here. Raises BookingError for an
        unknown or cancelled booking.
        """
        row = booking_row(conn, site.site, booking)
        if row is None or row.status != "confirmed":
            raise BookingError("cancelled", "this booking is unknown or cancelled")
        doors = doors_on_way(site.doors, row.space)
        for credential in living(conn, site.site, booking=booking):
            if credential.purpose == ONE_TIME:
                withdraw(conn, site, credential, now)
        facts = {
            "booking": booking,
            "purpose": ONE_TIME,
            "once": True,
            "start": now,
            "end": now + ONE_TIME_MS,
        }
        issued = self._issuer.draw(conn, site, CredentialKind.CODE, doors, facts)
        place(conn, site, booking, now)
        return issued

    def offline(self, conn: Connection, site: SiteConfig, booking: str) -> Issued | None:
        """The offline code that is due for a booking now and was not told yet, handed on.

        A window of more than 12 hours has several, each due two hours before it begins. None if there is no
        such window, the plan has no offline codes for the space, or all four of the window were told.
        """
        row = booking_row(conn, site.site, booking)
        if row is None or row.status != "confirmed" or row.withheld is not None:
            return None
        told = [
            offline_windows(each) for each in living(conn, site.site, booking=booking) if _is_offline(each)
        ]
        wanted = due(pieces(times_of(site, row)), row.start, self.world.now())
        missing = [part for part in wanted if part not in told]
        planned = plan_of(site).spaces.get(row.space)
        if not missing or planned is None:
            return None
        secret = space_secrets_of(conn, site.site, [row.space], self.vault)[row.space]
        codes = DayCodes(daily_key(secret, missing[0].day), planned.digits)
        issued = self._compute_offline(conn, site, row, missing[0], codes)
        if issued is not None:
            start, end = missing[0].start * QUARTER_MS, missing[0].end * QUARTER_MS
            self._tell(conn, site, "offline-code", row, issued, opens=start, closes=end)
        return issued

    def offline_to_read(
        self, conn: Connection, site: SiteConfig, booking: str, now: int
    ) -> tuple[Issued, OfflineWindow]:
        """An offline code that counts at ``now``, with its quarter hours: read out, and told to nobody here.

        In the booking's times it is good for them, else for 15 min. Raises BookingError for a booking that is
        unknown or cancelled, for a space that has no offline codes, and once all codes of now are given out.
        """
        row = booking_row(conn, site.site, booking)
        if row is None or row.status != "confirmed":
            raise BookingError("cancelled", "this booking is unknown or cancelled")
        planned = plan_of(site).spaces.get(row.space)
        if planned is None:
            raise BookingError("no-offline-code", "this space has no offline codes")
        secret = space_secrets_of(conn, site.site, [row.space], self.vault)[row.space]
        own = [part for part in pieces(times_of(site, row)) if _is_in(now, part)]
        for part in (*own, covering(now, now + ONE_TIME_MS)):
            codes = DayCodes(daily_key(secret, part.day), planned.digits)
            issued = self._compute_offline(conn, site, row, part, codes)
            if issued is not None:
                return issued, part
        raise BookingError("no-offline-code", "all offline codes of this hour are given out")

    def _compute_offline(
        self, conn: Connection, site: SiteConfig, row: Row[Any], part: OfflineWindow, codes: DayCodes
    ) -> Issued | None:
        for index in range(INDEXES):
            grant, code = code_id(site.site, row.space, part, index), codes.code(part, index)
            same = (credentials.c.site == site.site) & (credentials.c.grant == grant)
            known = conn.execute(select(credentials.c.grant).where(same)).first() is not None
            if known or self._issuer.is_taken(conn, site, code):
                continue
            start, end = part.start * QUARTER_MS, part.end * QUARTER_MS
            facts = {"booking": row.booking, "purpose": OFFLINE, "start": start, "end": end, "index": index}
            facts["digits"] = len(code)
            kind = CredentialKind.CODE.value
            return self._issuer.keep(conn, site, kind, grant, code, b"", facts, row.page_key)
        return None

    # --- rights ---------------------------------------------------------------------------------------

    def issue_right(
        self,
        conn: Connection,
        site: SiteConfig,
        right: str,
        *,
        card: str = "",
        signer: Signer | None = None,
        duress: bool = False,
    ) -> Issued | None:
        """The credential of a recurring right that has none, on the doors of its spaces, handed on.

        Of a card ``card`` is the canonical text (``w26:FACILITY:NUMBER``), a token is signed by ``signer``
        for as many windows of the next 45 days as it holds. None if the right is unknown, over, has one (of a
        token: one for longer than a week), or lacks its card or signer. Raises BookingError for a card that
        somebody has.
        """
        mine = (rights.c.site == site.site) & (rights.c.right == right)
        row = conn.execute(select(rights).where(mine)).first()
        now = self.world.now()
        if row is None or row.ended is not None or row.valid_until <= now:
            return None
        issued = issue_right(conn, site, self._issuer, row, card=card, signer=signer, duress=duress)
        if issued is not None and not row.kind.endswith("card"):
            paged = is_paged(conn, site.site, issued.grant)
            self.outbox.queue(conn, site, "right", message_of_right(site, row, issued, now, paged=paged))
        return issued

    def _tell(
        self,
        conn: Connection,
        site: SiteConfig,
        template: str,
        row: Row[Any],
        issued: Issued,
        *,
        label: str = "",
        opens: int = 0,
        closes: int = 0,
    ) -> None:
        """Queue and log the message with a code; ``opens`` and ``closes`` are those of an offline code."""
        message = Message(
            site=site.site,
            booking=row.booking,
            grant=issued.grant,
            code=issued.code,
            link=issued.link,
            label=label,
            offline=closes > 0,
            paged=is_paged(conn, site.site, issued.grant),
            opens=opens,
            closes=closes,
        )
        self.outbox.queue(conn, site, template, message)
        action = "code.reissued" if template == "reissued" else "code.issued"
        facts = {"grant": issued.grant, "offline": message.offline, "label": label}
        record(conn, site.site, self.world, action, f"booking/{row.booking}", facts)


def _is_offline(credential: Row[Any]) -> bool:
    return bool(credential.purpose == OFFLINE)


def _is_in(now: int, part: OfflineWindow) -> bool:
    return part.start * QUARTER_MS <= now < part.end * QUARTER_MS
