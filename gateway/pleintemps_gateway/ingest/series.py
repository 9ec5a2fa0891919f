"""The series that agents announced: their youngest values and their minutes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete

from pleintemps_contract.agent_messages import Birth, SeriesInfo
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_gateway.occupancy.room import EVIDENCE
from pleintemps_gateway.store.schema import series
from pleintemps_gateway.store.together import table_of
from pleintemps_gateway.stretch import Stretch

from .pending import Pending, Youngest
from .rollup import FUTURE_MS, SeriesRoll, sound_stretch

Key = tuple[str, str]
"""Agent, series."""


class _Known(NamedTuple):
    info: SeriesInfo
    roll: SeriesRoll


class SeriesBook:
    """Rows of ``series`` as the writer's memory has them, and what is to be added to ``minutes``."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._agents: dict[str, dict[str, _Known]] = {}
        self._touched: set[Key] = set()
        self._silences: dict[str, int] | None = None

    def load(self, conn: Connection) -> None:
        for row in table_of(conn, self._site, series):
            info = SeriesInfo(
                series=row.series,
                device=row.device,
                space=row.space,
                quantity=Quantity(row.quantity),
                kind=SeriesKind(row.kind),
                max_silence_s=row.max_silence_s,
            )
            self._remember(row.agent, info, row.last_at, row.last_value)

    def _remember(self, agent: str, info: SeriesInfo, last_at: int | None, last_value: float | None) -> None:
        known = self._agents.setdefault(agent, {})
        roll = SeriesRoll(info.kind, info.max_silence_s, last_at, last_value)
        if (old := known.get(info.series)) is not None:
            roll.minutes = old.roll.minutes  # counted, not yet written
        known[info.series] = _Known(info, roll)
        self._silences = None

    def _known(self, agent: str, name: str) -> _Known | None:
        mine = self._agents.get(agent)
        return None if mine is None else mine.get(name)

    def take(
        self, agent: str, name: str, stretch: Stretch, now: int
    ) -> tuple[SeriesInfo, Stretch | None] | None:
        """Count it; the series and what of the stretch was sound.

        None if the series was not announced. A value that its quantity cannot have, and one from the future,
        is left out: the rules count and tell it.
        """
        known = self._known(agent, name)
        if known is None:
            return None
        usable = sound_stretch(known.info.quantity, stretch, now + FUTURE_MS)
        if usable is not None:
            known.roll.take_stretch(usable)
        self._touched.add((agent, name))
        return known.info, usable

    def space_of(self, agent: str, name: str) -> str | None:
        """The space of a series that was announced."""
        known = self._known(agent, name)
        return None if known is None else known.info.space

    @property
    def silences(self) -> Mapping[str, int]:
        """How long (s) the evidence of each space may be silent, at most."""
        if self._silences is None:
            self._silences = {}
            for mine in self._agents.values():
                for info, _ in mine.values():
                    if info.quantity in EVIDENCE:
                        known = self._silences.get(info.space, 0)
                        self._silences[info.space] = max(known, info.max_silence_s)
        return self._silences

    def born(self, conn: Connection, agent: str, birth: Birth, pending: Pending) -> None:
        """Take the complete list of a birth: what it no longer names is gone."""
        names = {info.series for info in birth.series}
        mine = self._agents.setdefault(agent, {})
        for name in [name for name in mine if name not in names]:
            gone = (series.c.site == self._site) & (series.c.agent == agent) & (series.c.series == name)
            conn.execute(delete(series).where(gone))
            del mine[name]
            self._silences = None
            self._touched.discard((agent, name))
            pending.series.pop((agent, name), None)
            pending.changes["series", f"{agent}/{name}"] = None
        for info in birth.series:
            old = mine.get(info.series)
            if old is not None and old.info == info:
                continue
            roll = old.roll if old is not None and old.info.quantity is info.quantity else None
            self._remember(
                agent, info, None if roll is None else roll.last_at, None if roll is None else roll.last_value
            )
            pending.series[agent, info.series] = self._row(agent, mine[info.series])
            pending.changes["series", f"{agent}/{info.series}"] = None

    def _row(self, agent: str, known: _Known) -> dict[str, Any]:
        info, roll = known
        return {
            "site": self._site,
            "agent": agent,
            "series": info.series,
            "device": info.device,
            "space": info.space,
            "quantity": str(info.quantity),
            "kind": str(info.kind),
            "max_silence_s": info.max_silence_s,
            "last_at": roll.last_at,
            "last_value": roll.last_value,
        }

    def flush(self, pending: Pending) -> bool:
        """Put down what came since the last time; whether anything did."""
        touched, self._touched = self._touched, set()
        for agent, name in sorted(touched):  # as they stand in the store
            known = self._agents[agent][name]
            roll = known.roll
            if (agent, name) in pending.series:
                pending.series[agent, name] = self._row(agent, known)
            else:
                pending.youngest.append(Youngest(agent, name, roll.last_at, roll.last_value))
            for start, minute in roll.minutes.items():
                pending.minutes.append(
                    {
                        "site": self._site,
                        "agent": agent,
                        "series": name,
                        "minute": start,
                        "count": minute.count,
                        "total": minute.total,
                        "energy": minute.energy,
                        "low": minute.low,
                        "high": minute.high,
                    }
                )
            roll.minutes = {}
        return bool(touched)
