"""What one site has to say to the series database, gathered between two commits."""

from collections.abc import Iterable

from pleintemps_contract.agent_messages import EventRecord, SeriesInfo
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.stretch import Stretch

from .rows import Row, Samples
from .sink import SeriesSink
from .translate import rows_of_event, rows_of_outputs


class SiteTap:
    """Called from the store writer's thread; without a ``sink`` every call is free and does nothing."""

    def __init__(self, site: SiteConfig, sink: SeriesSink | None) -> None:
        self._site = site
        self._sink = sink
        self._rows: list[Row] = []

    def samples(self, agent: str, series: SeriesInfo, stretch: Stretch) -> None:
        """Usable samples of a series of ``agent``."""
        if self._sink is not None:
            self._rows.append(
                Samples(
                    space=series.space,
                    agent=agent,
                    series=series.series,
                    quantity=series.quantity,
                    ats=stretch.ats,
                    values=stretch.values,
                )
            )

    def event(self, record: EventRecord) -> None:
        """A record that is stored for the first time."""
        if self._sink is not None:
            self._rows += rows_of_event(self._site, record)

    def outputs(self, outputs: Iterable[object]) -> None:
        """What the rules said at a tick."""
        if self._sink is not None:
            self._rows += rows_of_outputs(outputs)

    def committed(self) -> None:
        """The group is on disk: pass its rows on."""
        rows, self._rows = self._rows, []
        if self._sink is not None and rows:
            self._sink.add(self._site.site, rows)

    def reset(self) -> None:
        """The group is undone: forget its rows."""
        self._rows = []
