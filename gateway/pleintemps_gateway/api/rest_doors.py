"""REST under ``/api/v1``: codes and free openings of a door, lockdown of a whole site."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.access.on_door import codes_at_doors
from pleintemps_gateway.web.door_list import openings_of

from . import writes
from .auth import Account, Calls, InContext, Reader
from .context import find_door
from .rest import REFUSALS
from .rights import Right
from .schemas import NO_NUL, SlugText

DoorActor = Annotated[Account, Depends(Calls(Right.DOORS))]
router = APIRouter(prefix="/api/v1", responses=REFUSALS)


class CodeBody(BaseModel):
    """A credential that the door should know from ``start`` to ``end`` (Unix ms), of a booking or a right.

    ``held``: the door's agent has said that it holds it; else ``reason`` is ``not-sent``, ``not-confirmed``,
    ``agent-silent``, ``agent-never-seen`` or ``refused``.
    """

    grant: str
    kind: str
    purpose: str
    booking: str | None
    right: str | None
    start: int
    end: int
    held: bool
    reason: str


class CodesBody(BaseModel):
    held: int
    lacking: int
    items: list[CodeBody]


class WindowBody(BaseModel):
    start: int
    end: int


class OpeningBody(BaseModel):
    """A free opening as configured, in the site's local time, and its next windows (Unix ms)."""

    days: list[str]
    from_: str = Field(serialization_alias="from")
    to: str
    first_person: bool
    next: list[WindowBody]


class OpeningsBody(BaseModel):
    items: list[OpeningBody]


class LockdownBody(BaseModel):
    """``reason`` is recorded beside the name and the hour."""

    model_config = ConfigDict(extra="forbid")

    action: Literal[DoorAction.LOCK_DOWN, DoorAction.LOCK_DOWN_RELEASE] = DoorAction.LOCK_DOWN
    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]


class AskedDoor(BaseModel):
    """``status_url`` tells how it ended at this door."""

    door: str
    command: str
    status_url: str


class LockdownAsked(BaseModel):
    items: list[AskedDoor]


@router.get("/doors/{site}/{door}/codes", tags=["reading"], summary="Which codes are on a door, and why not")
def list_codes(reader: Reader, context: InContext, site: SlugText, door: SlugText) -> CodesBody:
    here = context.site(reader.sites, site)
    find_door(here, door)
    with context.engine.connect() as conn:
        found = [code for code in codes_at_doors(conn, here, context.world.now()) if code.door == door]
    items = [
        CodeBody(
            grant=code.grant,
            kind=code.kind,
            purpose=code.purpose,
            booking=code.booking or None,
            right=code.right or None,
            start=code.start,
            end=code.end,
            held=not code.reason,
            reason=code.reason,
        )
        for code in found
    ]
    held = sum(item.held for item in items)
    return CodesBody(held=held, lacking=len(items) - held, items=items)


@router.get("/doors/{site}/{door}/openings", tags=["reading"], summary="When a door stands open by itself")
def list_openings(reader: Reader, context: InContext, site: SlugText, door: SlugText) -> OpeningsBody:
    here = context.site(reader.sites, site)
    found = openings_of(here, find_door(here, door), context.world.now())
    return OpeningsBody(
        items=[
            OpeningBody(
                days=list(each.rule.days),
                from_=each.rule.from_,
                to=each.rule.to,
                first_person=each.rule.first_person,
                next=[WindowBody(start=window.start, end=window.end) for window in each.next],
            )
            for each in found
        ]
    )


@router.post("/sites/{site}/lockdown", status_code=202, tags=["acting"], summary="Lock a whole site down")
def lock_down(actor: DoorActor, context: InContext, site: SlugText, body: LockdownBody) -> LockdownAsked:
    """Or end it: one command a door. A door whose agent is silent does not hear it."""
    here = context.site(actor.sites, site)
    asked = writes.command_site(context, actor, here, body.action, body.reason)
    return LockdownAsked(
        items=[
            AskedDoor(door=door, command=command, status_url=f"/api/v1/commands/{command}")
            for door, command in asked.items()
        ]
    )
