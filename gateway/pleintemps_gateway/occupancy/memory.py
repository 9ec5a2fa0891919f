"""What a room has taught: kept between restarts, shown to people, forgotten when they say so."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from .faults import FaultMemory
from .marked import Lesson, together
from .segment import UNMARKED, DoorMemory, Marked
from .sound import UNHEARD, SoundMemory

FORM: Final = 1
"""Of the plain data; another one is not read."""
_NO_LESSON: Final = together(())


class Memory:
    """Shared by a belief and its twins, changed by the belief alone."""

    __slots__ = (
        "_version",
        "door",
        "faults",
        "late",
        "lived_ms",
        "sound",
    )

    def __init__(self) -> None:
        self.sound = SoundMemory()
        self.door = DoorMemory()
        self.faults = FaultMemory()
        self.lived_ms = 0
        """Time with a living presence sensor."""
        self.late = 0
        """What came too late to be taken in order (``parameters.REORDER_MS``)."""
        self._version = 0

    @property
    def version(self) -> int:
        """Another one whenever a belief would be told something else."""
        told = self.sound.version + self.faults.version + self.door.version + self.door.passed.version
        return self._version + told

    @property
    def empty(self) -> bool:
        """Whether nothing was learnt yet."""
        told = any(self.sound.totals) or self.door.empty or self.door.used
        return not (told or self.faults.high or self.faults.low)

    def kept(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "form": FORM,
            "lived_s": self.lived_ms // 1000,
            "late": self.late,
            "sound": self.sound.kept(),
            "door": self.door.kept(),
            "faults": self.faults.kept(),
        }

    def take(self, kept: Mapping[str, Any]) -> None:
        """What :meth:`kept` gave; data of another form teach nothing."""
        self._version += 1
        if kept.get("form") == FORM:
            self.lived_ms = int(kept.get("lived_s", 0)) * 1000
            self.late = int(kept.get("late", 0))
            self.sound.take(kept["sound"])
            self.door.take(kept["door"])
            self.faults.take(kept.get("faults", {}))

    def teach(self, lessons: Iterable[Lesson]) -> None:
        """What the marked hours teach, in place of what they taught before; not part of what is kept."""
        self._version += 1
        told = together(lessons)
        if told == _NO_LESSON:  # of most rooms: one object for all of them
            self.sound.marked, self.door.marked = UNHEARD, UNMARKED
            return
        self.sound.marked = (told.vacant, told.active, told.still)
        self.door.marked = Marked(told.empty, told.used, told.false, told.fires)

    def forget(self) -> None:
        """Begin anew, without marked hours."""
        self.teach(())
        self.lived_ms = self.late = 0
        self.sound.take({})
        self.sound.begin()
        self.door.take({})
        self.faults.take({})
