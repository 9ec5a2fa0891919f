"""Who is due when, without asking everybody."""

from heapq import heappop, heappush


class Agenda:
    """Of many, each known by a number, when (Unix ms) each is due next."""

    __slots__ = ("_dues", "_heap")

    def __init__(self) -> None:
        self._dues: dict[int, int] = {}
        self._heap: list[tuple[int, int]] = []

    def put(self, who: int, at: int) -> None:
        """``who`` is due at ``at``, instead of when it was."""
        if self._dues.get(who) != at:
            self._dues[who] = at
            heappush(self._heap, (at, who))

    def is_due(self, now: int) -> bool:
        """Whether anybody is."""
        heap = self._heap
        while heap and self._dues.get(heap[0][1]) != heap[0][0]:
            heappop(heap)  # it was put off, or comes sooner
        return bool(heap) and heap[0][0] <= now

    def take(self, now: int) -> list[int]:
        """Who is due, by number; not again before it is put in anew."""
        found = []
        while self.is_due(now):
            _, who = heappop(self._heap)
            del self._dues[who]
            found.append(who)
        return sorted(found)
