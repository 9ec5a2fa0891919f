"""What the web tier asks of doors, panels and signals: requests for commands, each with its row of change."""

from typing import Final

from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.config import DoorConfig, SiteConfig
from pleintemps_gateway.ingest.asking import Wish, ask
from pleintemps_gateway.store.engine import write_transaction

from .auth import Account
from .context import Context

_COMMENT: Final = 500


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
