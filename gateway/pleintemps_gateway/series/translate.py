"""From what ingest has decoded and the rules have said to rows for the series database. Pure."""

from collections.abc import Iterable

from pleintemps_contract.agent_messages import DoorAlarmChanged, EventRecord
from pleintemps_gateway.alerts.records import Alert, AlertKind, AlertOpened, AlertResolved
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.occupancy.records import SpaceNow

from .rows import AlertChange, DoorAlarmState, NoiseWindow, Row, SpaceState


def rows_of_outputs(outputs: Iterable[object]) -> list[Row]:
    """Rows of the rules' outputs; those that are no series (usage records, acknowledgements) give none."""
    rows: list[Row] = []
    for output in outputs:
        match output:
            case SpaceNow():
                rows += _space(output)
            case AlertOpened():
                rows.append(_alert(output.alert, output.alert.opened, resolved=False))
            case AlertResolved(alert=Alert(resolved=int(at)) as alert):
                rows.append(_alert(alert, at, resolved=True))
    return rows


def rows_of_event(site: SiteConfig, record: EventRecord) -> list[Row]:
    """The row of a door alarm, filed under the space that the door leads to; nothing for other events."""
    event = record.event
    if not isinstance(event, DoorAlarmChanged):
        return []
    return [
        DoorAlarmState(door=door.door, space=door.to, at=record.at, alarm=event.alarm)
        for door in site.doors
        if door.door == event.door
    ]


def _space(now: SpaceNow) -> list[Row]:
    rows: list[Row] = [SpaceState(space=now.space, at=now.at, state=now.state, probability=now.probability)]
    if now.level_db is not None and now.level_at is not None:
        # at its own time: the belief may be younger than the level
        level = NoiseWindow(space=now.space, at=now.level_at, laeq_db=now.level_db, limit_db=now.limit_db)
        rows.append(level)
    return rows


def _alert(alert: Alert, at: int, *, resolved: bool) -> AlertChange:
    about = alert.door or alert.agent
    if alert.kind is AlertKind.DEVICE_FAULT:
        about = f"{about}/{alert.facts['device']}"
    return AlertChange(kind=alert.kind.value, at=at, resolved=resolved, space=alert.space, about=about)
