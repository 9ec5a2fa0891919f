"""What every request handler needs, made once by ``create_app``."""

from dataclasses import dataclass, field
from typing import Final

from fastapi import Request
from sqlalchemy import Engine

from pleintemps_contract.world import World
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.config import DoorConfig, GatewayConfig, SiteConfig
from pleintemps_gateway.notify.duty import DutyBook
from pleintemps_gateway.store import reading
from pleintemps_gateway.web.audit_list import Prover
from pleintemps_gateway.web.render import Pages

from .hints import Hints
from .hooks_config import Hooks
from .live import Hub
from .looking import Looks
from .pace import Pace, Sample
from .problems import Problem, not_found
from .tally import Tally
from .throttle import LoginThrottle

FORGOTTEN_WAIT_MS: Final = 60_000
"""Between two who have forgotten their password, at one address, after the first three."""
KEYPAD_WAIT_MS: Final = 30_000
"""The page of a booking waits as a door's keypad does."""

ADDRESS_BURST: Final = 50
"""Failed log-ins of one address at once, over all names: a town hall may stand behind one address."""
ADDRESS_EACH_MS: Final = 60_000
WRITTEN_BURST: Final = 200
"""Failed log-ins that the audit log gets at once, and then one every half minute: its rows stay for good."""
WRITTEN_EACH_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Context:
    config: GatewayConfig
    world: World
    engine: Engine
    pages: Pages
    throttle: LoginThrottle
    hub: Hub
    desk: CodeDesk | None
    hooks: Hooks
    tally: Tally
    duty: DutyBook
    pace: Pace = field(default_factory=Pace)
    prover: Prover = field(default_factory=Prover)
    forgotten: LoginThrottle = field(default_factory=lambda: LoginThrottle(FORGOTTEN_WAIT_MS))  # per address
    links: LoginThrottle = field(default_factory=LoginThrottle)  # unknown links of one address
    keypads: LoginThrottle = field(default_factory=lambda: LoginThrottle(KEYPAD_WAIT_MS))  # per booking, door
    addresses: Pace = field(default_factory=lambda: Pace(ADDRESS_BURST, ADDRESS_EACH_MS))  # failed log-ins
    failures: Sample = field(default_factory=lambda: Sample(WRITTEN_BURST, WRITTEN_EACH_MS))
    hints: Hints = field(default_factory=Hints)
    looks: Looks = field(default_factory=Looks)

    def sites(self, names: tuple[str, ...]) -> list[SiteConfig]:
        """Those of the configuration that the reader may see."""
        return [site for site in self.config.sites if site.site in names]

    def site(self, sites: tuple[str, ...], name: str) -> SiteConfig:
        """The configuration of a site that the reader may see; raises Problem 404."""
        for site in self.sites(sites):
            if site.site == name:
                return site
        raise not_found("site")

    def over(self, token_hash: str) -> None:
        """A session has ended: so do its live pages, and what a log-out at the provider would need."""
        self.hub.end_session(token_hash)
        self.hints.take(token_hash, self.world.monotonic())

    def clerk(self) -> CodeDesk:
        """The desk that whatever changes a booking needs; raises Problem 503."""
        if self.desk is None:
            raise Problem(503, "This process has no keys to issue codes with.", where="desk")
        return self.desk


def find_door(site: SiteConfig, name: str) -> DoorConfig:
    """Raises Problem 404."""
    for door in site.doors:
        if door.door == name:
            return door
    raise not_found("door")


def find_panel(context: Context, site: SiteConfig, name: str) -> tuple[str, str]:
    """(panel, agent) of a panel that is configured or that an agent has told of; raises Problem 404."""
    for panel in site.panels:
        if panel.panel == name:
            return name, panel.agent
    with context.engine.connect() as conn:
        for row in reading.panels(conn, (site.site,)):
            if row.panel == name:
                return name, str(row.agent)
    raise not_found("panel")


def context_of(request: Request) -> Context:
    """FastAPI dependency."""
    found: Context = request.app.state.context
    return found
