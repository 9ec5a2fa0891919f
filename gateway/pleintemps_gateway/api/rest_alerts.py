"""REST under ``/api/v1/alerts``: what a person may do about an alert, and everything that was done."""

from fastapi import APIRouter, Response

from pleintemps_gateway.alerts.life import Act, ActKind
from pleintemps_gateway.store import acts, reading

from .alert_acts import do
from .auth import Actor, InContext, Reader
from .context import Context
from .problems import not_found
from .rest import REFUSALS
from .schemas import Acknowledgement, AlertComment, AlertGiven, AlertPause, IdText, Items

router = APIRouter(prefix="/api/v1/alerts", responses=REFUSALS)


def _site_of(context: Context, sites: tuple[str, ...], alert: str) -> str:
    with context.engine.connect() as conn:
        row = reading.alert(conn, sites, alert)
    if row is None:
        raise not_found("alert")
    return str(row.site)


def _do(context: Context, actor: Actor, alert: str, wish: Act, comment: str) -> Response:
    site = context.site(actor.sites, _site_of(context, actor.sites, alert))
    do(context, actor, site, alert, wish, comment)
    return Response(status_code=204)


@router.post("/{alert}/acknowledge", status_code=204, summary="Take an alert", tags=["acting"])
def acknowledge(actor: Actor, context: InContext, alert: IdText, body: Acknowledgement) -> Response:
    wish = Act(kind=ActKind.TAKE, by=actor.name, version=body.version)
    return _do(context, actor, alert, wish, body.comment)


@router.post("/{alert}/pause", status_code=204, summary="Pause an alert until an hour", tags=["acting"])
def pause(actor: Actor, context: InContext, alert: IdText, body: AlertPause) -> Response:
    """It comes back by itself at ``until`` (Unix ms, within a week) unless its cause is over by then."""
    wish = Act(kind=ActKind.PAUSE, by=actor.name, until=body.until, version=body.version)
    return _do(context, actor, alert, wish, body.comment)


@router.post("/{alert}/resume", status_code=204, summary="End a pause", tags=["acting"])
def resume(actor: Actor, context: InContext, alert: IdText, body: Acknowledgement) -> Response:
    wish = Act(kind=ActKind.RESUME, by=actor.name, version=body.version)
    return _do(context, actor, alert, wish, body.comment)


@router.post("/{alert}/give", status_code=204, summary="Give an alert to a person", tags=["acting"])
def give(actor: Actor, context: InContext, alert: IdText, body: AlertGiven) -> Response:
    """``person`` is the name of an account, or of somebody in the duty file; they are told at once."""
    wish = Act(kind=ActKind.GIVE, by=actor.name, person=body.person, version=body.version)
    return _do(context, actor, alert, wish, body.comment)


@router.post("/{alert}/escalate", status_code=204, summary="Ask the next of the rota now", tags=["acting"])
def escalate(actor: Actor, context: InContext, alert: IdText, body: Acknowledgement) -> Response:
    wish = Act(kind=ActKind.ESCALATE, by=actor.name, version=body.version)
    return _do(context, actor, alert, wish, body.comment)


@router.post("/{alert}/comments", status_code=204, summary="Add a comment", tags=["acting"])
def comment(actor: Actor, context: InContext, alert: IdText, body: AlertComment) -> Response:
    return _do(context, actor, alert, Act(kind=ActKind.COMMENT, by=actor.name), body.comment)


@router.get("/{alert}/acts", summary="What was done about an alert, oldest first", tags=["reading"])
def list_acts(reader: Reader, context: InContext, alert: IdText) -> Items:
    """``by`` is null for what the gateway did by itself."""
    site = _site_of(context, reader.sites, alert)
    with context.engine.connect() as conn:
        rows = acts.acts(conn, site, alert)
    names = ("seq", "at", "act", "by", "person", "until", "comment")
    return Items(items=[{name: row._mapping[name] for name in names} for row in rows])
