"""The fleet at work: agents measure in turn, lines are served, faults happen, everything is counted."""

import os
import selectors
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.world import World
from pleintemps_firmware_sim.errors import BrokerError

from . import mqtt
from .agent import LightAgent
from .days import DAY_MS, Scene, chance_of
from .figures import Figures, report
from .patterns import Pace, rings
from .plan import SERIES, AgentPlan, FleetPlan
from .room import Life
from .session import Phase, Session

Keys = Callable[[AgentPlan], TrustedKeys | None]
"""The keys that an agent believes; None where no signature is checked."""
_TURN: Final = 256
"""Agents that measure before the lines are looked at again."""
_OPENING: Final = 32
"""Lines that are being opened at a time: a broker's queue for them is short."""
_IDLE_S: Final = 0.05
_GOODBYE_MS: Final = 2_000
_MINUTE_MS: Final = 60_000
_LOOK_MS: Final = 1_000
_SPOIL_MS: Final = 100


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """``rate``: readings a second and sensor. ``backlog_s``: what every agent has recorded before it first
    connects. ``sessions`` 0: one for each agent. ``drain_s``: how long the last receipts are waited for.
    Faults: ``lose`` a share of batches, ``cut`` and ``kill`` times a minute and session, or agent.
    """

    plan: FleetPlan
    rate: float = 1.0
    seconds: float = 60.0
    backlog_s: float = 0.0
    sessions: int = 0
    seed: int = 1
    day_ms: int = DAY_MS
    drain_s: float = 30.0
    capacity: int = 4_096
    lose: float = 0.0
    cut: float = 0.0
    kill: float = 0.0
    by_puback: bool = False


def processor_s() -> float:
    """Processor time of this process so far, in seconds."""
    times = os.times()
    return times.user + times.system


class Fleet:
    """Agents with their lines. :meth:`run` drives a broker, :meth:`dry` nothing but the generator."""

    def __init__(self, options: FleetOptions, world: World, keys: Keys) -> None:
        self.options = options
        self.figures = Figures()
        self._world = world
        self._wall, self._mono = world.now(), world.monotonic()
        plans = options.plan.agents()
        series = options.plan.per_agent * len(SERIES)
        self._pace = Pace.of(options.rate, series)
        self._backlog = round(options.backlog_s * 1000 / self._pace.period_ms)
        begin = self._wall - int(self._backlog * self._pace.period_ms)
        ring = {scene: rings(options.seed, scene, self._pace.period_ms) for scene in Scene}
        life = Life(options.seed, options.day_ms, ring)
        self.agents = [
            LightAgent(
                plan,
                place,
                life=life,
                pace=self._pace,
                world=world,
                keys=keys(plan),
                figures=self.figures,
                capacity=max(options.capacity, self._backlog),
                now=begin,
            )
            for place, plan in enumerate(plans)
        ]
        for number in range(self._backlog):
            at = begin + int(number * self._pace.period_ms)
            for agent in self.agents:
                agent.measure(number, at)
        self._measured = 0
        self._processor = processor_s()

    # --- measuring in turn ----------------------------------------------------------------------------

    def _measure(self, upto: int, most: int) -> range:
        """Let agents take the readings that are due before ``upto`` ms since the start, at most so many."""
        period, count = self._pace.period_ms, len(self.agents)
        due = min(int(upto * count / period), self._measured + most)
        for turn in range(self._measured, due):
            number, place = divmod(turn, count)
            self.agents[place].measure(self._backlog + number, self._taken_at(number, place))
        done, self._measured = range(self._measured, due), max(due, self._measured)
        return done

    def _finish(self) -> None:
        """The agents measure no more: commit what they have."""
        for place, agent in enumerate(self.agents):
            rounds, ahead = divmod(self._measured, len(self.agents))
            number = rounds - (place >= ahead)
            if number >= 0:
                agent.finish(self._backlog + number, self._taken_at(number, place))

    def _taken_at(self, number: int, place: int) -> int:
        """When (Unix ms) the agent at ``place`` takes its reading ``number`` of the fleet's life."""
        return self._wall + int((number + place / len(self.agents)) * self._pace.period_ms)

    # --- without a network ----------------------------------------------------------------------------

    def dry(self) -> dict[str, Any]:
        """As fast as it goes: every batch is made, counted, receipted at once and forgotten."""
        end = round(self.options.seconds * 1000)
        elapsed = 0
        while elapsed < end:
            elapsed = min(end, elapsed + max(1, round(self._pace.period_ms)))
            for turn in self._measure(elapsed, len(self.agents) * 2):
                self._swallow(self.agents[turn % len(self.agents)], elapsed)
        self._finish()
        for agent in self.agents:
            self._swallow(agent, elapsed)
        return self._report(self.options.seconds, "dry")

    def _swallow(self, agent: LightAgent, elapsed: int) -> None:
        for publication in agent.outgoing(elapsed):
            self.figures.messages += 1
            packet = mqtt.publish(publication.head, 1, publication.payload, retain=publication.retain)
            self.figures.bytes_out += len(packet)
            if publication.stream is not None:
                agent.receipted(publication.stream, publication.last, elapsed)

    # --- with a broker --------------------------------------------------------------------------------

    def run(self, address: tuple[str, int], is_over: Callable[[], bool]) -> dict[str, Any]:
        """Live for as long as the options say, or until ``is_over``; then wait for the last receipts.

        Raises BrokerError if no line could be opened at all.
        """
        lines = _Lines(self, address, self._world)
        try:
            return self._run(lines, is_over)
        finally:
            lines.close()

    def _run(self, lines: "_Lines", is_over: Callable[[], bool]) -> dict[str, Any]:
        world, end = self._world, round(self.options.seconds * 1000)
        self._mono, self._wall = world.monotonic(), world.now()
        while not is_over() and (elapsed := world.monotonic() - self._mono) < end:
            done = self._measure(elapsed, _TURN)
            self._note_late(elapsed)
            lines.pump({turn % len(self.agents) for turn in done})
            lines.turn(0.0 if len(done) == _TURN else self._until_next(elapsed))
            lines.spoil()
        lived = world.monotonic() - self._mono
        self._finish()
        lines.pump(range(len(self.agents)))
        deadline = world.monotonic() + round(self.options.drain_s * 1000)
        while not is_over() and not self.is_drained and world.monotonic() < deadline:
            lines.turn(_IDLE_S)
        drained = world.monotonic() - self._mono - lived
        if not self.figures.connects:
            raise BrokerError(f"no line to the broker: {lines.trouble or 'it does not answer'}")
        lines.goodbye()
        return {**self._report(lived / 1000, "live"), "drained_s": round(drained / 1000, 3)}

    def _until_next(self, elapsed: int) -> float:
        """Seconds until the next agent measures; few enough to look after overdue receipts."""
        following = (self._measured + 1) * self._pace.period_ms / len(self.agents)
        return min(_IDLE_S, max(0.001, (following - elapsed) / 1000))

    def _note_late(self, elapsed: int) -> None:
        due = self._measured * self._pace.period_ms / len(self.agents)
        self.figures.late_ms = max(self.figures.late_ms, int(elapsed - due))

    @property
    def is_drained(self) -> bool:
        return all(agent.events.is_empty and agent.samples.is_empty for agent in self.agents)

    def _report(self, seconds: float, kind: str) -> dict[str, Any]:
        options, figures = self.options, self.figures
        used = processor_s() - self._processor
        wanted = options.plan.sites * options.plan.spaces * len(SERIES) * options.rate
        waiting = {
            "readings": sum(agent.samples.waiting for agent in self.agents),
            "events": sum(agent.events.waiting for agent in self.agents),
        }
        return {
            "kind": kind,
            "sites": options.plan.sites,
            "spaces": options.plan.sites * options.plan.spaces,
            "agents": len(self.agents),
            "sessions": options.sessions or len(self.agents),
            "seed": options.seed,
            "seconds": round(seconds, 3),
            "wanted_per_s": round(wanted, 3),
            "readings_per_s": round(figures.readings / seconds, 1) if seconds else None,
            "processor_s": round(used, 3),
            "readings_per_processor_s": round(figures.readings / used) if used else None,
            **report(figures, waiting=waiting, lost=(agent.samples.lost for agent in self.agents)),
        }


class _Lines:
    """All sessions of a fleet on one selector."""

    def __init__(self, fleet: Fleet, address: tuple[str, int], world: World) -> None:
        options, agents = fleet.options, fleet.agents
        self._fleet = fleet
        self._address = address
        self._world = world
        self._selector = selectors.DefaultSelector()
        self.trouble = ""
        chance = chance_of(options.seed, "faults")
        shared = options.sessions
        groups = [agents[place::shared] for place in range(shared)] if shared else [[one] for one in agents]
        self._sessions = [
            Session(
                _client(group, shared, world),
                group,
                world,
                chance,
                fleet.figures,
                lose=options.lose,
                by_puback=options.by_puback,
            )
            for group in groups
            if group
        ]
        self._opening = 0
        self._down = list(reversed(self._sessions))
        self._chance = chance
        self._spoilt_at = self._looked_at = world.monotonic()

    def _of(self, place: int) -> Session:
        return self._sessions[place % len(self._sessions)]

    def pump(self, places: "range | set[int]") -> None:
        """Send what the agents at ``places`` have to say."""
        mono, agents = self._world.monotonic(), self._fleet.agents
        for place in places:
            session = self._of(place)
            if session.phase is Phase.UP:
                session.pump_one(agents[place], mono)
                self._write(session)

    def _write(self, session: Session) -> None:
        before = session.is_watched_for_writing
        try:
            if session.wants_to_write:
                session.flush()
        except OSError as error:
            self._lost(session, error)
            return
        if session.wants_to_write is not before:
            self._watch(session)

    def _watch(self, session: Session) -> None:
        session.is_watched_for_writing = session.wants_to_write
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if session.wants_to_write else 0)
        if session.sock is not None:
            self._selector.modify(session.sock, events, session)

    def turn(self, timeout_s: float) -> None:
        """Serve the lines that are ready; open some that are down, look after all of them now and then."""
        self._open()
        mono = self._world.monotonic()
        if mono >= self._looked_at + _LOOK_MS:
            self._looked_at = mono
            for standing in self._standing():
                standing.look_after(mono)
                self._write(standing)
        for key, mask in self._selector.select(timeout_s):
            session: Session = key.data
            opening = session.phase in (Phase.CONNECTING, Phase.GREETING)
            try:
                session.on_ready(bool(mask & selectors.EVENT_READ), bool(mask & selectors.EVENT_WRITE))
            except OSError as error:
                self._lost(session, error)
                continue
            if opening and session.phase not in (Phase.CONNECTING, Phase.GREETING):
                self._opening -= 1
            if session.wants_to_write is not session.is_watched_for_writing:
                self._watch(session)

    def _open(self) -> None:
        now, waiting = self._world.monotonic(), []
        while self._down and self._opening < _OPENING:
            session = self._down.pop()
            if session.due > now:
                waiting.append(session)
                continue
            self._opening += 1
            try:
                session.open(self._address)
            except OSError as error:
                self._lost(session, error)
                continue
            assert session.sock is not None
            self._selector.register(session.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, session)
            session.is_watched_for_writing = True
        self._down += waiting

    def _lost(self, session: Session, error: OSError | None) -> None:
        if error is not None:
            self.trouble = str(error)
        if session.phase in (Phase.CONNECTING, Phase.GREETING):
            self._opening -= 1
        if session.sock is not None and session.sock in self._selector.get_map():
            self._selector.unregister(session.sock)
        session.lose()
        self._down.append(session)

    def spoil(self) -> None:
        """Let the faults of the options happen, by chance in time."""
        options, figures = self._fleet.options, self._fleet.figures
        now = self._world.monotonic()
        passed = now - self._spoilt_at
        if passed < _SPOIL_MS:
            return
        self._spoilt_at = now
        if options.cut:
            for session in self._chosen(self._sessions, options.cut * passed / _MINUTE_MS):
                figures.cuts += 1
                self._lost(session, None)
        if options.kill:
            for session in self._chosen(self._sessions, options.kill * passed / _MINUTE_MS):
                figures.power_cuts += len(session.agents)
                self._lost(session, None)
                for agent in session.agents:
                    agent.power_cut(self._world.now())

    def _chosen(self, sessions: list[Session], share: float) -> list[Session]:
        """Those of the lines that stand whom a fault meets, ``share`` of them on average."""
        limit = round(min(1.0, share) * 1_000_000)
        return [
            one for one in sessions if one.phase is Phase.UP and self._chance.random_below(1_000_000) < limit
        ]

    def goodbye(self) -> None:
        """Every agent says that it goes; returns once the broker has read it, or after two seconds."""
        for session in self._sessions:
            session.say_goodbye()
            if session.sock is not None and session.phase is Phase.UP:
                self._watch(session)
        deadline = self._world.monotonic() + _GOODBYE_MS
        self._down.clear()
        # a broker closes the line behind a DISCONNECT; whoever closes first may lose what it has not read
        while self._world.monotonic() < deadline and self._standing():
            self.turn(_IDLE_S)
            self._down.clear()

    def _standing(self) -> list[Session]:
        return [one for one in self._sessions if one.phase is Phase.UP]

    def close(self) -> None:
        for session in self._sessions:
            if session.sock is not None:
                session.sock.close()
        self._selector.close()


def _client(group: list[LightAgent], shared: int, world: World) -> str:
    if shared:
        return f"pleintemps-fleet-{world.new_id()}"
    return f"pleintemps-{group[0].plan.site}-{group[0].plan.agent}"
