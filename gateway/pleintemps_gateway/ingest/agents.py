"""Agents as their births, wills and messages tell of them: the rows of ``agents``."""

from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from pleintemps_contract.agent_messages import Availability, Birth, Presence, StorageInfo
from pleintemps_gateway.alerts.upkeep import Upkeep
from pleintemps_gateway.store.schema import agents
from pleintemps_gateway.store.together import table_of

from .pending import Pending

SEEN_MS: Final = 5_000
"""An agent that goes on talking is noted so often."""


class AgentBook:
    """The agents of one site. ``rows`` are whole rows, those to be written go to ``pending``."""

    def __init__(self, site: str) -> None:
        self._site = site
        self.rows: dict[str, dict[str, Any]] = {}
        self._hints: dict[str, str] = {}

    def load(self, conn: Connection) -> None:
        for row in table_of(conn, self._site, agents):
            self.rows[row.agent] = dict(row._mapping)

    def row(self, agent: str) -> dict[str, Any]:
        """The agent's row, which the caller may change and then :meth:`write`."""
        if agent not in self.rows:
            empty = dict.fromkeys(column.name for column in agents.columns)
            new = {"site": self._site, "agent": agent, "presence": "never", "command_counter": 0}
            self.rows[agent] = empty | new
        return self.rows[agent]

    def write(self, agent: str, pending: Pending) -> None:
        pending.agents[agent] = self.row(agent)
        pending.changes["agents", agent] = None

    def seen(self, agent: str, pending: Pending, now: int) -> None:
        """Something of ``agent`` arrived."""
        row = self.row(agent)
        if row["last_seen"] is None or now >= row["last_seen"] + SEEN_MS:
            row["last_seen"] = now
            self.write(agent, pending)

    def availability(self, agent: str, message: Availability, pending: Pending) -> bool:
        """Take a hint of presence; False if it is of another life than the one that is known."""
        row = self.row(agent)
        if message.boot != row["boot"]:
            # an old will must not hide a new birth; a new life may be told before its birth
            self._hints[agent] = message.boot if message.state is Presence.ONLINE else ""
            return False
        row["presence"] = message.state.value
        self.write(agent, pending)
        return True

    def born(self, agent: str, birth: Birth, retained: bool, pending: Pending, now: int) -> bool:
        """Take what a birth says of the agent itself; whether it is there now.

        A retained birth alone proves nothing: its agent may have died since.
        """
        row = self.row(agent)
        row |= {
            "boot": birth.boot,
            "version": birth.version,
            "born_at": birth.at,
            "clock": birth.clock.value,
            "clock_trusted": birth.clock_trusted,
            "grants_epoch": birth.grants.epoch if birth.grants else None,
            "grants_revision": birth.grants.revision if birth.grants else None,
            "journals": msgspec.json.encode(birth.journals).decode(),
            "storage": msgspec.json.encode(birth.storage).decode(),
            "keys": msgspec.json.encode(birth.keys).decode(),
            "certificate_until": birth.certificate_until,
        }
        there = not retained or self._hints.pop(agent, None) == birth.boot
        if not retained:
            row["last_seen"] = now
        if there:
            row["presence"] = Presence.ONLINE.value
        elif row["presence"] == "never":
            row["presence"] = Presence.OFFLINE.value
        self.write(agent, pending)
        return there

    def upkeep(self, agent: str) -> Upkeep:
        """What the agent's last birth says about its upkeep."""
        row = self.rows[agent]
        return Upkeep(
            storage=tuple(msgspec.json.decode(row["storage"] or "[]", type=list[StorageInfo])),
            keys=frozenset(msgspec.json.decode(row["keys"] or "[]", type=list[str])),
            certificate_until=row["certificate_until"],
        )
