"""Commands that people asked for: checked, counted, and watched until they are answered."""

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, insert, select, update

from pleintemps_contract.agent_messages import CommandResult
from pleintemps_contract.gateway_messages import Command
from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.store.schema import commands
from pleintemps_gateway.store.together import SITES, rows_of

from .pending import Pending

ANSWER_MS: Final = 10_000
"""An agent that has not answered by then has not heard."""
LIFE_MS: Final = 30_000
OURS: Final = ""
"""The user of a command that a rule asked for."""

_UNDER_WAY: Final = select(commands).where(
    commands.c.site.in_(SITES), commands.c.outcome.in_(("requested", "sent"))
)


class Reign(NamedTuple):
    """What every signed body carries."""

    epoch: int
    revision: int


class Asked(NamedTuple):
    """What a rule asks of ``name``, a panel or a signal of ``agent``."""

    name: str
    agent: str
    action: str


class Answered(NamedTuple):
    """What became of a rule's command: ``reason`` is why it was not carried out, empty if it was."""

    asked: Asked
    reason: str


class CommandDesk:
    """The commands of one site that are under way."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._sent: dict[str, int] = {}
        self._ours: dict[str, Asked] = {}
        self._answered: list[Answered] = []
        self.wanted = True

    def load(self, conn: Connection) -> None:
        """Read what is under way."""
        under_way = rows_of(conn, self._site, _UNDER_WAY)
        self._sent = {row.command: row.sent for row in under_way if row.outcome == "sent"}
        self._ours = {
            row.command: Asked(row.door, row.agent, row.action) for row in under_way if row.user == OURS
        }
        self._answered = []
        self.wanted = True

    @property
    def is_waiting(self) -> bool:
        """Whether one was sent and is not yet answered, or is about to be sent."""
        return self.wanted or bool(self._sent)

    def ask(self, conn: Connection, command: str, asked: Asked, now: int) -> None:
        """Take a command that a rule asks for, under the id ``command``."""
        conn.execute(
            insert(commands).values(
                site=self._site,
                command=command,
                agent=asked.agent,
                door=asked.name,
                action=asked.action,
                user=OURS,
                requested=now,
                expires=now + LIFE_MS,
                outcome="requested",
            )
        )
        self._ours[command] = asked
        self.wanted = True

    def take_answered(self) -> list[Answered]:
        """Rules' commands that ended since the last call."""
        answered, self._answered = self._answered, []
        return answered

    def prepare(
        self, conn: Connection, reign: Reign, holders: dict[str, dict[str, Any]], pending: Pending, now: int
    ) -> list[tuple[str, Command]]:
        """(agent, command) to sign and send for every row that was asked for; the rows then say ``sent``.

        ``holders`` are the rows of ``agents`` as the writer's memory has them: a command raises the counter.
        """
        self.wanted = False
        asked = select(commands).where(commands.c.site == self._site, commands.c.outcome == "requested")
        ready: list[tuple[str, Command]] = []
        for row in conn.execute(asked.order_by(commands.c.requested)).all():
            holder = holders.get(row.agent, {})
            if refusal := self._judge(row, holder, now):
                self._close(conn, row.command, "refused", refusal, pending, now)
                continue
            holder["command_counter"] += 1
            pending.agents[row.agent] = holder
            self._set(conn, row.command, {"outcome": "sent", "sent": now}, pending)
            self._sent[row.command] = now
            command = Command(
                epoch=reign.epoch,
                revision=reign.revision,
                id=row.command,
                door=row.door,
                action=DoorAction(row.action),
                issued=now,
                expires=row.expires,
                boot=holder["boot"],
                counter=holder["command_counter"],
            )
            ready.append((row.agent, command))
        return ready

    def _judge(self, row: Row[Any], holder: dict[str, Any], now: int) -> str:
        """Why the command cannot go out; empty if it can."""
        if row.expires <= now:
            return "expired"
        if row.action not in set(DoorAction):
            return "unknown-action"
        return "" if holder.get("boot") else "agent-never-seen"

    def answer(self, conn: Connection, agent: str, result: CommandResult, pending: Pending, now: int) -> str:
        """Close a command with its agent's answer; returns a complaint if it is no command of this agent."""
        mine = (commands.c.site == self._site) & (commands.c.command == result.id)
        row = conn.execute(select(commands).where(mine, commands.c.agent == agent)).first()
        if row is None:
            return "an answer to a command that was never sent to this agent"
        if row.outcome in ("sent", "no-answer"):
            refusal = result.refusal.value if result.refusal is not None else None
            self._close(conn, result.id, "refused" if refusal else "done", refusal, pending, now)
        return ""

    def expire(self, conn: Connection, pending: Pending, now: int) -> None:
        """Close what has had no answer for 10 s."""
        for command in [command for command, sent in self._sent.items() if now >= sent + ANSWER_MS]:
            self._close(conn, command, "no-answer", None, pending, now)

    def _close(
        self, conn: Connection, command: str, outcome: str, refusal: str | None, pending: Pending, now: int
    ) -> None:
        self._sent.pop(command, None)
        if (ours := self._ours.pop(command, None)) is not None:
            self._answered.append(Answered(ours, "" if outcome == "done" else refusal or outcome))
        answered = None if outcome == "no-answer" else now
        self._set(conn, command, {"outcome": outcome, "refusal": refusal, "answered": answered}, pending)

    def _set(self, conn: Connection, command: str, values: dict[str, Any], pending: Pending) -> None:
        mine = (commands.c.site == self._site) & (commands.c.command == command)
        conn.execute(update(commands).where(mine).values(**values))
        pending.changes["commands", command] = None
