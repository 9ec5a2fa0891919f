"""How far each journal is stored: pure.

A journal counts its records from 1; each batch says ``first``, the oldest that it still holds.
"""

from enum import StrEnum
from typing import NamedTuple


class Mark(NamedTuple):
    """Everything up to ``through`` is stored or, ``lost`` of it, known to be gone."""

    agent: str
    through: int = 0
    lost: int = 0
    duplicates: int = 0


class Refused(StrEnum):
    """Why a batch gets no receipt."""

    GAP = "records are missing before this batch"
    BACKWARDS = "sequence numbers are not consecutive"
    FOREIGN = "the journal belongs to another agent"


class Accepted(NamedTuple):
    """``fresh`` is the first sequence number that is new; nothing is if it lies behind the batch."""

    mark: Mark
    fresh: int


def advance(mark: Mark | None, agent: str, first: int, start: int, end: int) -> Accepted | Refused:
    """Take the records ``start`` to ``end`` of a journal whose oldest record is ``first``.

    What lies before ``first`` and is not stored is counted as lost, never waited for. What lies between the
    last stored record and ``start`` will come again, so the batch is refused.
    """
    if mark is None:
        mark = Mark(agent)
    if mark.agent != agent:
        return Refused.FOREIGN
    if not first <= start <= end:
        return Refused.BACKWARDS
    through = max(mark.through, first - 1)
    if start > through + 1:
        return Refused.GAP
    duplicates = max(0, min(end, through) - start + 1)
    return Accepted(
        Mark(
            agent,
            max(through, end),
            mark.lost + through - mark.through,
            mark.duplicates + duplicates,
        ),
        through + 1,
    )
