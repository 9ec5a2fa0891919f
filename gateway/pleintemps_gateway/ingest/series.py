"""The series that agents announced: their youngest values and their minutes."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete

from pleintemps_contract.agent_messages import Birth
from pleintemps_gateway.occupancy.room import EVIDENCE
from pleintemps_gateway.store.schema import series
from pleintemps_gateway.store.together import table_of
from pleintemps_gateway.stretch import Stretch

from .pending import Pending
from .rollup import FUTURE_MS, SeriesRoll, sound_stretch

Key = tuple[str, str]
"""Agent, series."""
_EVIDENCE: Final = frozenset(quantity.value for quantity in EVIDENCE)


class SeriesBook:
    """Rows of ``series`` as the writer's memory has them, and what is to be added to ``minutes``."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._rows: dict[Key, dict[str, Any]] = {}
        self._rolls: dict[Key, SeriesRoll] = {}
        self._touched: set[Key] = set()
        self._silences: dict[str, int] | None = None

    def load(self, conn: Connection) -> None:
        for row in table_of(conn, self._site, series):
            self._remember((row.agent, row.series), dict(row._mapping))

    def _remember(self, key: Key, row: dict[str, Any]) -> None:
        old = self._rolls.get(key)
        roll = SeriesRoll(row["kind"], row["max_silence_s"], row["last_at"], row["last_value"])
        if old is not None:
            roll.minutes = old.minutes  # counted, not yet written
        self._rows[key], self._rolls[key] = row, roll
        self._silences = None

    def take(
        self, agent: str, name: str, stretch: Stretch, now: int
    ) -> tuple[Mapping[str, Any], Stretch | None] | None:
        """Count it; the series' row and what of the stretch was sound.

        None if the series was not announced. A value that its quantity cannot have, and one from the future,
        is left out: the rules count and tell it.
        """
        key = (agent, name)
        row = self._rows.get(key)
        if row is None:
            return None
        usable = sound_stretch(row["quantity"], stretch, now + FUTURE_MS)
        if usable is not None:
            self._rolls[key].take_stretch(usable)
        self._touched.add(key)
        return row, usable

    def space_of(self, agent: str, name: str) -> str | None:
        """The space of a series that was announced."""
        row = self._rows.get((agent, name))
        return None if row is None else str(row["space"])

    @property
    def silences(self) -> Mapping[str, int]:
        """How long (s) the evidence of each space may be silent, at most."""
        if self._silences is None:
            self._silences = {}
            for row in self._rows.values():
                if row["quantity"] in _EVIDENCE:
                    known = self._silences.get(row["space"], 0)
                    self._silences[row["space"]] = max(known, row["max_silence_s"])
        return self._silences

    def born(self, conn: Connection, agent: str, birth: Birth, pending: Pending) -> None:
        """Take the complete list of a birth: what it no longer names is gone."""
        names = {info.series for info in birth.series}
        for key in [key for key in self._rows if key[0] == agent and key[1] not in names]:
            mine = (series.c.site == self._site) & (series.c.agent == agent) & (series.c.series == key[1])
            conn.execute(delete(series).where(mine))
            del self._rows[key], self._rolls[key]
            self._silences = None
            self._touched.discard(key)
            pending.series.pop(key, None)
            pending.changes["series", "/".join(key)] = None
        for info in birth.series:
            key = (agent, info.series)
            old = self._rows.get(key)
            row = {"site": self._site, "agent": agent, **msgspec.to_builtins(info)}
            same = old is not None and old["quantity"] == row["quantity"]
            roll = self._rolls[key] if same else None
            row |= {
                "last_at": roll.last_at if roll is not None else None,
                "last_value": roll.last_value if roll is not None else None,
            }
            if old is None or any(old[name] != row[name] for name in row if not name.startswith("last_")):
                self._remember(key, row)
                pending.series[key] = row
                pending.changes["series", "/".join(key)] = None

    def flush(self, pending: Pending) -> bool:
        """Put down what came since the last time; whether anything did."""
        touched, self._touched = self._touched, set()
        for agent, name in touched:
            roll, row = self._rolls[agent, name], self._rows[agent, name]
            row |= {"last_at": roll.last_at, "last_value": roll.last_value}
            pending.series[agent, name] = row
            for start, minute in roll.minutes.items():
                values = {
                    "count": minute.count,
                    "total": minute.total,
                    "energy": minute.energy,
                    "low": minute.low,
                    "high": minute.high,
                }
                key = {"site": self._site, "agent": agent, "series": name, "minute": start}
                pending.minutes.append(key | values)
            roll.minutes = {}
        return bool(touched)
