"""What the series of one room have said of late, as columns: nine bytes a reading instead of an object."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from . import parameters as p


class Track:
    """The states of one series in order of time (Unix ms); of two of one moment the later arrived is the
    later."""

    __slots__ = ("ats", "told", "values")

    def __init__(self) -> None:
        self.ats = array("q")
        self.values = bytearray()
        self.told = 0
        """The youngest moment, also of what is not kept."""

    def add(self, at: int, value: int) -> None:
        """``value``: 0 to 255."""
        ats = self.ats
        if not ats or at >= ats[-1]:
            ats.append(at)
            self.values.append(value)
        else:
            place = bisect_right(ats, at)
            ats.insert(place, at)
            self.values.insert(place, value)
        self.told = max(self.told, at)

    def extend(self, ats: Sequence[int], values: Sequence[int]) -> None:
        """As :meth:`add` of each, at rising times."""
        if self.ats and ats[0] < self.ats[-1]:
            for at, value in zip(ats, values, strict=True):
                self.add(at, value)
            return
        self.ats.extend(ats)
        self.values.extend(values)
        self.told = max(self.told, ats[-1])

    def drop(self, before: int) -> None:
        """Keep nothing that is older."""
        count = bisect_left(self.ats, before)
        del self.ats[:count]
        del self.values[:count]


class LevelTrack:
    """The levels of one meter: per step of the grid the youngest moment and the loudest (thousandths of
    dB)."""

    __slots__ = ("ats", "told", "values")

    def __init__(self) -> None:
        self.ats = array("q")
        self.values = array("l")
        self.told = 0

    def add(self, at: int, milli_db: int) -> None:
        ats, begin = self.ats, at - at % p.GRID_MS
        self.told = max(self.told, at)
        if not ats or ats[-1] < begin:
            ats.append(at)
            self.values.append(milli_db)
            return
        place = bisect_left(ats, begin)
        if ats[place] < begin + p.GRID_MS:
            ats[place] = max(at, ats[place])
            self.values[place] = max(milli_db, self.values[place])
        else:
            ats.insert(place, at)
            self.values.insert(place, milli_db)

    def drop(self, before: int) -> None:
        """Keep nothing that is older."""
        count = bisect_left(self.ats, before)
        del self.ats[:count]
        del self.values[:count]
