"""What people ask of doors and panels: a row that the ingest process signs and sends."""

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, insert

from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.world import World
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.schema import commands

COMMAND_LIFE_MS: Final = 30_000


class Wish(NamedTuple):
    """``action`` at ``door`` (or a panel) of ``agent``, asked for by ``user``, who may say a ``reason``."""

    agent: str
    door: str
    action: DoorAction
    user: str
    reason: str = ""


def ask(conn: Connection, site: str, wish: Wish, world: World) -> str:
    """Write down what somebody who may asks for; returns the command's id. In ``write_transaction``."""
    now = world.now()
    values: dict[str, Any] = {
        "site": site,
        "command": world.new_id(),
        "agent": wish.agent,
        "door": wish.door,
        "action": wish.action.value,
        "user": wish.user,
        "requested": now,
        "expires": now + COMMAND_LIFE_MS,
        "outcome": "requested",
        "reason": wish.reason or None,
    }
    conn.execute(insert(commands).values(values))
    record_change(conn, site, "commands", values["command"], now)
    fields = {"by": wish.user, "action": wish.action.value, "command": values["command"]}
    if wish.reason:
        fields["reason"] = wish.reason
    record(conn, site, world, "door.command", f"door/{wish.door}", fields)
    return str(values["command"])
