"""The building's own intrusion alarm: unset by whoever may enter, set only by command into a shut building.

    accepted entry    it is not known to be unset, or is being set    ask to unset, at once
                      it is unset, or is being unset                  nothing
    command to set    it is set already                               nothing
                      it is being unset                               refused: not ready
                      a door is open                                  refused: doors open
                      it is in alarm, unknown, or not ready           refused: not ready
                      else                                            ask to set
    command to unset  it is unset, and not being set                  nothing
                      else                                            ask to unset
    report            becomes what was asked for                      done; an alarm answers "set" too
    no such report    asked to unset: twice more, every 3 s           then refused, until the next entry
                      asked to set: after 10 s                        refused, and the order is taken back

The state is the panel's own report and nothing else. An order to set is never repeated by itself, and what
was reported as refused must not come true later, behind somebody's back: the panel is asked to unset then.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pleintemps_contract.agent_messages import (
    CommandExecuted,
    CommandRefusal,
    Event,
    LateCommit,
    PanelChanged,
    PanelInfo,
    PanelRefused,
    PanelState,
)
from pleintemps_contract.gateway_messages import Command
from pleintemps_contract.logs import line
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.world import World

from .drivers.base import Panel, PanelReported
from .keeper import MAX_COMMIT_WAIT_S, Commits
from .waiting import wait_until

UNSET_MS: Final = 3_000
"""How long the panel may take to say that it is unset, before it is asked again."""
UNSET_TRIES: Final = 3
SET_MS: Final = 10_000
"""How long the panel may take to say that it is set: it needs an input without exit delay."""
_MAX_REASON: Final = 200
_LOG: Final = logging.getLogger("panel")


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked of the panel and is not confirmed: by ``until`` (monotonic ms), ``left`` times more."""

    wish: PanelState
    reference: str
    until: int
    left: int


@dataclass(frozen=True, slots=True)
class State:
    """One panel as it last reported itself, and the order that it has not confirmed yet."""

    panel: str
    state: PanelState = PanelState.UNKNOWN
    ready: bool = False
    order: Order | None = None

    def asked(self, wish: PanelState) -> bool:
        """Whether ``wish`` was asked for and is not confirmed."""
        return self.order is not None and self.order.wish is wish


@dataclass(frozen=True, slots=True)
class Accepted:
    """Somebody may enter by one of the panel's doors; ``grant`` says who."""

    grant: str


@dataclass(frozen=True, slots=True)
class Commanded:
    """A command that was checked; ``open`` are the panel's doors that are not known to be shut."""

    action: DoorAction
    command: str
    open: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reported:
    state: PanelState
    ready: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; harmless at any moment."""


PanelEvent = Accepted | Commanded | Reported | Tick


@dataclass(frozen=True, slots=True)
class Record:
    """Commit this before what follows is done."""

    event: Event


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the panel for this."""

    wish: PanelState


@dataclass(frozen=True, slots=True)
class Refuse:
    """The command is not carried out."""

    refusal: CommandRefusal


Effect = Record | Ask | Refuse
Step = tuple[State, tuple[Effect, ...]]


def transition(state: State, event: PanelEvent, now: int) -> Step:
    """What ``event`` at monotonic ``now`` (ms) makes of the panel, and what is to be done, in order."""
    return _RULES[type(event)](state, event, now)


def _accepted(state: State, event: Accepted, now: int) -> Step:
    if _is_or_will_be_unset(state):
        return state, ()
    notes: tuple[Effect, ...] = ()
    if state.order is not None:
        notes = (_refused(state, "somebody came in", state.order.reference),)
    state, asked = _unset(state, event.grant, now)
    return state, (*asked, *notes)


def _commanded(state: State, event: Commanded, now: int) -> Step:
    executed = Record(CommandExecuted(door=state.panel, command=event.command, action=event.action))
    if event.action is DoorAction.UNSET_PANEL:
        if _is_or_will_be_unset(state):
            return state, (executed,)
        state, asked = _unset(state, event.command, now)
        return state, (executed, *asked)
    if state.state is PanelState.SET and state.order is None:
        return state, (executed,)
    found = _why_not_set(state, event)
    if found is not None:
        refusal, reason = found
        return state, (_refused(state, reason, event.command), Refuse(refusal))
    order = Order(PanelState.SET, event.command, now + SET_MS, 0)
    return replace(state, order=order), (executed, Ask(PanelState.SET))


def _reported(state: State, event: Reported, now: int) -> Step:
    order = state.order
    if event.state is state.state:  # an answer is a change: an order that is taken back may still come true
        return replace(state, ready=event.ready), ()
    done = order is not None and _answers(event.state, order.wish)
    after = replace(state, state=event.state, ready=event.ready, order=None if done else order)
    reference = order.reference if order is not None and done else None
    return after, (Record(PanelChanged(panel=state.panel, state=event.state, reference=reference)),)


def _tick(state: State, event: Tick, now: int) -> Step:
    order = state.order
    if order is None or now < order.until:
        return state, ()
    if state.state is order.wish:  # asked while it was so already: it has not changed its mind
        return replace(state, order=None), ()
    if order.left:
        again = replace(order, until=now + UNSET_MS, left=order.left - 1)
        return replace(state, order=again), (Ask(order.wish),)
    after = replace(state, order=None)
    refused = _refused(state, f"it does not confirm: asked to {_verb(order.wish)}", order.reference)
    taken_back = (Ask(PanelState.UNSET),) if order.wish is PanelState.SET else ()
    return after, (*taken_back, refused)


_RULES: Final[dict[type, Callable[[State, Any, int], Step]]] = {
    Accepted: _accepted,
    Commanded: _commanded,
    Reported: _reported,
    Tick: _tick,
}


def _is_or_will_be_unset(state: State) -> bool:
    if state.order is not None:
        return state.order.wish is PanelState.UNSET
    return state.state is PanelState.UNSET


def _unset(state: State, reference: str, now: int) -> Step:
    order = Order(PanelState.UNSET, reference, now + UNSET_MS, UNSET_TRIES - 1)
    return replace(state, order=order), (Ask(PanelState.UNSET),)


def _why_not_set(state: State, event: Commanded) -> tuple[CommandRefusal, str] | None:
    if state.asked(PanelState.UNSET):
        return CommandRefusal.NOT_READY, "it is being unset"
    if event.open:
        return CommandRefusal.DOORS_OPEN, f"open: {', '.join(event.open)}"
    if state.state is not PanelState.UNSET:
        return CommandRefusal.NOT_READY, f"its state is {state.state.value}"
    if not state.ready:
        return CommandRefusal.NOT_READY, "it says that it is not ready"
    return None


def _answers(reported: PanelState, wish: PanelState) -> bool:
    return reported is wish or (wish is PanelState.SET and reported is PanelState.ALARM)


def _refused(state: State, reason: str, reference: str) -> Record:
    return Record(PanelRefused(panel=state.panel, reason=reason[:_MAX_REASON], reference=reference))


def _verb(wish: PanelState) -> str:
    return "set" if wish is PanelState.SET else "unset"


# --- carrying it out ------------------------------------------------------------------------------------

T = TypeVar("T")


def _only(effects: Sequence[Effect], kind: type[T]) -> tuple[T, ...]:
    return tuple(effect for effect in effects if isinstance(effect, kind))


@dataclass(frozen=True, slots=True)
class _Act:
    records: tuple[Event, ...]
    asks: tuple[Ask, ...]
    then: Callable[[], None] | None


class PanelKeeper:
    """One intrusion panel. ``run`` until the end."""

    def __init__(
        self,
        panel: str,
        device: Panel,
        doors_open: Callable[[], list[str]],
        world: World,
        journal: Commits,
    ) -> None:
        """``doors_open`` names the panel's doors that are not known to be shut."""
        self.panel = panel
        self._device = device
        self._doors_open = doors_open
        self._world = world
        self._journal = journal
        self._state = State(panel)
        self._acts: asyncio.Queue[_Act] = asyncio.Queue()
        self._changed = asyncio.Event()

    @property
    def info(self) -> PanelInfo:
        """The panel as it last reported itself."""
        return PanelInfo(panel=self.panel, state=self._state.state, ready=self._state.ready)

    def accepted(self, grant: str) -> None:
        """Somebody may enter: the panel is asked to unset before the door opens, it counts the seconds."""
        self._happen(Accepted(grant))

    def command(self, command: Command, then: Callable[[], None]) -> CommandRefusal | None:
        """Carry out a checked command to set or unset; ``then`` is called once the panel was asked."""
        refusals = self._happen(Commanded(command.action, command.id, tuple(self._doors_open())), then)
        return refusals[0].refusal if refusals else None

    def take(self, seen: PanelReported) -> None:
        """What the panel says of itself."""
        self._happen(Reported(seen.state, seen.ready))

    async def run(self) -> None:
        """Carry out and keep time until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carry_out())
            group.create_task(self._keep_time())

    def _happen(self, event: PanelEvent, then: Callable[[], None] | None = None) -> tuple[Refuse, ...]:
        self._state, effects = transition(self._state, event, self._world.monotonic())
        self._changed.set()
        refusals = _only(effects, Refuse)
        records = tuple(record.event for record in _only(effects, Record))
        asks = _only(effects, Ask)
        if asks and isinstance(effects[0], Ask):  # no record goes before
            self._ask(asks)
            asks = ()
        act = _Act(records, asks, None if refusals else then)
        if act.records or act.then is not None:
            self._acts.put_nowait(act)
        return refusals

    async def _carry_out(self) -> None:
        while True:
            act = await self._acts.get()
            if act.records:
                await self._commit(act)
            self._ask(act.asks)
            if act.then is not None:
                act.then()

    async def _commit(self, act: _Act) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        future = self._journal.append(act.records)
        if not act.asks:
            return  # nothing is done on the strength of these
        await asyncio.wait({future}, timeout=MAX_COMMIT_WAIT_S)
        if not future.done() or future.exception() is not None:
            waited = round((loop.time() - began) * 1000)
            _LOG.warning(line("late-commit", panel=self.panel, waited_ms=waited))
            self._journal.append([LateCommit(door=self.panel, waited_ms=waited)])

    def _ask(self, asks: Sequence[Ask]) -> None:
        for ask in asks:
            order = self._state.order
            if ask.wish is PanelState.UNSET:
                self._device.unset()
            elif order is not None and order.wish is PanelState.SET:
                self._device.set()
            else:
                continue  # while its record was committed somebody came in
            _LOG.info(line("panel", panel=self.panel, ask=_verb(ask.wish)))

    async def _keep_time(self) -> None:
        while True:
            self._changed.clear()
            order = self._state.order
            if order is not None and self._world.monotonic() >= order.until:
                self._happen(Tick())
            else:
                await wait_until(self._world, self._changed, None if order is None else order.until)
