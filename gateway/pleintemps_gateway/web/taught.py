"""What a room has learnt, in words: how long it was measured, what sound weighs, what its sensors tell."""

import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, select

from pleintemps_gateway.learnt.marking import marked
from pleintemps_gateway.occupancy.marked import Lesson
from pleintemps_gateway.occupancy.memory import Memory
from pleintemps_gateway.occupancy.sound import APART_MS, LEAST_HEARD
from pleintemps_gateway.store.schema_rooms import learnt

from .formats import Formats
from .i18n import Catalogue

_LEVEL_S: Final = APART_MS // 1000


class Taught(NamedTuple):
    """``versions`` are the rows that are stored, the youngest first; ``memory`` holds what counts now,
    ``reset`` the last time that a person let it forget."""

    versions: list[Row[Any]]
    marks: list[Row[Any]]
    memory: Memory
    reset: Row[Any] | None

    @property
    def body(self) -> dict[str, Any] | None:
        """What the room told itself, as it is stored; None: nothing yet."""
        stored = self.versions[0].body if self.versions else None
        return None if stored is None else dict(json.loads(stored))


def load_taught(conn: Connection, site: str, space: str) -> Taught:
    """As the running gateway would take it at a start."""
    mine = (learnt.c.site == site) & (learnt.c.space == space)
    versions = list(conn.execute(select(learnt).where(mine).order_by(learnt.c.version.desc())).all())
    marks = marked(conn, site, space)
    found = Taught(versions, marks, Memory(), next((row for row in versions if row.body is None), None))
    if (body := found.body) is not None:
        found.memory.take(body)
    found.memory.teach(msgspec.json.decode(row.lesson, type=Lesson) for row in marks)
    return found


class TaughtWords:
    """Bound to one language."""

    def __init__(self, texts: Catalogue, formats: Formats) -> None:
        self._t = texts
        self._f = formats

    def sentences(self, taught: Taught) -> list[str]:
        """What it comes to, from the most general to each sensor."""
        return [text for text in (*self._general(taught.memory), *self._doors(taught.memory)) if text]

    def _general(self, memory: Memory) -> Iterable[str]:
        t, sound = self._t, memory.sound
        if memory.lived_ms:
            lived = self._f.duration(memory.lived_ms / 1000)
            yield t.gettext("Measured for %(time)s with a presence sensor that spoke.", time=lived)
        heard = [sound.totals[state] + sum(sound.marked[state].values()) for state in range(3)]
        if not any(heard):
            yield t.gettext("Sound tells nothing yet: no level was heard of an empty or a used room.")
            return
        times = {
            "empty": self._f.duration(heard[0] * _LEVEL_S),
            "used": self._f.duration((heard[1] + heard[2]) * _LEVEL_S),
        }
        if not sound.weight:
            least = self._f.duration(LEAST_HEARD * _LEVEL_S)
            yield t.gettext(
                "Sound tells nothing yet: it wants %(least)s of the empty room and of people who move; it "
                "was heard for %(empty)s with nobody and for %(used)s with somebody.",
                least=least,
                **times,
            )
            return
        yield t.gettext(
            "Sound counts for %(weight)s of what it may: it was heard for %(empty)s with nobody and for "
            "%(used)s with somebody.",
            weight=self._f.percent(100 * sound.weight),
            **times,
        )

    def _doors(self, memory: Memory) -> Iterable[str]:
        t, door, marked = self._t, memory.door, memory.door.marked
        empty, used = door.empty + marked.empty, door.used + marked.used
        if not empty + used:
            return
        yield t.gettext(
            "Between two movements of its door: about %(empty)s times with nobody, %(used)s times with "
            "somebody.",
            empty=t.number(round(empty)),
            used=t.number(round(used)),
        )
        for key in sorted({*door.false, *door.fires, *marked.false, *marked.fires}):
            false = door.false.get(key, 0.0) + marked.false.get(key, 0)
            fires = door.fires.get(key, 0.0) + marked.fires.get(key, 0)
            yield t.gettext(
                "%(sensor)s fired in %(fires)s of the times with somebody and in %(false)s of those with "
                "nobody.",
                sensor=key.rpartition("/")[2],
                fires=self._share(fires, used),
                false=self._share(false, empty),
            )

    def _share(self, part: float, whole: float) -> str:
        return self._f.percent(100 * part / whole) if whole else "?"

    def lesson(self, row: Row[Any]) -> str:
        """What a mark teaches."""
        t, found = self._t, msgspec.json.decode(row.lesson, type=Lesson)
        if not found:
            return t.gettext(
                "nothing: there is neither a meter nor a watched door, or they said nothing then"
            )
        parts = []
        if found.levels:
            heard = self._f.duration(found.levels * _LEVEL_S)
            parts.append(t.gettext("%(time)s of sound", time=heard))
        if count := found.empty + found.used:
            parts.append(t.ngettext("%(num)s time between doors", "%(num)s times between doors", count))
        return ", ".join(parts)

    def fault(self, reason: str) -> str:
        """Why an hour could not be marked."""
        t = self._t
        texts = {
            "bad-times": t.gettext("From five minutes to twelve hours can be marked at once."),
            "ahead": t.gettext("This time is not over yet."),
            "too-old": t.gettext("What was measured more than seven days ago is not stored any more."),
            "overlaps": t.gettext("A part of this time is marked already: take that mark away first."),
            "too-many": t.gettext("This room has too many marks: take some away first."),
            "unknown-mark": t.gettext("This mark was taken away already."),
        }
        return texts.get(reason, reason)
