"""What Prometheus is told, read from the store at each scrape: nothing is counted here, so nothing is lost.

Labels are names of the configuration and words of the contract: a site, an agent, a kind of alert. No
booking, code, person or free text is one: there are as many series as things, and nobody is followed.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, func, select

from pleintemps_contract import __version__
from pleintemps_contract.agent_messages import Presence
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.series.outbox import look
from pleintemps_gateway.store.changes import last_change
from pleintemps_gateway.store.schema import (
    agents,
    alerts,
    deliveries,
    devices,
    doors,
    feeds,
    housekeeping,
    journals,
    refusals,
    series,
    spaces,
)
from pleintemps_gateway.store.schema_connections import posts, webhooks

PREFIX: Final = "pleintemps_"
_Reading = Callable[[Connection, tuple[str, ...]], Iterable[Metric]]


def expose(config: GatewayConfig, engine: Engine) -> bytes:
    """The answer to a scrape, in Prometheus' text format 0.0.4."""
    registry = CollectorRegistry()
    registry.register(StoreCollector(config, engine))
    return generate_latest(registry)


class StoreCollector(Collector):
    """Every family, each time with what the store holds now."""

    def __init__(self, config: GatewayConfig, engine: Engine) -> None:
        self._config = config
        self._engine = engine

    def describe(self) -> list[Metric]:
        """Nothing is read to be registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        info = _gauge("build_info", "The version that runs; always 1.", "version")
        info.add_metric([__version__], 1)
        yield info
        sites = tuple(site.site for site in self._config.sites)
        with self._engine.connect() as conn:
            for reading in _READINGS:
                yield from reading(conn, sites)
        if self._config.series:
            yield from _outbox(Path(self._config.state) / "series.db")


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, labels=labels)


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(PREFIX + name, text, labels=labels)


def _store(conn: Connection, sites: tuple[str, ...]) -> Iterator[Metric]:
    changes = _counter("changes", "Changes of the store that a page may show.", "site")
    for site in sites:
        changes.add_metric([site], last_change(conn, site))
    yield changes
    kept = _gauge(
        "ingest_housekeeping_timestamp_seconds",
        "When the process that owns the site last kept house, once a minute.",
        "site",
    )
    for row in conn.execute(select(housekeeping).where(housekeeping.c.site.in_(sites))):
        kept.add_metric([row.site], row.at / 1000)
    yield kept
    refused = _counter("refusals", "What was refused: messages, events of calendars, webhooks.", "site")
    total = select(refusals.c.site, func.sum(refusals.c.count)).where(refusals.c.site.in_(sites))
    for site, number in conn.execute(total.group_by(refusals.c.site)):
        refused.add_metric([site], int(number))
    yield refused


def _agents(conn: Connection, sites: tuple[str, ...]) -> Iterator[Metric]:
    online = _gauge("agent_online", "1 while the agent is there.", "site", "agent")
    seen = _gauge("agent_last_seen_timestamp_seconds", "Last time it was heard of.", "site", "agent")
    trusted = _gauge("agent_clock_trusted", "1 if its clock is to be believed.", "site", "agent")
    ends = _gauge("agent_certificate_expiry_timestamp_seconds", "End of its certificate.", "site", "agent")
    for row in conn.execute(select(agents).where(agents.c.site.in_(sites))):
        label = [row.site, row.agent]
        online.add_metric(label, row.presence == Presence.ONLINE)
        _add(seen, label, row.last_seen, 1000)
        _add(trusted, label, row.clock_trusted)
        _add(ends, label, row.certificate_until, 1000)
    yield from (online, seen, trusted, ends)
    names = ("site", "agent", "stream")
    stored = _counter("journal_records", "Records of agents that are stored or accounted for.", *names)
    lost = _counter("journal_lost_records", "Records that an agent no longer had.", *names)
    again = _counter("journal_duplicate_records", "Records that came again.", *names)
    sums = [func.sum(journals.c[name]) for name in ("through", "lost", "duplicates")]
    group = (journals.c.site, journals.c.agent, journals.c.stream)
    for row in conn.execute(select(*group, *sums).where(journals.c.site.in_(sites)).group_by(*group)):
        for family, value in zip((stored, lost, again), row[3:], strict=True):
            family.add_metric(list(row[:3]), int(value))
    yield from (stored, lost, again)


def _devices(conn: Connection, sites: tuple[str, ...]) -> Iterator[Metric]:
    health = _gauge("devices", "Devices of agents by health.", "site", "agent", "health")
    for label, number in _count(conn, sites, devices.c.site, devices.c.agent, devices.c.health):
        health.add_metric(label, number)
    yield health
    told = _gauge(
        "sensor_last_value_timestamp_seconds", "Youngest value of a series.", "site", "agent", "series"
    )
    silence = _gauge(
        "sensor_max_silence_seconds",
        "Silent for longer than this a series is ill.",
        "site",
        "agent",
        "series",
    )
    for row in conn.execute(select(series).where(series.c.site.in_(sites))):
        label = [row.site, row.agent, row.series]
        _add(told, label, row.last_at, 1000)
        silence.add_metric(label, row.max_silence_s)
    yield from (told, silence)


def _rooms(conn: Connection, sites: tuple[str, ...]) -> Iterator[Metric]:
    rooms = _gauge("spaces", "Spaces by what is believed of them.", "site", "state")
    _fill(
        rooms, sites, [each.value for each in Occupancy], _count(conn, sites, spaces.c.site, spaces.c.state)
    )
    yield rooms
    alarms = _gauge("doors", "Doors by their alarm.", "site", "alarm")
    for label, number in _count(conn, sites, doors.c.site, doors.c.alarm):
        alarms.add_metric(label, number)
    yield alarms
    fire = _gauge("doors_released_by_fire", "Doors that nothing holds shut, for the fire panel.", "site")
    for label, number in _count(conn, sites, doors.c.site, where=doors.c.fire.is_(True)):
        fire.add_metric(label, number)
    yield fire


def _alerts(conn: Connection, sites: tuple[str, ...]) -> Iterator[Metric]:
    table = alerts.c
    open_ones = _gauge("alerts", "Alerts that are not over.", "site", "kind", "rank", "state")
    going_on = table.state != "resolved"
    for label, number in _count(conn, sites, table.site, table.kind, table.rank, table.state, where=going_on):
        open_ones.add_metric(label, number)
    yield open_ones
    raised = _counter("alerts_opened", "Alerts that were ever raised.", "site", "kind")
    for label, number in _count(conn, sites, table.site, table.kind):
        raised.add_metric(label, number)
    yield raised


def _people(conn: Connection, sites: tuple[str, ...]) -> Iterator[Metric]:
    waiting = _gauge("deliveries", "Messages to people by what became of them.", "site", "channel", "state")
    for label, number in _count(conn, sites, deliveries.c.site, deliveries.c.channel, deliveries.c.state):
        waiting.add_metric(label, number)
    yield waiting


def _sources(conn: Connection, sites: tuple[str, ...]) -> Iterator[Metric]:
    good = _gauge("feed_last_success_timestamp_seconds", "Last time a calendar was read.", "site", "feed")
    rejected = _gauge("feed_rejected_events", "Events of a calendar that cannot be used.", "site", "feed")
    for row in conn.execute(select(feeds).where(feeds.c.site.in_(sites))):
        _add(good, [row.site, row.feed], row.good, 1000)
        rejected.add_metric([row.site, row.feed], row.rejected)
    yield from (good, rejected)


def _webhooks(conn: Connection, sites: tuple[str, ...]) -> Iterator[Metric]:
    hooks = _gauge("webhooks", "Webhooks by state; only those that are on are told.", "site", "state")
    for label, number in _count(conn, sites, webhooks.c.site, webhooks.c.state):
        hooks.add_metric(label, number)
    yield hooks
    failing = _gauge("webhooks_failing", "Webhooks that take nothing just now.", "site")
    off = webhooks.c.failing.is_not(None) & (webhooks.c.state == "on")
    for label, number in _count(conn, sites, webhooks.c.site, where=off):
        failing.add_metric(label, number)
    yield failing
    waiting = _gauge("webhook_waiting_messages", "What waits for webhooks.", "site")
    for label, number in _count(conn, sites, posts.c.site, where=posts.c.body.is_not(None)):
        waiting.add_metric(label, number)
    yield waiting


def _outbox(path: Path) -> Iterator[Metric]:
    counts = look(path)
    if counts is None:
        return
    lines = _counter("series_lines", "Lines for the series database by what became of them.", "result")
    for name in ("written", "refused", "dropped"):
        lines.add_metric([name], getattr(counts, name))
    yield lines
    waiting = _gauge("series_waiting_lines", "Lines that wait for the series database.")
    waiting.add_metric([], counts.waiting)
    yield waiting


_READINGS: Final[tuple[_Reading, ...]] = (
    _store,
    _agents,
    _devices,
    _rooms,
    _alerts,
    _people,
    _sources,
    _webhooks,
)


def _count(
    conn: Connection, sites: tuple[str, ...], *group: Any, where: Any = None
) -> Iterator[tuple[list[str], int]]:
    """Rows by ``group``, of which the first is the site."""
    query = select(*group, func.count()).where(group[0].in_(sites))
    if where is not None:
        query = query.where(where)
    for row in conn.execute(query.group_by(*group)):
        yield [str(value) for value in row[:-1]], int(row[-1])


def _fill(
    family: GaugeMetricFamily,
    sites: tuple[str, ...],
    words: list[str],
    counted: Iterable[tuple[list[str], int]],
) -> None:
    """Also the words of which there is none: a rule about them must see 0, not nothing."""
    found = {tuple(label): number for label, number in counted}
    for site in sites:
        for word in words:
            family.add_metric([site, word], found.get((site, word), 0))


def _add(family: GaugeMetricFamily, label: list[str], value: float | None, per: int = 1) -> None:
    if value is not None:
        family.add_metric(label, value / per)
