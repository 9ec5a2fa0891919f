"""The audit log: who did what when, searched, in pages and as a table; for managers, who are recorded."""

from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from pleintemps_contract.errors import KeyFileError
from pleintemps_gateway.access.weeks import instant
from pleintemps_gateway.audit.log import public_keys
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.web import audit_list
from pleintemps_gateway.web.audit_list import Item, Search, logs_of
from pleintemps_gateway.web.formats import iso

from .auth import Account, InContext, Reads
from .context import Context
from .csv_answer import InCsvForm, csv_answer
from .looking import looked
from .pages import show
from .problems import Problem
from .rest import REFUSALS
from .rights import Right
from .schemas import NO_NUL, Items, TimeText

COLUMNS: Final = ("site", "number", "time", "action", "about", "by", "facts")
Manager = Annotated[Account, Depends(Reads(Right.PRIVACY))]
Text = Annotated[str, Query(max_length=80, pattern=NO_NUL)]
Day = Annotated[str, Query(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]

router = APIRouter()


@router.get("/audit", include_in_schema=False)
def audit_page(
    request: Request,
    context: InContext,
    account: Manager,
    kind: Text = "",
    door: Text = "",
    who: Text = "",
    first: Annotated[Day, Query(alias="from")] = "",
    last: Annotated[Day, Query(alias="to")] = "",
    page: Annotated[int, Query(ge=0, le=10_000)] = 0,
    prove: Annotated[int, Query(ge=0, le=1)] = 0,
) -> HTMLResponse:
    wanted = _wanted(context, kind, door, who, first, last)
    logs, now = logs_of(account.sites, everywhere=account.everywhere), context.world.now()
    looked(context, account, "audit/list")
    keys = _keys(context)
    with context.engine.connect() as conn:
        items, more = audit_list.search(conn, logs, wanted, page)
        proofs = context.prover.prove(conn, logs, keys, now, again=bool(prove))
    sites = {site.site: site for site in context.sites(account.sites)}
    asked = {"kind": kind, "door": door, "who": who, "from": first, "to": last}
    query = {name: value for name, value in asked.items() if value}
    values: dict[str, Any] = {
        "items": items,
        "more": more,
        "page": page,
        "proofs": proofs,
        "sites": sites,
        "asked": asked,
        "query": urlencode(query),
        "kinds": list(audit_list.KINDS),
        "doors": sorted({door.door for site in sites.values() for door in site.doors}),
    }
    return show(request, context, "audit.html", account, now=now, tab="audit", **values)


@router.get("/audit.csv", include_in_schema=False)
def audit_csv(
    context: InContext,
    account: Manager,
    form: InCsvForm,
    kind: Text = "",
    door: Text = "",
    who: Text = "",
    first: Annotated[Day, Query(alias="from")] = "",
    last: Annotated[Day, Query(alias="to")] = "",
) -> Response:
    """What the page finds, at most 20,000 entries; an erased one has no ``by`` and no ``facts``."""
    wanted = _wanted(context, kind, door, who, first, last)
    looked(context, account, "export/audit")
    with context.engine.connect() as conn:
        logs = logs_of(account.sites, everywhere=account.everywhere)
        items, _ = audit_list.search(conn, logs, wanted, limit=audit_list.MOST_CSV)
    return csv_answer("audit", COLUMNS, (_cells(item) for item in items), form)


@router.get("/api/v1/audit", tags=["reading"], summary="The audit log, youngest first", responses=REFUSALS)
def list_audit(
    account: Manager,
    context: InContext,
    kind: Annotated[str, Query(max_length=80, pattern=f"^({'|'.join(audit_list.KINDS)})?$")] = "",
    door: Text = "",
    who: Text = "",
    start: Annotated[TimeText | None, Query(alias="from", description="Unix ms")] = None,
    end: Annotated[TimeText | None, Query(alias="to", description="Unix ms")] = None,
    page: Annotated[int, Query(ge=0, le=10_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Items:
    """For managers; looking is itself an entry. ``facts`` is null where an entry was erased."""
    looked(context, account, "audit/list")
    with context.engine.connect() as conn:
        logs = logs_of(account.sites, everywhere=account.everywhere)
        items, _ = audit_list.search(conn, logs, Search(kind, door, who, start, end), page, limit)
    return Items(items=[{**item._asdict(), "facts": item.facts} for item in items])


def _wanted(context: Context, kind: str, door: str, who: str, first: str, last: str) -> Search:
    """Days are those of the first site, both included."""
    zone = ZoneInfo(context.config.sites[0].zone)
    start = _midnight(first, zone, 0, "from") if first else None
    end = _midnight(last, zone, 1, "to") if last else None
    return Search(kind, door.strip(), who.strip(), start, end)


def _midnight(day: str, zone: ZoneInfo, after: int, where: str) -> int:
    try:
        return instant(zone, date.fromisoformat(day) + timedelta(days=after), time(), fold=0)
    except (ValueError, OverflowError) as error:
        raise Problem(422, f"{day} is no day.", where=where) from error


def _keys(context: Context) -> dict[str, Any]:
    """The gateway's public keys; none where this process has no folder of keys: nothing is proved then."""
    try:
        return public_keys(list(load_signing(Path(context.config.keys)).announced))
    except KeyFileError:
        return {}


def _cells(item: Item) -> tuple[Any, ...]:
    facts = "" if item.facts is None else "; ".join(f"{key}={value}" for key, value in item.facts.items())
    return (item.site, item.seq, iso(item.at), item.action, item.subject, item.who, facts)
