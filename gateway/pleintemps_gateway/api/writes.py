"""What the web tier writes: acknowledgements and requests for commands, each with its row of change."""

from typing import Final

from sqlalchemy import select, update

from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.config import DoorConfig, SiteConfig
from pleintemps_gateway.ingest.asking import Wish, ask
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction

from .auth import Account
from .context import Context
from .problems import Problem, not_found

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
            record(conn, site, context.world, "alert.acknowledged", f"alert/{alert}", {"by": account.name})
            return
        state = conn.scalar(select(table.c.state).where(*here))
    if state is None:
        raise not_found("alert")
    raise Problem(409, f"The alert is {state} already.", where="alert", code=f"already-{state}")


def command_door(
    context: Context,
    account: Account,
    site: SiteConfig,
    door: DoorConfig,
    action: DoorAction,
    reason: str = "",
) -> str:
    """Ask for ``action`` at ``door``; the ingest process signs and sends it. Returns the command's id."""
    return _request(context, site, Wish(door.agent, door.door, action, account.name, reason))


def command_site(
    context: Context, account: Account, site: SiteConfig, action: DoorAction, reason: str
) -> dict[str, str]:
    """Ask for ``action`` at every door of ``site`` in one step; the commands' ids by door."""
    with write_transaction(context.engine, [site.site]) as conn:
        return {
            door.door: ask(
                conn, site.site, Wish(door.agent, door.door, action, account.name, reason), context.world
            )
            for door in site.doors
        }


def command_panel(
    context: Context, account: Account, site: SiteConfig, panel: tuple[str, str], action: DoorAction
) -> str:
    """Ask for ``action`` at a panel, given as (panel, agent). Returns the command's id."""
    name, agent = panel
    return _request(context, site, Wish(agent, name, action, account.name))


def _request(context: Context, site: SiteConfig, wish: Wish) -> str:
    with write_transaction(context.engine, [site.site]) as conn:
        return ask(conn, site.site, wish, context.world)
