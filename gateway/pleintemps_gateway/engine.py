"""The rules of one site behind one door: what happened goes in, rows to store come out.

Pure: no I/O, no clock, no store. Feed what arrives, then ask :meth:`SiteEngine.tick` about once a second; the
same inputs give the same outputs. After a restart :meth:`SiteEngine.restore` comes first, before anything is
fed."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from pleintemps_contract.agent_messages import (
    AccessRefused,
    DeviceHealth,
    DeviceInfo,
    DoorAlarmChanged,
    DoorInfo,
    DoorPhysicalChanged,
    EventRecord,
    Health,
    JournalReplaced,
    MessageRefused,
    PanelChanged,
    PanelInfo,
    PanelState,
    SeriesInfo,
)
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.onvif import DoorPhysicalState

from .agenda import Agenda
from .alerts.book import AlertBook
from .alerts.doors import DoorAlerts
from .alerts.health import HealthAlerts
from .alerts.people import PeopleAlerts
from .alerts.records import Alert, AlertKind, AlertOpened, AlertResolved, AlertState, AlertUpdated
from .alerts.safety import SafetyAlerts
from .alerts.upkeep import Halted, Upkeep, UpkeepAlerts
from .bookings.site_calendar import SiteCalendar
from .config import SiteConfig, SpaceConfig
from .engine_records import Ignored, Output, RecentSeries, Snapshot, figures_of
from .noise.hours import Moment, NoiseHours
from .noise.records import NoiseDay, WarningEnded, WarningWanted
from .noise.watch import NoiseWatch, Said
from .occupancy.marked import Lesson
from .occupancy.records import Learnt, OccupancyChanged, SpaceNow
from .occupancy.room import Estimate
from .occupancy.space import REST_MS, SpaceRuntime
from .reconcile.ledger import Ledger
from .reconcile.left_open import LeftOpen
from .reconcile.panels import PanelRule, PanelWanted
from .reconcile.records import Booking, UsageChanged, UsageState
from .reconcile.unexpected import Unexpected
from .reconcile.usage import Margins, Observed, Usage
from .stretch import Stretch

__all__ = [
    "Alert",
    "AlertKind",
    "AlertOpened",
    "AlertResolved",
    "AlertState",
    "AlertUpdated",
    "Booking",
    "Ignored",
    "Learnt",
    "NoiseDay",
    "OccupancyChanged",
    "Output",
    "PanelWanted",
    "RecentSeries",
    "SiteEngine",
    "Snapshot",
    "SpaceNow",
    "Upkeep",
    "UsageChanged",
    "UsageState",
    "WarningEnded",
    "WarningWanted",
]

_NOTHING: Final[frozenset[str]] = frozenset()
_APART_MS: Final = 100  # the spaces of a site are looked at one after the other
FUTURE_MS: Final = 5 * 60_000
"""A sample this far ahead of the gateway's clock comes from a wrong clock and is no evidence."""


class _Space:
    """One configured space with the rules that watch it."""

    __slots__ = ("config", "noise", "runtime", "unexpected")

    def __init__(
        self,
        config: SpaceConfig,
        unexpected_after_ms: int,
        alerts: AlertBook,
        now: int,
        place: int,
        agenda: Agenda,
    ) -> None:
        self.config = config
        self.noise = NoiseWatch(config.space, config.noise, alerts)
        wake = partial(agenda.put, place)
        self.runtime = SpaceRuntime(config.space, self.noise, now, place * _APART_MS % REST_MS, wake)
        self.unexpected = Unexpected(config.space, unexpected_after_ms, alerts)


class SiteEngine:
    """Everything the gateway believes about one site. ``new_id`` names alerts: 32 hexadecimal digits.

    Without a ``calendar`` no school holiday is known.
    """

    def __init__(
        self,
        site_config: SiteConfig,
        now: int,
        new_id: Callable[[], str],
        calendar: SiteCalendar | None = None,
    ) -> None:
        rules = site_config.rules
        self._now = now
        self._new_id = new_id
        self._alerts = AlertBook(new_id)
        self._usual = (rules.quiet_from, rules.quiet_to)
        self._special = {kind: (hours.from_, hours.to) for kind, hours in rules.quiet.items()}
        self.on_calendar(calendar or SiteCalendar(site_config.calendar, site_config.zone))
        unexpected_after_ms = round(rules.unexpected_after_s * 1000)
        self._agenda = Agenda()
        self._spaces = {
            space.space: _Space(space, unexpected_after_ms, self._alerts, now, place, self._agenda)
            for place, space in enumerate(site_config.spaces)
        }
        self._places = list(self._spaces.values())
        self._sides = {door.door: (door.from_, door.to) for door in site_config.doors}
        self._doors = DoorAlerts(self._alerts)
        self._safety = SafetyAlerts(self._alerts)
        self._upkeep = UpkeepAlerts(self._alerts)
        self._panels = {panel.panel: PanelRule(panel) for panel in site_config.panels}
        self._people = PeopleAlerts(self._alerts)
        self._health = HealthAlerts(self._alerts, round(rules.agent_silent_after_s * 1000), now)
        for door in site_config.doors:
            self._health.expect(door.agent)
        margins = Margins(
            *(
                round(seconds * 1000)
                for seconds in (
                    rules.lead_s,
                    rules.tail_s,
                    rules.no_show_after_s,
                    rules.overstay_after_s,
                    rules.left_after_s,
                )
            )
        )
        passages = frozenset(space.space for space in site_config.spaces if not space.bookable)
        stores = frozenset(space.space for space in site_config.spaces if space.kind != "room")
        self._ledger = Ledger(margins, passages, self._alerts, now, stores)
        rooms: dict[str, list[str]] = {space: [] for space in self._spaces.keys() - passages - stores}
        for door in site_config.doors:
            for side in {door.from_, door.to} & rooms.keys():
                rooms[side].append(door.door)
        self._left_open = LeftOpen(rooms, margins, self._alerts)
        self._series: dict[str, dict[str, SeriesInfo]] = {}
        self._routes: dict[str, dict[str, tuple[str, SpaceRuntime]]] = {}  # by agent and series: key, space
        self._watched: set[str] = set()  # spaces with somebody in them, or with an alert about it
        self._stuck: dict[str, frozenset[str]] = {}
        self._ill: dict[tuple[str, str], int] = {}
        self._ignored: dict[tuple[str, str], int] = {}
        self._refused: dict[tuple[str, str], int] = {}

    def restore(self, snapshot: Snapshot) -> None:
        """Go on where a predecessor stopped: nothing that it stored is said again."""
        now = self._now
        self._alerts.restore(snapshot.alerts)
        self._doors.restore(now)
        self._health.restore(now)
        for agent, last_seen in snapshot.heard.items():
            self._health.presence(agent, True, last_seen, now)
        for alert in snapshot.alerts:
            if alert.kind is AlertKind.UNEXPECTED_PRESENCE and alert.space in self._spaces:
                self._watched.add(alert.space)
            if alert.kind is AlertKind.DEVICE_FAULT and alert.agent is not None:
                self._ill[alert.agent, str(alert.facts.get("device"))] = alert.opened
        start = min((samples[0][0] for recent in snapshot.series if (samples := recent.samples)), default=now)
        rows = {row.space: row for row in snapshot.spaces}
        loud_days: dict[str, list[NoiseDay]] = {}
        for day in snapshot.noise_days:
            loud_days.setdefault(day.space, []).append(day)
        for name, space in self._spaces.items():
            space.runtime.restore(rows.get(name), min(start, now), snapshot.learnt.get(name))
            space.runtime.teach(snapshot.marks.get(name, ()))
            space.noise.restore(figures_of(rows.get(name)), loud_days.get(name, []))
        by_agent: dict[str, list[SeriesInfo]] = {}
        for recent in snapshot.series:
            by_agent.setdefault(recent.agent, []).append(recent.info)
        for agent, infos in by_agent.items():
            self._announce(agent, infos)
        for recent in snapshot.series:
            if (stretch := Stretch.of(recent.samples)) is not None:
                self.on_stretches(recent.agent, {recent.info.series: stretch})
        self._ignored.clear()
        history: dict[str, list[Observed]] = {}
        for change in sorted(snapshot.occupancy, key=lambda change: (change.space, change.since)):
            history.setdefault(change.space, []).append(Observed(change.state, change.since))
        alive_at = max((row.at for row in snapshot.spaces), default=now)
        self._ledger.restore(snapshot.usage, history, alive_at)
        for row in snapshot.spaces:
            self._ledger.observe(row.space, Observed(row.state, row.since))

    # --- what arrives ---------------------------------------------------------------------------------

    def on_series(self, agent: str, series: Sequence[SeriesInfo]) -> None:
        """The complete list of an agent's series, from its birth."""
        self._health.heard(agent, self._now)
        self._announce(agent, series)

    def _announce(self, agent: str, series: Sequence[SeriesInfo]) -> None:
        old = self._series.get(agent, {})
        new = {info.series: info for info in series}
        self._series[agent] = new
        self._routes[agent] = {
            name: (f"{agent}/{name}", self._spaces[info.space].runtime)
            for name, info in new.items()
            if info.space in self._spaces
        }
        for name, info in old.items():
            known = new.get(name)
            moved = known is None or (known.space, known.quantity) != (info.space, info.quantity)
            if moved and info.space in self._spaces:
                self._spaces[info.space].runtime.forget(f"{agent}/{name}")
        for name, info in new.items():
            space = self._spaces.get(info.space)
            if space is None:
                self._ignore(f"{agent}/{name}", f"space {info.space} is not in the gateway's configuration")
                continue
            key, runtime = self._routes[agent][name]
            runtime.series(key, name, info.quantity, info.max_silence_s, f"{agent}/{info.device}")
            if (since := self._ill.get((agent, info.device))) is not None:
                runtime.fault(key, since, True)

    def on_devices(self, agent: str, devices: Sequence[DeviceInfo], at: int) -> None:
        """Health of an agent's devices, from its birth; after :meth:`on_series`."""
        for device in devices:
            self._device(agent, device.device, device.health, device.detail, at)

    def on_doors(self, agent: str, doors: Sequence[DoorInfo], at: int) -> None:
        """An agent's doors as they stand at its birth."""
        for door in doors:
            self._doors.alarm(door.door, agent, door.alarm, at)
            self._doors.physical(door.door, door.physical, at)
            self._left_open.door(door.door, door.physical)
            self._safety.door(door, agent, at)
            self._stands(door.door, door.physical, self._now, False)

    def _stands(self, door: str, state: DoorPhysicalState, at: int, moved: bool) -> None:
        if state in (DoorPhysicalState.OPEN, DoorPhysicalState.CLOSED):
            for side in self._sides.get(door, ()):
                if side in self._spaces:
                    self._spaces[side].runtime.door(door, at, state is DoorPhysicalState.OPEN, moved)

    def on_panel(self, agent: str, info: PanelInfo, asked: int | None, at: int) -> None:
        """A panel as it stands now; ``asked`` is when the rule asked for it to be set last."""
        self._safety.panel(info.panel, agent, info.state, at)
        self._panel_told(info.panel, info.state, asked)

    def _panel_told(self, panel: str, state: PanelState, asked: int | None) -> None:
        if (rule := self._panels.get(panel)) is not None:
            rule.told(state, asked)

    def on_panel_refused(self, panel: str, agent: str, reason: str, at: int) -> None:
        """The rule's command was refused, or nobody answered; ``reason`` is that of the command."""
        self._safety.panel_refused(panel, agent, reason, at)

    def on_upkeep(self, agent: str, upkeep: Upkeep, at: int) -> None:
        """What an agent's birth, or its stored row, says of its disk, keys and certificate."""
        self._upkeep.told(agent, upkeep, at)

    def on_stolen(self, since: Mapping[str, int], among: Collection[str]) -> None:
        """Which agents were stolen when and have no successor yet, ``among`` all that are known."""
        self._upkeep.stolen(since, among, self._now)

    def on_halted(self, release: Halted | None) -> None:
        """The release for agents that has halted and wants somebody, if one has."""
        self._upkeep.halted(release, self._now)

    def on_backup(self, last: int | None, within_ms: int) -> None:
        """When the last back-up of the store was made, if ever, and how old it may be."""
        self._upkeep.backup(last, within_ms)

    def on_key(self, key: str, changing: bool) -> None:
        """The key id that agents should believe; ``changing`` while another one may sign as well."""
        self._upkeep.wanted(key, changing)

    def on_samples(self, agent: str, samples: Mapping[str, Sequence[tuple[int, float]]]) -> None:
        """Values by series name, (Unix ms, value) in any order of time; a value that cannot be used is
        counted.
        """
        found = {name: made for name, each in samples.items() if (made := Stretch.of(each)) is not None}
        self.on_stretches(agent, found)

    def on_stretches(self, agent: str, stretches: Mapping[str, Stretch]) -> None:
        """As :meth:`on_samples`, as columns."""
        self._health.heard(agent, self._now)
        routes, latest = self._routes.get(agent, {}), self._now + FUTURE_MS
        for name in sorted(stretches):
            stretch = stretches[name]
            route = routes.get(name)
            if route is None or not stretch.rising or stretch.ats[-1] > latest:
                self._take(agent, name, stretch)
                continue
            source, runtime = route
            for reason, count in runtime.samples(source, stretch).items():
                self._ignore(source, reason, count)

    def _take(self, agent: str, name: str, stretch: Stretch) -> None:
        source = f"{agent}/{name}"
        info = self._series.get(agent, {}).get(name)
        space = None if info is None else self._spaces.get(info.space)
        if space is None:
            why = "series was not announced" if info is None else "space is not in the configuration"
            self._ignore(source, why, len(stretch.ats))
            return
        for at, value in stretch.pairs():
            if at > self._now + FUTURE_MS:
                self._ignore(source, "time is ahead of the gateway's clock")
            elif fault := space.runtime.sample(source, at, value):
                self._ignore(source, fault)

    def on_event(self, agent: str, record: EventRecord) -> None:
        """One record of an agent's journal, once."""
        self._health.heard(agent, self._now)
        event, at = record.event, record.at
        self._safety.event(agent, event, at)
        if isinstance(event, DoorAlarmChanged):
            self._doors.alarm(event.door, agent, event.alarm, at)
        elif isinstance(event, DoorPhysicalChanged):
            self._doors.physical(event.door, event.state, at)
            self._left_open.door(event.door, event.state)
            self._stands(event.door, event.state, at, True)
        elif isinstance(event, AccessRefused):
            self._doors.refused(event.door, agent, event.reason, at, self._now, event.count)
        elif isinstance(event, DeviceHealth):
            self._device(agent, event.device, event.health, event.detail, at)
        elif isinstance(event, PanelChanged):
            self._panel_told(event.panel, event.state, None)
        elif isinstance(event, JournalReplaced):
            self._upkeep.journal_replaced(agent, event.stream, event.reason, at)
        elif isinstance(event, MessageRefused):
            source = f"{agent}/{event.channel}"
            count = self._refused.get((source, event.reason), 0) + event.count
            self._refused[source, event.reason] = count
            self._health.refusal(source, event.reason, count, self._now)

    def _device(self, agent: str, device: str, health: Health, detail: str, at: int) -> None:
        ill = health is not Health.OK
        self._health.device(agent, device, health, detail, at)
        if ill == ((agent, device) in self._ill):
            return
        if ill:
            self._ill[agent, device] = at
        else:
            del self._ill[agent, device]
        for name, info in self._series.get(agent, {}).items():
            if info.device == device and info.space in self._spaces:
                self._spaces[info.space].runtime.fault(f"{agent}/{name}", at, ill)

    def on_agent(self, agent: str, online: bool, last_seen: int) -> None:
        """What ``availability`` says of an agent, and when it was heard last (Unix ms, gateway's clock)."""
        self._health.presence(agent, online, last_seen, self._now)

    def on_bookings(self, bookings: Sequence[Booking]) -> None:
        """New and changed bookings; those not named stay as they are. One that vanishes comes as
        cancelled."""
        self._ledger.bookings(bookings, self._now)
        for booking in bookings:
            if booking.space in self._spaces and booking.end <= self._now and not booking.cancelled:
                self._spaces[booking.space].noise.booked(booking.end)
        for rule in self._panels.values():
            rule.bookings(bookings)

    def on_calendar(self, calendar: SiteCalendar) -> None:
        """The site's days, anew: they say which hours are quiet."""
        self._hours = NoiseHours(calendar, self._usual, self._special)

    def on_code_used(self, booking: str) -> None:
        """The booking's code opened a door: from its lead on, presence is this booking's and not its
        predecessor's."""
        self._ledger.code_used(booking)

    def on_corrected(self, usage: Usage) -> None:
        """The record of a booking that is not over, worked out anew with what came late."""
        self._ledger.correct(usage)

    def sight(self, space: str, agents: Iterable[str]) -> tuple[Estimate | None, bool, bool]:
        """What was believed of ``space`` at the last look; whether all its presence sensors spoke; whether
        their agents and ``agents`` are heard."""
        runtime = self._spaces[space].runtime
        own = {name for name, infos in self._series.items() if any(i.space == space for i in infos.values())}
        heard = all(self._health.is_heard(agent, self._now) for agent in own.union(agents))
        return runtime.estimate, runtime.room.sound, heard

    def on_refusal(self, source: str, reason: str, count: int, at: int) -> None:
        """``count`` messages of ``source`` were refused so far for ``reason`` (the row of ``refusals``)."""
        self._health.refusal(source, reason, count, at)

    def on_feed(self, feed: str, error: str | None, at: int) -> None:
        """A calendar was read (``error`` None) or not."""
        self._health.feed(feed, error, at)

    def on_called(self, alert: Alert) -> None:
        """Somebody at a door has called for help; the web tier has already stored the alert."""
        self._people.called(alert)

    def on_delivery(self, about: str, template: str, channel: str, error: str | None) -> None:
        """A message about a booking or a right has arrived (``error`` None), or failed for good."""
        self._people.delivery(about, template, channel, error, self._now)

    def on_reset(self, space: str) -> None:
        """A person wants a space to learn anew."""
        if space in self._spaces:
            self._spaces[space].runtime.unlearn()

    def on_marks(self, lessons: Mapping[str, Sequence[Lesson]]) -> None:
        """What all marked hours teach, by space: in place of what they taught before."""
        for name, space in self._spaces.items():
            space.runtime.teach(lessons.get(name, ()))

    def on_acknowledged(self, alert: str, at: int, by: str, comment: str | None = None) -> None:
        """A person acknowledged an alert; the web tier has already stored it."""
        self._alerts.acknowledge(alert, at, by, comment)
        known = self._alerts.by_id(alert)
        if known is not None and known.door is not None:
            self._doors.acknowledged(known.door, at)

    def on_given_back(self, alert: str, state: AlertState) -> None:
        """Nobody has it: a pause has begun or ended, or it was passed on; the store has it so already."""
        self._alerts.opened_again(alert, state)

    def on_blanked(self, alert: str, names: Collection[str]) -> None:
        """The store has forgotten the facts ``names`` of an alert: they were somebody's."""
        self._alerts.blank(alert, names)

    def _ignore(self, source: str, reason: str, count: int = 1) -> None:
        self._ignored[source, reason] = self._ignored.get((source, reason), 0) + count

    # --- time -----------------------------------------------------------------------------------------

    def is_due(self, now: int) -> bool:
        """Whether a room wants a look, or something could not be used: readings alone need no other tick
        between those of each second."""
        return bool(self._ignored) or self._agenda.is_due(now)

    def tick(self, now: int) -> list[Output]:
        """Let time pass until ``now`` (it does not go back) and say what changed, in an order that
        repeats."""
        now = self._now = max(now, self._now)
        outputs: list[Output] = []
        if due := self._agenda.take(now):
            moment = self._hours.at(now)
            for place in due:
                self._look(self._places[place], moment, outputs)
        self._ledger.tick(now)
        for name in sorted(self._watched):
            space = self._spaces[name]
            if space.runtime.estimate is not None:
                space.unexpected.look(now, space.runtime.estimate, self._ledger)
                if space.runtime.estimate.state is Occupancy.VACANT:
                    self._watched.discard(name)
        self._left_open.tick(now, self._ledger, self._believed)
        self._doors.tick(now)
        self._safety.tick(now)
        self._upkeep.tick(now)
        self._people.tick(now)
        self._health.tick(now)
        for name, rule in self._panels.items():
            if rule.wants({space: self._spaces[space].runtime.estimate for space in rule.config.spaces}, now):
                agent = rule.config.agent
                outputs.append(PanelWanted(command=self._new_id(), panel=name, agent=agent, at=now))
        outputs += self._ledger.take()
        outputs += self._alerts.take()
        for (source, reason), count in sorted(self._ignored.items()):
            outputs.append(Ignored(source=source, reason=reason, count=count, at=now))
        self._ignored.clear()
        return outputs

    def _believed(self, space: str) -> Estimate | None:
        return self._spaces[space].runtime.estimate if space in self._spaces else None

    def _report_stuck(self, space: _Space, now: int) -> None:
        """A sensor that the room's other sensors prove stuck is a device fault until it moves again."""
        name, stuck = space.config.space, frozenset(space.runtime.room.stuck)
        before = self._stuck.get(name, _NOTHING)
        if stuck == before:
            return
        for key in sorted(stuck ^ before):
            agent, _, series = key.partition("/")
            info = self._series.get(agent, {}).get(series)
            if info is not None and (agent, info.device) not in self._ill:
                health = Health.ERROR if key in stuck else Health.OK
                self._health.device(agent, info.device, health, f"{series} is stuck", now)
        self._stuck[name] = stuck

    def _look(self, space: _Space, moment: Moment, outputs: list[Output]) -> None:
        name, now, known = space.config.space, moment.now, space.runtime.estimate
        sure = known is not None and known.state is not Occupancy.UNKNOWN
        vacant = known.state is Occupancy.VACANT if known is not None and sure else None
        said: list[Said] = []
        figures = space.noise.look(moment, self._hours, self._ledger.current(name, now), vacant, said)
        look = space.runtime.look(now, figures)
        outputs += said
        self._report_stuck(space, now)
        if (taught := space.runtime.learnt(now)) is not None:
            outputs.append(taught)
        if look.row is not None:
            outputs.append(look.row)
        if look.change is not None:
            outputs.append(look.change)
            self._ledger.observe(name, Observed(look.change.state, look.change.since))
        if look.estimate.state is Occupancy.OCCUPIED and space.config.kind == "room":
            self._watched.add(name)
