"""Lets a script happen on a stage and tells the timeline what was done.

Acts that hang on what a door does (somebody who types a code and waits for the lock) are played as they come;
everything else happens at its time of the script.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from .calendar import Event
from .director_people import Crowd
from .director_rooms import Rooms
from .director_told import Told
from .facts import FactKind, Scalar
from .faults import FAULTS, FaultKind
from .loading import Scenario
from .records import (
    AnyAct,
    Cancel,
    Card,
    Enter,
    Exit,
    Fire,
    Force,
    Guess,
    Leave,
    Move,
    Order,
    Press,
    Prop,
    Push,
    TypeCode,
    Unprop,
)
from .script import Booked, Breaking, Chance, Doing, Script, Sounding
from .stage import Stage

_CODE_WAIT_MS: Final = 60_000
_PERSON: Final = "stranger"

Happening = Callable[[], Awaitable[None]]


class Director:
    """One run. ``inert`` faults are told and not done: a test of what the run says without them."""

    def __init__(
        self, scenario: Scenario, script: Script, stage: Stage, *, inert: frozenset[str] = frozenset()
    ) -> None:
        self._scenario = scenario
        self.script = script
        self._stage = stage
        self._inert = inert
        self._told = Told(stage)
        self._rooms = Rooms(stage, self._told)
        self._crowd = Crowd(stage, self._told, self._rooms)
        self._lasting: list[Breaking] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def play(self) -> None:
        """Until the end of the script; people who stay are there still. Raises what an act raised."""
        for at, happen in self._happenings():
            await self._told.until(at)
            self._begin(happen)
            self._look()
        await self._told.until(self.script.end)
        for breaking in list(self._lasting):
            await self._mend(breaking)
        self._look()

    async def close(self) -> None:
        """Everybody goes, wherever they are."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._rooms.exit_all()

    def _happenings(self) -> list[tuple[int, Happening]]:
        script, found = self.script, list[tuple[int, Happening]]()
        for booked in script.bookings:
            found.append((booked.at, lambda each=booked: self._book(each)))  # type: ignore[misc]
            found += self._ends(booked)
        for visit in script.visits:
            found.append((visit.comes, lambda each=visit: self._crowd.visit(each)))  # type: ignore[misc]
        for sounding in script.sounds:
            found.append((sounding.at, lambda each=sounding: self._sound(each)))  # type: ignore[misc]
        for doing in script.acts:
            found.append((doing.at, lambda each=doing: self._do(each)))  # type: ignore[misc]
        for breaking in script.faults:
            found.append((breaking.at, lambda each=breaking: self._break(each)))  # type: ignore[misc]
        return sorted((each for each in found if each[0] < script.end), key=lambda each: each[0])

    def _begin(self, happen: Happening) -> None:
        async def run() -> None:
            await happen()

        self._tasks.add(asyncio.create_task(run()))

    def _look(self) -> None:
        """Raise what a task raised; forget those that are done."""
        for task in [task for task in self._tasks if task.done()]:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    # --- bookings ------------------------------------------------------------------------------------

    async def _book(self, booked: Booked) -> None:
        await self._stage.book(booked.event)
        self._booking(booked.event, booked.record.booking, "added")

    def _booking(self, event: Event, name: str, value: str) -> None:
        detail: dict[str, Scalar] = {"start": event.start, "end": event.end, "uid": event.uid}
        self._told.fact(FactKind.BOOKING, event.space, value, name=name, detail=detail)

    def _ends(self, booked: Booked) -> list[tuple[int, Happening]]:
        """Start and end of a booking are marks; what it raises is due when nobody has come for so long."""
        name, event = booked.record.booking, booked.event
        due = event.start + self._scenario.rules.no_show_after_s * 1_000

        async def start() -> None:
            self._told.act(name, "the booking begins", event.space, mark=f"{name}.start")

        async def raises() -> None:
            for kind in booked.record.raises:
                self._told.act(name, "does not come", event.space, raises=(kind,))

        async def end() -> None:
            self._told.act(name, "the booking is over", event.space, mark=f"{name}.end")
            self._booking(event, name, "over")

        found: list[tuple[int, Happening]] = [(event.start, start), (event.end, end)]
        return [*found, (due, raises)] if booked.record.raises else found

    # --- sounds --------------------------------------------------------------------------------------

    async def _sound(self, sounding: Sounding) -> None:
        record = sounding.record
        who = record.by or record.sound
        self._told.act(
            who,
            record.begins or f"{record.sound} begins",
            record.space,
            mark=record.sound,
            raises=record.raises,
        )
        self._rooms.sound(record)
        try:
            await self._told.until(sounding.until)
        finally:
            self._rooms.hush(record)
        self._told.act(who, record.ends or f"{record.sound} ends", record.space, mark=f"{record.sound}.over")

    # --- acts ----------------------------------------------------------------------------------------

    async def _do(self, doing: Doing) -> None:
        act = doing.act
        said = act.says or str(act.__struct_config__.tag)
        self._told.act(act.who, said, _where(act), mark=act.name or "", raises=act.raises)
        match act:
            case Press():
                async with self._crowd.queue(act.door):
                    await self._stage.press(act.door, act.keys)
            case TypeCode():
                await self._type(act, doing)
            case Guess():
                pauses = [doing.chance.within(act.pause) for _ in range(act.tries)]
                await self._guess(act.door, act.who, pauses, act.digits, doing.chance)
            case Card():
                async with self._crowd.queue(act.door):
                    await self._stage.show_card(act.door, act.number)
            case Push():
                await self._stage.push(act.door)
            case Leave():
                await self._stage.leave(act.door)
            case Force():
                await self._stage.force(act.door)
            case Prop():
                await self._crowd.prop(act.door, True)
            case Unprop():
                await self._crowd.prop(act.door, False)
            case Order():
                await self._stage.order(act.door, act.action)
            case Fire():
                await self._stage.fire(act.agent, not act.over)
            case Enter():
                self._rooms.enter(act, doing.chance)
            case Exit():
                self._rooms.exit(act.who)
            case Move():
                if doing.event is not None:
                    await self._stage.book(doing.event)
                    self._booking(doing.event, act.booking, "moved")
            case Cancel():
                if doing.event is not None:
                    await self._stage.cancel(doing.event.uid)
                    self._booking(doing.event, act.booking, "cancelled")

    async def _type(self, act: TypeCode, doing: Doing) -> None:
        code = None
        if doing.event is not None:
            code = await self._stage.code_of(doing.event.uid, _CODE_WAIT_MS)
        if code is None:
            self._told.act(act.who, "was sent no code", act.door)
            return
        async with self._crowd.queue(act.door):
            if act.enters:
                await self._crowd.through(act.who, act.door, code, doing.chance)
            else:
                await self._crowd.type_code(act.who, act.door, code)

    async def _guess(self, door: str, who: str, pauses: list[int], digits: int, chance: Chance) -> None:
        async with self._crowd.queue(door):
            for pause in pauses:
                code = chance.digits(digits)
                while await self._stage.knows(code):
                    code = chance.digits(digits)
                await self._crowd.type_code(who, door, code, valid=False)
                await self._told.wait(pause)

    # --- faults --------------------------------------------------------------------------------------

    async def _break(self, breaking: Breaking) -> None:
        fault = breaking.fault
        self._told.fact(
            FactKind.FAULT, fault.target, "begins", name=fault.kind.value, detail={"mark": breaking.name}
        )
        lasts = FAULTS[fault.kind].lasts
        if lasts:
            self._lasting.append(breaking)
        if breaking.name not in self._inert:
            if FAULTS[fault.kind].people:
                await self._break_by_people(breaking)
            else:
                await self._stage.begin_fault(fault)
        if lasts and breaking.until is not None:
            await self._told.until(breaking.until)
            await self._mend(breaking)

    async def _mend(self, breaking: Breaking) -> None:
        if breaking not in self._lasting:
            return
        self._lasting.remove(breaking)
        fault = breaking.fault
        if breaking.name not in self._inert:
            if fault.kind is FaultKind.PROP:
                await self._crowd.prop(fault.target, False)
            elif fault.kind is FaultKind.TAILGATE:
                self._crowd.followers_leave(fault.target)
            else:
                await self._stage.end_fault(fault)
        mark = f"{breaking.name}.mended" if breaking.name else ""
        self._told.fact(FactKind.FAULT, fault.target, "ends", name=fault.kind.value, detail={"mark": mark})

    async def _break_by_people(self, breaking: Breaking) -> None:
        fault = breaking.fault
        if fault.kind is FaultKind.PROP:
            await self._crowd.prop(fault.target, True)
        elif fault.kind is FaultKind.TAILGATE:
            self._crowd.followers_wait(fault.target, int(fault.number("people")))
        else:
            tries, pause = int(fault.number("tries")), int(fault.number("every_s") * 1_000)
            digits = int(fault.number("digits"))
            await self._guess(fault.target, _PERSON, [pause] * tries, digits, breaking.chance)


def _where(act: AnyAct) -> str:
    for key in ("door", "space", "agent", "booking"):
        if (value := getattr(act, key, None)) is not None:
            return str(value)
    return ""
