"""Article 17: what is held is taken out of every table of one site. Runs inside ``write_transaction``.

What is of rooms stays: times, states, how many came. What names somebody goes, and what leads to them:
who opened what by the erased codes, the delivery log, the page's secret link. A booking that is still to come
stays as nobody's, without a code, so that its room is not given away; the owner cancels it at its source.
"""

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, delete, tuple_, update

from pleintemps_contract.world import World
from pleintemps_gateway.access.service import free, free_right
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.audit.log import erase as erase_entries
from pleintemps_gateway.audit.log import erase_named, record
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import (
    alert_acts,
    alerts,
    bookings,
    calls,
    commands,
    contacts,
    credentials,
    deliveries,
    events,
    groups,
    hooked,
    rights,
)
from pleintemps_gateway.store.schema_rooms import marks

from . import lists, usages
from .finding import (
    GONE,
    Found,
    Wanted,
    alert_rows,
    booking_rows,
    command_rows,
    credential_rows,
    event_keys,
    hooked_rows,
    mark_rows,
)
from .hooks import blanked
from .lists import Erasure
from .masking import UID, erased_uid, mark_of_uid

WITHHELD: Final = "erased"
"""Why a booking of nobody has no code."""
_CHUNK: Final = 200

Counts = dict[str, int]


def entries_for(
    conn: Connection, site: str, wanted: Wanted, found: Found, vault: Vault, world: World
) -> list[Erasure]:
    """What the lists must say before anything of ``found`` goes."""
    marks = [("booking", vault.mark(site, "booking", name)) for name in found.bookings]
    marks += [("right", vault.mark(site, "right", name)) for name in found.rights]
    marks += [("group", vault.mark(where, "group", slug)) for where, slug in found.groups]
    if wanted.kind == "mail":
        marks.append(("mail", vault.mark(site, "mail", wanted.text.casefold())))
    for row in booking_rows(conn, site, found):
        if not row.uid.startswith(GONE):
            marks.append((UID, mark_of_uid(vault, site, row.source, row.uid)))
    now = world.now()
    return [Erasure(site=site, erasure=world.new_id(), kind=kind, mark=mark, at=now) for kind, mark in marks]


def erase(
    conn: Connection,
    site: SiteConfig,
    found: Found,
    entries: list[Erasure],
    vault: Vault,
    world: World,
    by: str = "",
) -> Counts:
    """Take ``found`` out of the store; how many rows of each table were touched.

    ``entries`` (of :func:`entries_for`) are stored with it. Repeating it does no harm.
    """
    name, now = site.site, world.now()
    booked = booking_rows(conn, name, found)
    for row in booked:
        free(conn, site, row.booking, now)
    for right in found.rights:
        free_right(conn, site, right, now)
    counts: Counts = {}
    # what is found by words goes before the words themselves
    counts["hooked"] = _hooked(conn, name, booked, found)
    counts["alerts"] = _alerts(conn, name, booked, now)
    counts["commands"] = _commands(conn, name, found, now)
    counts["marks"] = _marks(conn, name, found, now)
    counts["credentials"], counts["events"] = _credentials(conn, name, found, now)
    counts["calls"] = _delete_of(conn, calls, calls.c.booking, name, found.bookings)
    counts["contacts"] = _delete_of(conn, contacts, contacts.c.booking, name, found.bookings)
    counts["deliveries"] = _delete_of(conn, deliveries, deliveries.c.booking, name, found.bookings)
    counts["deliveries"] += _delete_of(conn, deliveries, deliveries.c.right, name, found.rights)
    counts["usage"] = usages.blank(conn, name, found.bookings, now)
    counts["bookings"] = sum(_booking(conn, name, row, vault, now) for row in booked)
    counts["rights"] = _rights(conn, name, found, now)
    counts["groups"] = _groups(conn, found)
    counts["audit"] = _audit(conn, name, found)
    lists.store(conn, entries)
    if found:
        fields = {"by": by, "rows": sum(counts.values())}
        record(conn, name, world, "person.erased", f"site/{name}", fields)
    return {table: count for table, count in counts.items() if count}


def _hooked(conn: Connection, site: str, booked: list[Row[Any]], found: Found) -> int:
    rows = hooked_rows(conn, site, booked, found.words)
    for row in rows:
        mine = (hooked.c.site == site) & (hooked.c.feed == row.feed) & (hooked.c.uid == row.uid)
        conn.execute(update(hooked).where(mine).values(body=blanked(row.body)))
    return len(rows)


def _alerts(conn: Connection, site: str, booked: list[Row[Any]], now: int) -> int:
    """The figures stay, the sentence of a page can still be made of them."""
    rows = alert_rows(conn, site, booked)
    titles = {row.title for row in booked if row.title}
    for row in rows:
        mine = (alerts.c.site == site) & (alerts.c.alert == row.alert)
        facts = msgspec.json.decode(row.facts, type=dict[str, Any])
        kept = {name: "" if value in titles else value for name, value in facts.items()}
        text = msgspec.json.encode(kept).decode()
        conn.execute(update(alerts).where(mine).values(facts=text, comment=None))
        acts = (alert_acts.c.site == site) & (alert_acts.c.alert == row.alert)
        conn.execute(update(alert_acts).where(acts).values(comment=None))
        record_change(conn, site, "alerts", row.alert, now)
    return len(rows)


def _commands(conn: Connection, site: str, found: Found, now: int) -> int:
    rows = command_rows(conn, site, found)
    for row in rows:
        mine = (commands.c.site == site) & (commands.c.command == row.command)
        conn.execute(update(commands).where(mine).values(user="", reason=None))
        record_change(conn, site, "commands", row.command, now)
    return len(rows)


def _marks(conn: Connection, site: str, found: Found, now: int) -> int:
    """The hour stays: it is the room's."""
    rows = mark_rows(conn, site, found.words)
    for row in rows:
        conn.execute(update(marks).where(marks.c.site == site, marks.c.mark == row.mark).values(by=""))
        record_change(conn, site, "marks", row.mark, now)
    return len(rows)


def _credentials(conn: Connection, site: str, found: Found, now: int) -> tuple[int, int]:
    """The rows stay until their digits have rested, and open, read and name nothing any more."""
    rows = credential_rows(conn, site, found)
    grants = [row.grant for row in rows]
    for grant in grants:
        mine = (credentials.c.site == site) & (credentials.c.grant == grant)
        nothing: dict[str, Any] = {"label": None, "encrypted_code": b"", "sealed_hash": b""}
        nothing |= {"paged_code": None, "link_hash": f"erased:{grant}", "booking": None, "right": None}
        conn.execute(update(credentials).where(mine).values(nothing))
        record_change(conn, site, "credentials", grant, now)
    keys = event_keys(conn, site, grants)
    for start in range(0, len(keys), _CHUNK):
        some = tuple_(events.c.journal, events.c.seq).in_(keys[start : start + _CHUNK])
        conn.execute(delete(events).where(events.c.site == site, some))
    return len(rows), len(keys)


def _delete_of(conn: Connection, table: Any, column: Any, site: str, names: tuple[str, ...]) -> int:
    gone = 0
    for start in range(0, len(names), _CHUNK):
        some = column.in_(names[start : start + _CHUNK])
        gone += conn.execute(delete(table).where(table.c.site == site, some)).rowcount
    return gone


def _booking(conn: Connection, site: str, row: Row[Any], vault: Vault, now: int) -> int:
    values: dict[str, Any] = {"title": "", "group": None, "override_by": None, "override_reason": None}
    values["page_key"] = None
    if not row.uid.startswith(GONE):
        values["uid"] = erased_uid(mark_of_uid(vault, site, row.source, row.uid))
    if row.status == "confirmed" and row.end > now:
        values["withheld"] = WITHHELD
    mine = (bookings.c.site == site) & (bookings.c.booking == row.booking)
    conn.execute(update(bookings).where(mine).values(**values, updated=now))
    record_change(conn, site, "bookings", row.booking, now)
    return 1


def _rights(conn: Connection, site: str, found: Found, now: int) -> int:
    nobody: dict[str, Any] = {"person": "", "mail": "", "phone": "", "language": ""}
    nobody |= {"page_key": None, "page_link": None, "ended": now, "updated": now}
    for right in found.rights:
        mine = (rights.c.site == site) & (rights.c.right == right)
        conn.execute(update(rights).where(mine).values(nobody))
        record_change(conn, site, "rights", right, now)
    return len(found.rights)


def _groups(conn: Connection, found: Found) -> int:
    for site, slug in found.groups:
        conn.execute(delete(groups).where(groups.c.site == site, groups.c.group == slug))
    for site, slug in found.group_contacts:
        mine = (groups.c.site == site) & (groups.c.group == slug)
        conn.execute(update(groups).where(mine).values(contact="", mail="", phone="", language=""))
    return len(found.groups) + len(found.group_contacts)


def _audit(conn: Connection, site: str, found: Found) -> int:
    subjects = [f"booking/{name}" for name in found.bookings] + [f"right/{name}" for name in found.rights]
    gone = sum(erase_entries(conn, site, subject=subject) for subject in subjects)
    for where, slug in (*found.groups, *found.group_contacts):
        gone += erase_entries(conn, where, subject=f"group/{slug}")
        gone += erase_entries(conn, site, subject=f"group/{slug}")
    return gone + erase_named(conn, site, found.words)
