"""The journals of one site as the writer's memory has them: how far each is stored."""

from typing import Final

from sqlalchemy import Connection

from pleintemps_contract.agent_messages import JournalPosition, Stream
from pleintemps_gateway.store.schema import journals
from pleintemps_gateway.store.together import table_of

from .journals import Accepted, Mark, advance
from .pending import Pending, Question, ReceiptKey

MAX_JOURNALS: Final = 64
"""Journals of one agent: each is a new card or a new folder, not a habit."""
_NO_JOURNAL: Final = "0" * 32


class JournalBook:
    """Marks by journal and stream."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._marks: dict[tuple[str, str], Mark] = {}

    def load(self, conn: Connection) -> None:
        for row in table_of(conn, self._site, journals):
            mark = Mark(row.agent, row.through, row.lost, row.duplicates)
            self._marks[row.journal, row.stream] = mark

    def advance(self, receipt: ReceiptKey, first: int, start: int, end: int, pending: Pending) -> int | str:
        """First fresh sequence number, or why the batch is refused. A receipt follows the commit."""
        agent, journal, stream = receipt
        key = (journal, stream.value)
        old = self._marks.get(key)
        if old is None and sum(mark.agent == agent for mark in self._marks.values()) >= 2 * MAX_JOURNALS:
            return "too many journals"
        result = advance(old, agent, first, start, end)
        if not isinstance(result, Accepted):
            return result
        mark = self._marks[key] = pending.journals[key] = result.mark
        pending.receipts[receipt] = mark.through
        return result.fresh

    def through(self, key: ReceiptKey) -> int:
        """How far a journal is stored or accounted for; 0 if it is unknown or another agent's."""
        mark = self._marks.get((key.journal, key.stream.value))
        return mark.through if mark is not None and mark.agent == key.agent else 0

    def question(self, agent: str, nonce: str, positions: list[JournalPosition]) -> Question:
        """What an agent that asks for the time is answered about: a journal that it named, or one it has."""
        for position in positions:
            return Question(ReceiptKey(agent, position.journal, position.stream), nonce)
        own = [key for key, mark in self._marks.items() if mark.agent == agent]
        journal, stream = own[0] if own else (_NO_JOURNAL, Stream.EVENTS.value)
        return Question(ReceiptKey(agent, journal, Stream(stream)), nonce)
