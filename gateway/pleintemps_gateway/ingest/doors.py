"""Doors and devices as their agents tell of them: the rows of ``doors`` and ``devices``."""

from typing import Any, TypeVar

import msgspec
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


class DoorBook:
    """A record changes a door only if it is younger than what is known, and the door is its agent's."""

    def __init__(self, config: SiteConfig) -> None:
        self._site = config.site
        self._agents = {door.door: door.agent for door in config.doors}
        self._panels = {panel.panel: panel.agent for panel in config.panels}
        self._doors: dict[str, dict[str, Any]] = {}
        self._devices: dict[tuple[str, str], dict[str, Any]] = {}

    def load(self, conn: Connection) -> None:
        for row in table_of(conn, self._site, doors):
            self._doors[row.door] = dict(row._mapping)
        for row in table_of(conn, self._site, devices):
            self._devices[row.agent, row.device] = dict(row._mapping)

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
            if old is not None and old["agent"] == agent and (old["at"] or 0) > birth.at:
                continue
            state = {
                "mode": info.mode.value,
                "physical": info.physical.value,
                "lock": info.lock.value,
                "alarm": info.alarm.value,
                "fire": info.fire,
            }
            same = old is not None and old["physical"] == state["physical"]
            since = old["since"] if old is not None and same else birth.at
            row = {"site": self._site, "door": info.door, "agent": agent, "since": since, "at": birth.at}
            self._put_door(row | state, pending)
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
            row = (devices.c.site == self._site) & (devices.c.agent == agent) & (devices.c.device == name)
            conn.execute(delete(devices).where(row))
            pending.changes["devices", f"{agent}/{name}"] = None
        for device in birth.devices:
            known = self._devices.get((agent, device.device))
            if known is not None and known["driver"] == device.driver and known["at"] > birth.at:
                continue
            values = {"site": self._site, "agent": agent, "at": birth.at, **msgspec.to_builtins(device)}
            self._put_device(values, pending)

    def take(self, agent: str, record: EventRecord, pending: Pending) -> str:
        """Take one event; returns a complaint if it tells of a door that is not this agent's."""
        event = record.event
        if isinstance(event, DeviceHealth):
            known = self._devices.get((agent, event.device))
            if known is not None and record.at >= known["at"]:
                changed = {"health": event.health.value, "detail": event.detail, "at": record.at}
                self._put_device(known | changed, pending)
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
        if values and old is not None and record.at >= (old["at"] or 0):
            since = record.at if values.get("physical", old["physical"]) != old["physical"] else old["since"]
            self._put_door(old | values | {"since": since, "at": record.at}, pending)
        return ""

    def _put_door(self, row: dict[str, Any], pending: Pending) -> None:
        self._doors[row["door"]] = pending.doors[row["door"]] = row
        pending.changes["doors", row["door"]] = None

    def _put_device(self, row: dict[str, Any], pending: Pending) -> None:
        key = (row["agent"], row["device"])
        self._devices[key] = pending.devices[key] = row
        pending.changes["devices", "/".join(key)] = None


def _record(row: dict[str, Any], kind: type[T]) -> T:
    """The contract's part of a row, whose keys are SQLAlchemy's own strings."""
    return msgspec.convert({name: row[name] for name in kind.__struct_fields__}, kind)
