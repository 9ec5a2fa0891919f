"""Which agents of a site may speak: keys were made for them, and nobody has shut them out."""

import logging
from typing import Final

from sqlalchemy import Connection

from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.logs import line
from pleintemps_contract.topics import Topic
from pleintemps_gateway.keys import Peppers
from pleintemps_gateway.store.enrolment import shut_out_agents

UNKNOWN_AGENTS: Final = "unknown agents"
SHUT_OUT: Final = "this agent was shut out"

_log = logging.getLogger(__name__)


class KnownAgents:
    """``peppers`` are of those that have keys."""

    def __init__(self, site: str, peppers: Peppers) -> None:
        self._site = site
        self.peppers = peppers
        self._shut_out: frozenset[str] = frozenset()

    def load(self, conn: Connection) -> None:
        self._shut_out = shut_out_agents(conn, self._site)

    def anew(self, conn: Connection) -> None:
        """Agents came or were shut out, or a secret of their doors is another one."""
        try:
            self.peppers = self.peppers.anew()
        except KeyFileError as error:
            # who was shut out must not speak because another one's folder cannot be read
            _log.error(line("agents-not-read", site=self._site, error=error))
        self.load(conn)
        for agent in self._shut_out:
            self.peppers.pop(agent, None)
        _log.info(line("agents-changed", site=self._site, known=len(self.peppers)))

    def complaint(self, topic: Topic) -> tuple[str, str] | None:
        """Source and reason of a refusal; None where the agent may speak."""
        if topic.agent in self._shut_out:
            return f"{topic.agent}/{topic.channel.value}", SHUT_OUT
        if topic.agent not in self.peppers:
            return UNKNOWN_AGENTS, f"no keys were made for an agent that writes on {topic.channel}"
        return None
