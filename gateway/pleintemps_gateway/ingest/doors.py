"""Doors and devices as their agents tell of them: the rows of ``doors`` and ``devices``."""

from typing import TypeVar

import msgspec
from msgspec.structs import asdict, replace
from sqlalchemy import Connection, delete

from pleintemps_contract.agent_messages import (
    Birth,
    DeviceHealth,
    DeviceInfo,
    DoorAlarmChanged,
    DoorFireChanged,
    DoorInfo,
    DoorModeChanged,
    DoorPhysicalChanged,
    EventRecord,
    LockPhysicalChanged,
)
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.schema import devices, doors
from pleintemps_gateway.store.together import table_of

from .pending import Pending

T = TypeVar("T", bound=msgspec.Struct)


class _Door(msgspec.Struct, gc=False):
    """A row of ``doors``."""

    site: str
    door: str
    agent: str
    mode: str
    physical: str
    lock: str
    alarm: str
    fire: bool
    since: int | None
    at: int | None


class _Device(msgspec.Struct, gc=False):
    """A row of ``devices``."""

    site: str
    agent: str
    device: str
    driver: str
    health: str
    detail: str
    at: int


class DoorBook:
    """A record changes a door only if it is younger than what is known, and the door is its agent's."""

    def __init__(self, config: SiteConfig) -> None:
        self._site = config.site
        self._agents = {door.door: door.agent for door in config.doors}
        self._panels = {panel.panel: panel.agent for panel in config.panels}
        self._doors: dict[str, _Door] = {}
        self._devices: dict[tuple[str, str], _Device] = {}

    def load(self, conn: Connection) -> None:
        for row in table_of(conn, self._site, doors):
            self._doors[row.door] = _Door(*(getattr(row, name) for name in _Door.__struct_fields__))
        for row in table_of(conn, self._site, devices):
            known = _Device(*(getattr(row, name) for name in _Device.__struct_fields__))
            self._devices[row.agent, row.device] = known

    def belongs(self, door: str, agent: str) -> bool:
        return self._agents.get(door) == agent

    def born(
        self, conn: Connection, agent: str, birth: Birth, pending: Pending
    ) -> tuple[list[DoorInfo], list[DeviceInfo]]:
        """Take doors and devices of a birth; returns this agent's doors, and its devices, as they stand now.

        A retained birth comes again at every connection of ours: what events told since is younger than it.
        """
        mine = [info for info in birth.doors if self.belongs(info.door, agent)]
        for info in mine:
            old = self._doors.get(info.door)
            if old is not None and old.agent == agent and (old.at or 0) > birth.at:
                continue
            same = old is not None and old.physical == info.physical.value
            row = _Door(
                site=self._site,
                door=info.door,
                agent=agent,
                mode=info.mode.value,
                physical=info.physical.value,
                lock=info.lock.value,
                alarm=info.alarm.value,
                fire=info.fire,
                since=old.since if old is not None and same else birth.at,
                at=birth.at,
            )
            self._put_door(row, pending)
        self._born_devices(conn, agent, birth, pending)
        return (
            [_record(self._doors[info.door], DoorInfo) for info in mine],
            [_record(self._devices[agent, device.device], DeviceInfo) for device in birth.devices],
        )

    def _born_devices(self, conn: Connection, agent: str, birth: Birth, pending: Pending) -> None:
        names = {device.device for device in birth.devices}
        for holder, name in [key for key in self._devices if key[0] == agent and key[1] not in names]:
            del self._devices[holder, name]
            pending.devices.pop((holder, name), None)
            gone = (devices.c.site == self._site) & (devices.c.agent == agent) & (devices.c.device == name)
            conn.execute(delete(devices).where(gone))
            pending.changes["devices", f"{agent}/{name}"] = None
        for device in birth.devices:
            known = self._devices.get((agent, device.device))
            if known is not None and known.driver == device.driver and known.at > birth.at:
                continue
            row = _Device(
                site=self._site,
                agent=agent,
                device=device.device,
                driver=device.driver,
                health=device.health.value,
                detail=device.detail,
                at=birth.at,
            )
            self._put_device(row, pending)

    def take(self, agent: str, record: EventRecord, pending: Pending) -> str:
        """Take one event; returns a complaint if it tells of a door that is not this agent's."""
        event = record.event
        if isinstance(event, DeviceHealth):
            known = self._devices.get((agent, event.device))
            if known is not None and record.at >= known.at:
                row = replace(known, health=event.health.value, detail=event.detail, at=record.at)
                self._put_device(row, pending)
            return ""
        door = getattr(event, "door", None)
        if door is None or self._panels.get(door) == agent:
            return ""  # a command at a panel stands in the place of one at a door
        if not self.belongs(door, agent):
            return "a door that is not this agent's in the configuration"
        values: dict[str, str | bool] = {}
        match event:
            case DoorModeChanged():
                values = {"mode": event.mode.value}
            case DoorPhysicalChanged():
                values = {"physical": event.state.value}
            case LockPhysicalChanged():
                values = {"lock": event.state.value}
            case DoorAlarmChanged():
                values = {"alarm": event.alarm.value}
            case DoorFireChanged():
                values = {"fire": event.active}
        old = self._doors.get(door)
        if values and old is not None and record.at >= (old.at or 0):
            since = record.at if values.get("physical", old.physical) != old.physical else old.since
            self._put_door(replace(old, **values, since=since, at=record.at), pending)
        return ""

    def _put_door(self, row: _Door, pending: Pending) -> None:
        self._doors[row.door] = row
        pending.doors[row.door] = asdict(row)
        pending.changes["doors", row.door] = None

    def _put_device(self, row: _Device, pending: Pending) -> None:
        key = (row.agent, row.device)
        self._devices[key] = row
        pending.devices[key] = asdict(row)
        pending.changes["devices", "/".join(key)] = None


def _record(row: _Door | _Device, kind: type[T]) -> T:
    """The contract's part of a row."""
    return msgspec.convert({name: getattr(row, name) for name in kind.__struct_fields__}, kind)
