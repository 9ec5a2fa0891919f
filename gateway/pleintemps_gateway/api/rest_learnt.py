"""REST under ``/api/v1/spaces/{site}/{space}``: what a room has learnt, and hours marked as empty or used."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import MarkError
from pleintemps_gateway.learnt import marking
from pleintemps_gateway.web.formats import Formats
from pleintemps_gateway.web.i18n import catalogue
from pleintemps_gateway.web.taught import TaughtWords, load_taught

from .auth import Account, Calls, InContext, Manager, Reader
from .context import Context
from .language import language_of
from .learnt_schemas import LearntBody, MarkBody, Marks, NewMark, VersionBody
from .problems import Problem, not_found
from .rest import REFUSALS
from .rights import Right
from .schemas import IdText, SlugText

Teacher = Annotated[Account, Depends(Calls(Right.TEACH))]
router = APIRouter(prefix="/api/v1/spaces", responses=REFUSALS)


def space_of(context: Context, sites: tuple[str, ...], site: str, space: str) -> SiteConfig:
    """The site of a configured space; raises Problem 404."""
    known = context.site(sites, site)
    if space not in {each.space for each in known.spaces}:
        raise not_found("space")
    return known


@router.get("/{site}/{space}/learnt", tags=["reading"], summary="What a space has learnt about its sensors")
def get_learnt(
    reader: Reader, request: Request, context: InContext, site: SlugText, space: SlugText
) -> LearntBody:
    known = space_of(context, reader.sites, site, space)
    with context.engine.connect() as conn:
        taught = load_taught(conn, known.site, space)
    texts = catalogue(language_of(request))
    youngest = taught.versions[0] if taught.versions else None
    return LearntBody(
        site=site,
        space=space,
        version=0 if youngest is None else youngest.version,
        at=None if youngest is None else youngest.at,
        reset_at=None if taught.reset is None else taught.reset.at,
        reset_by=None if taught.reset is None else taught.reset.reset_by,
        lived_s=taught.memory.lived_ms // 1000,
        sound_weight=round(taught.memory.sound.weight, 3),
        words=TaughtWords(texts, Formats(texts)).sentences(taught),
        marks=len(taught.marks),
        learnt=taught.body,
        versions=[
            VersionBody(version=row.version, at=row.at, reset=row.body is None, by=row.reset_by)
            for row in taught.versions
        ],
    )


@router.delete(
    "/{site}/{space}/learnt",
    status_code=204,
    tags=["acting"],
    summary="Let a space forget what it has learnt, its marks too",
)
def forget_learnt(manager: Manager, context: InContext, site: SlugText, space: SlugText) -> Response:
    known = space_of(context, manager.sites, site, space)
    marking.reset(context.engine, known, context.world, space, manager.name)
    return Response(status_code=204)


@router.get("/{site}/{space}/marks", tags=["reading"], summary="Marked hours, the youngest first")
def list_marks(reader: Reader, context: InContext, site: SlugText, space: SlugText) -> Marks:
    known = space_of(context, reader.sites, site, space)
    with context.engine.connect() as conn:
        return Marks(items=[_body(row) for row in marking.marked(conn, known.site, space)])


@router.post(
    "/{site}/{space}/marks",
    status_code=201,
    tags=["acting"],
    summary="Say that a space was empty, or used, at a time of the last seven days",
)
def add_mark(actor: Teacher, context: InContext, site: SlugText, space: SlugText, body: NewMark) -> MarkBody:
    """409 says why not: ``bad-times``, ``ahead``, ``too-old``, ``overlaps`` or ``too-many``."""
    known = space_of(context, actor.sites, site, space)
    wish = marking.Wish(space, body.start, body.end, body.state)
    try:
        row = marking.mark(context.engine, known, context.world, wish, actor.name)
    except MarkError as error:
        raise Problem(409, str(error), where="mark", code=error.reason) from error
    return _body(row)


@router.delete(
    "/{site}/{space}/marks/{mark}",
    status_code=204,
    tags=["acting"],
    summary="Take a mark away, and with it what it taught",
)
def remove_mark(
    actor: Teacher, context: InContext, site: SlugText, space: SlugText, mark: IdText
) -> Response:
    known = space_of(context, actor.sites, site, space)
    try:
        marking.unmark(context.engine, known, context.world, space, mark, actor.name)
    except MarkError as error:
        raise not_found("mark") from error
    return Response(status_code=204)


def _body(row: Row[Any]) -> MarkBody:
    return MarkBody.model_validate({**row._mapping, "lesson": json.loads(row.lesson)})
