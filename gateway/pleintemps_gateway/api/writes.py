"""What the web tier writes: acknowledgements and requests for commands, each with its row of change."""

from typing import Any, Final

from sqlalchemy import insert, select, update

from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.config import DoorConfig, SiteConfig
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction

from .auth import Account
from .context import Context
from .problems import Problem, not_found

COMMAND_LIFE_MS: Final = 30_000
_COMMENT: Final = 500


def acknowledge(context: Context, account: Account, site: str, alert: str, comment: str) -> None:
    """Take an open alert; raises Problem 404, or 409 if somebody was quicker or it is over."""
    table, now = schema.alerts, context.world.now()
    here = (table.c.site == site, table.c.alert == alert)
    with write_transaction(context.engine, [site]) as conn:
        taken = conn.execute(
            update(table)
            .where(*here, table.c.state == "open")
            .values(
                state="acknowledged",
                acknowledged=now,
                acknowledged_by=account.name,
                comment=comment.strip()[:_COMMENT] or None,
            )
        )
        if taken.rowcount == 1:
            record_change(conn, site, "alerts", alert, now)
            return
        state = conn.scalar(select(table.c.state).where(*here))
    if state is None:
        raise not_found("alert")
    raise Problem(409, f"The alert is {state} already.", where="alert", code=f"already-{state}")


def request_command(
    context: Context, account: Account, site: SiteConfig, door: DoorConfig, action: DoorAction
) -> str:
    """Ask for ``action`` at ``door``; the ingest process signs and sends it. Returns the command's id."""
    now = context.world.now()
    values: dict[str, Any] = {
        "site": site.site,
        "command": context.world.new_id(),
        "agent": door.agent,
        "door": door.door,
        "action": action.value,
        "user": account.name,
        "requested": now,
        "expires": now + COMMAND_LIFE_MS,
        "outcome": "requested",
    }
    with write_transaction(context.engine, [site.site]) as conn:
        conn.execute(insert(schema.commands).values(values))
        record_change(conn, site.site, "commands", values["command"], now)
    return str(values["command"])
