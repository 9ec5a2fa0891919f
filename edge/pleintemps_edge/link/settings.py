"""The remote part of the configuration: the last good one rules, over what ``edge.toml`` says."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import msgspec

from pleintemps_contract.agent_messages import ConfigResult
from pleintemps_contract.gateway_messages import Config, DoorTimings
from pleintemps_contract.logs import line
from pleintemps_edge.door import Plan, PlanChanged
from pleintemps_edge.journal.events import EventJournal
from pleintemps_edge.keeper import Keeper

from .inbox import Reason

_CONFIG: Final = "config"
_LOG: Final = logging.getLogger("link")


def with_timings(plan: Plan, timings: DoorTimings) -> Plan:
    """``plan`` with all the times of ``timings``; how a release ends stays the site's own."""
    return replace(plan, **msgspec.structs.asdict(timings))


class Settings:
    """Takes proved configurations; what comes of them goes to ``respond`` and ``refuse``."""

    def __init__(
        self,
        doors: Mapping[str, Keeper],
        events: EventJournal,
        respond: Callable[[ConfigResult], None],
        refuse: Callable[[str, str], None],
    ) -> None:
        """The plans that ``doors`` have now are those of ``edge.toml``."""
        self._doors = doors
        self._events = events
        self._respond = respond
        self._refuse = refuse
        self._own = {name: door.plan for name, door in doors.items()}
        self._held: Config | None = None
        self._restore()

    def is_held(self, config: Config) -> bool:
        return config == self._held

    def configure(self, config: Config, body: bytes) -> None:
        """A configuration whose signature and epoch were checked: all of it, or nothing."""
        held = self._held
        if held is not None and (config.epoch, config.revision) < (held.epoch, held.revision):
            self._refuse("config", Reason.OLD_REVISION)
            return
        unknown = sorted(config.doors.keys() - self._doors.keys())
        if unknown:
            self._answer((config.epoch, config.revision), f"no such door: {', '.join(unknown)}")
            return
        if config != held:
            self._apply(config)
            self._events.append([], {_CONFIG: body})
        self._answer((config.epoch, config.revision))

    def undecodable(self, version: tuple[int, int], detail: str) -> None:
        """A proved configuration that is none: what is in force stays."""
        self._answer(version, detail or "undecodable")

    def _answer(self, version: tuple[int, int], fault: str = "") -> None:
        epoch, revision = version
        self._respond(ConfigResult(epoch=epoch, revision=revision, applied=not fault, detail=fault[:200]))

    def _apply(self, config: Config) -> None:
        """A door that ``config`` leaves out goes back to its own times."""
        self._held = config
        for name, door in self._doors.items():
            timings = config.doors.get(name)
            plan = self._own[name] if timings is None else with_timings(self._own[name], timings)
            if plan != door.plan:
                door.happen(PlanChanged(plan))

    def _restore(self) -> None:
        """Take up what was in force before the restart, for the doors that are still there."""
        body = self._events.state(_CONFIG)
        if body is None:
            return
        try:
            self._apply(msgspec.json.decode(body, type=Config))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            # the gateway's retained message brings it back
            _LOG.error(line("kept-config-unusable", error=error))
