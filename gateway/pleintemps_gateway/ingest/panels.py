"""Intrusion panels as their agents tell of them: the rows of ``panels``."""

from typing import Any, Final

from sqlalchemy import Connection

from pleintemps_contract.agent_messages import (
    Birth,
    EventRecord,
    PanelChanged,
    PanelInfo,
    PanelRefused,
    PanelState,
)
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.store.schema import panels
from pleintemps_gateway.store.together import table_of

from .pending import Pending

FOREIGN: Final = "a panel that is not this agent's"


class PanelBook:
    """A panel is its agent's of the configuration, or that of the agent who told of it first."""

    def __init__(self, config: SiteConfig) -> None:
        self._site = config.site
        self._agents = {panel.panel: panel.agent for panel in config.panels}
        self.rows: dict[str, dict[str, Any]] = {}

    def load(self, conn: Connection) -> None:
        for row in table_of(conn, self._site, panels):
            self.rows[row.panel] = dict(row._mapping)

    def belongs(self, panel: str, agent: str) -> bool:
        known = self.rows.get(panel)
        return self._agents.get(panel, known["agent"] if known else agent) == agent

    def born(self, agent: str, birth: Birth, pending: Pending) -> list[PanelInfo]:
        """Take the panels of a birth; returns this agent's as they stand now."""
        mine = [info for info in birth.panels if self.belongs(info.panel, agent)]
        for info in mine:
            old = self.rows.get(info.panel)
            if old is not None and old["agent"] == agent and old["at"] > birth.at:
                continue
            self._put(info.panel, agent, info.state, info.ready, birth.at, pending)
        return [self.info(info.panel) for info in mine]

    def take(self, agent: str, record: EventRecord, pending: Pending) -> str:
        """Take one event; returns a complaint if it tells of a panel that is not this agent's."""
        event = record.event
        if not isinstance(event, PanelChanged | PanelRefused):
            return ""
        if not self.belongs(event.panel, agent):
            return FOREIGN
        old = self.rows.get(event.panel)
        if isinstance(event, PanelChanged) and (old is None or record.at >= old["at"]):
            ready = None if old is None else old["ready"]
            self._put(event.panel, agent, event.state, ready, record.at, pending)
        return ""

    def asked(self, panel: str, at: int, pending: Pending) -> None:
        """The rule has asked for it to be set."""
        if (row := self.rows.get(panel)) is not None:
            self._write(row | {"asked": at}, pending)

    def info(self, panel: str) -> PanelInfo:
        """A panel that is known, in the contract's words."""
        row = self.rows[panel]
        return PanelInfo(panel=panel, state=PanelState(row["state"]), ready=bool(row["ready"]))

    def _put(
        self, panel: str, agent: str, state: PanelState, ready: bool | None, at: int, pending: Pending
    ) -> None:
        asked = self.rows[panel]["asked"] if panel in self.rows else None
        row = {"site": self._site, "panel": panel, "agent": agent, "state": state.value}
        self._write(row | {"ready": ready, "at": at, "asked": asked}, pending)

    def _write(self, row: dict[str, Any], pending: Pending) -> None:
        self.rows[row["panel"]] = pending.panels[row["panel"]] = row
        pending.changes["panels", row["panel"]] = None
