"""What is held of a person, for managers: counted, handed out (RGPD, article 15), erased (17).

An address never stands in a URL: everything is asked for by POST.
"""

import json
from typing import Annotated, Any, Final, Literal, NamedTuple

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse

from pleintemps_gateway.audit.log import record
from pleintemps_gateway.privacy.export import Rows, export
from pleintemps_gateway.privacy.files import spooled
from pleintemps_gateway.privacy.finding import Wanted, find
from pleintemps_gateway.privacy.wiping import Wiped, wipe
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.reading import EVERY_SITE

from .auth import Account, InContext, Posts, Reads
from .context import Context
from .looking import looked
from .pages import show
from .problems import Problem
from .rights import Right
from .schemas import NO_NUL

KINDS: Final = ("mail", "booking", "group", "right")
Kind = Annotated[Literal["mail", "booking", "group", "right"], Form()]
Text = Annotated[str, Form(min_length=1, max_length=254, pattern=NO_NUL)]
Sees = Annotated[Account, Depends(Reads(Right.PRIVACY))]
Acts = Annotated[Account, Depends(Posts(Right.PRIVACY))]

router = APIRouter(prefix="/person", include_in_schema=False, default_response_class=HTMLResponse)


class Held(NamedTuple):
    """By site and table; ``files`` are messages that wait in the spool."""

    sites: dict[str, dict[str, Rows]]
    files: list[str]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        return {site: {table: len(rows) for table, rows in each.items()} for site, each in self.sites.items()}


@router.get("")
def person_page(request: Request, context: InContext, account: Sees) -> Any:
    return _show(request, context, account, "mail", "")


@router.post("")
def look_up(request: Request, context: InContext, account: Acts, kind: Kind, text: Text) -> Any:
    """How much is held, and where; what is in it is in the file alone."""
    looked(context, account, "person/list")
    held = _held(context, account, Wanted(kind, text.strip()))
    return _show(request, context, account, kind, text, held=held)


@router.post("/export")
def hand_out(context: InContext, account: Acts, kind: Kind, text: Text) -> Response:
    """Everything as a JSON file; written down without saying about whom."""
    held = _held(context, account, Wanted(kind, text.strip()))
    for site in held.sites:
        with write_transaction(context.engine, [site]) as conn:
            facts = {"by": account.name, "what": kind}
            record(conn, site, context.world, "person.exported", f"site/{site}", facts)
    body = json.dumps({"sites": held.sites, "files": held.files}, ensure_ascii=False, indent=1)
    headers = {"Content-Disposition": 'attachment; filename="person.json"', "Cache-Control": "no-store"}
    return Response(body, media_type="application/json", headers=headers)


@router.post("/erase")
def erase(
    request: Request,
    context: InContext,
    account: Acts,
    kind: Kind,
    text: Text,
    reason: Annotated[str, Form(max_length=200, pattern=NO_NUL)] = "",
    sure: Annotated[str, Form(max_length=8)] = "",
) -> Any:
    """For good, here, in the spool and in back-ups; by who looks after all sites, as the copies hold them."""
    if not account.everywhere:
        raise Problem(403, "Only a manager of every site erases.", code="every-site")
    wanted = Wanted(kind, text.strip())
    if sure != "yes" or not reason.strip():
        held = _held(context, account, wanted)
        return _show(request, context, account, kind, text, status=422, held=held, fault=True)
    vault = context.clerk().vault
    with write_transaction(context.engine, [EVERY_SITE]) as conn:
        facts = {"by": account.name, "what": kind, "reason": reason.strip()}
        record(conn, EVERY_SITE, context.world, "person.erasure-asked", "site/*", facts)
    done = wipe(context.config, context.engine, vault, context.world, wanted, account.name)
    return _show(request, context, account, "mail", "", done=done)


def _held(context: Context, account: Account, wanted: Wanted) -> Held:
    if not wanted.text:
        raise Problem(422, "Nothing is named.", where="text")
    held = Held({}, [])
    with context.engine.connect() as conn:
        for site in context.sites(account.sites):
            found = find(conn, site.site, wanted)
            if tables := export(conn, site.site, found):
                held.sites[site.site] = tables
            held.files.extend(str(spool.path) for spool in spooled(context.config, site.site, found))
    return held


def _show(
    request: Request,
    context: Context,
    account: Account,
    kind: str,
    text: str,
    status: int = 200,
    *,
    held: Held | None = None,
    done: Wiped | None = None,
    fault: bool = False,
) -> HTMLResponse:
    names = {site.site: site.name for site in context.config.sites}
    values: dict[str, Any] = {"kind": kind, "text": text, "held": held, "done": done, "fault": fault}
    values |= {"names": names, "tab": "person"}
    return show(request, context, "person.html", account, status, **values)
