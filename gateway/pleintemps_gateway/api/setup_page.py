"""``/setup``: from an empty installation to the first evening, each step by what the system knows."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import delete

from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import setup_steps
from pleintemps_gateway.store.upsert import upsert
from pleintemps_gateway.web.setup import STEPS, load_setup

from .auth import Account, InContext, Posts, Reads
from .pages import show
from .problems import Problem, not_found
from .rights import Right

router = APIRouter(prefix="/setup", include_in_schema=False, default_response_class=HTMLResponse)


@router.get("")
def setup_page(
    request: Request,
    context: InContext,
    account: Annotated[Account, Depends(Reads(Right.RUN))],
    step: Annotated[str, Query(max_length=20)] = "",
) -> Any:
    now, sites = context.world.now(), context.sites(account.sites)
    with context.engine.connect() as conn:
        view = load_setup(conn, context.config, sites, now, step)
    return show(request, context, "setup.html", account, now=now, setup=view, sites=sites, tab="setup")


@router.post("/{step}")
def put_off(
    context: InContext,
    account: Annotated[Account, Depends(Posts(Right.RUN))],
    step: str,
    state: Annotated[str, Form(pattern="^(later|open)$")],
) -> Any:
    """Leave a step of the whole gateway for later, or take it up again; what is done is found out."""
    if not account.everywhere:
        raise Problem(403, "Only a manager of every site sets the gateway up.", code="every-site")
    if step not in STEPS:
        raise not_found("step")
    with write_transaction(context.engine, ["*"]) as conn:
        if state == "later":
            upsert(
                conn, setup_steps, [{"site": "*", "step": step, "state": state, "at": context.world.now()}]
            )
        else:
            conn.execute(delete(setup_steps).where(setup_steps.c.site == "*", setup_steps.c.step == step))
    return RedirectResponse("/setup" if state == "later" else f"/setup?step={step}", 303)
