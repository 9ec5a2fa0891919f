"""Tables of the pages as CSV files, for the reader's sites: ``/tables/alerts.csv`` and the like.

Times are Unix ms, as everywhere between programs. No contact, code or comment is among the columns.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Depends, Response
from sqlalchemy import ColumnElement, Select, Table, select, true

from pleintemps_gateway.store.schema import (
    alerts,
    bookings,
    deliveries,
    devices,
    doors,
    feeds,
    notices,
    series,
    spaces,
)
from pleintemps_gateway.store.schema_rooms import marks

from .auth import Account, InContext, Reads
from .csv_answer import InCsvForm, csv_answer
from .problems import not_found
from .rights import Right

MOST: Final = 10_000
"""Rows of a file, the youngest first where they have a time."""
Looker = Annotated[Account, Depends(Reads(Right.LOOK))]
router = APIRouter(include_in_schema=False)


class Sheet(NamedTuple):
    """``columns`` of ``table``, in the order of ``by``; ``only`` some of its rows."""

    table: Table
    columns: str
    by: ColumnElement[Any]
    only: ColumnElement[bool] = true()

    def query(self, sites: tuple[str, ...]) -> Select[Any]:
        wanted = [self.table.c[name] for name in self.columns.split()]
        found = select(*wanted).where(self.table.c.site.in_(sites), self.only)
        return found.order_by(self.by, *self.table.primary_key.columns).limit(MOST)


SHEETS: Final[Mapping[str, Sheet]] = {
    "alerts": Sheet(
        alerts,
        "site alert kind rank space door agent booking state opened acknowledged resolved",
        alerts.c.opened.desc(),
    ),
    "bookings": Sheet(
        bookings,
        "site booking source space title people start end planned_end status group withheld released",
        bookings.c.start.desc(),
    ),
    "devices": Sheet(devices, "site agent device driver health detail at", devices.c.site),
    "doors": Sheet(doors, "site door agent mode physical lock alarm fire since at", doors.c.site),
    "feeds": Sheet(feeds, "site feed tried good bookings rejected error", feeds.c.site),
    "messages": Sheet(
        deliveries,
        "site delivery booking template channel state attempts due error created done",
        deliveries.c.created.desc(),
    ),
    "marks": Sheet(marks, "site space mark start end state at", marks.c.start.desc()),
    "notices": Sheet(
        notices,
        "site notice kind person alert day channel state attempts due error created done",
        notices.c.created.desc(),
    ),
    "released": Sheet(
        bookings,
        "site booking source space title people start end planned_end released warned kept",
        bookings.c.start.desc(),
        bookings.c.released.is_not(None) | bookings.c.warned.is_not(None),
    ),
    "sensors": Sheet(
        series,
        "site agent series device space quantity kind max_silence_s last_value last_at",
        series.c.site,
    ),
    "spaces": Sheet(
        spaces,
        "site space state probability since at evidence level_db limit_db level_at quiet warned_at",
        spaces.c.site,
    ),
}


@router.get("/tables/{name}.csv")
def sheet(context: InContext, account: Looker, name: str, form: InCsvForm) -> Response:
    """Raises Problem 404 for a table that there is none of."""
    wanted = SHEETS.get(name)
    if wanted is None:
        raise not_found("table")
    with context.engine.connect() as conn:
        rows = [tuple(row) for row in conn.execute(wanted.query(account.sites))]
    return csv_answer(name, wanted.columns.split(), rows, form)
