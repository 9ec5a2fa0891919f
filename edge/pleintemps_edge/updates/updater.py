"""One look at updates: what is on trial, what is offered, and what to do about it. Runs once a minute."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.releases import Release
from pleintemps_edge.errors import UpdateError
from pleintemps_edge.status import Status, complaints

from .fetching import Source, fetch, read_offer, read_release
from .rules import (
    Refusal,
    State,
    begin,
    health_of,
    is_quiet,
    look,
    may_go_back,
    program,
    refusal,
    settle,
)
from .slots import CURRENT, PROVEN, Restart, Slots

INCOMING: Final = "incoming"


@dataclass(frozen=True)
class Updater:
    """One agent's. ``status`` asks the running agent, None where none answers; ``work`` is for what is
    fetched.
    """

    slots: Slots
    trusted: TrustedKeys
    machine: str
    work: Path
    status: Callable[[], Status | None]
    restart: Restart

    def state(self) -> State:
        """Raises UpdateError where nothing is installed in this way."""
        return settle(self.slots.read(), self.slots.current, self.slots.held | {self.slots.current})

    def step(self) -> list[str]:
        """Bring links and service to what is known, and look at a trial; a line for each thing done."""
        said: list[str] = []
        state = self._bring(self.state(), said)
        if state.trial is None:
            return said
        version = state.trial.version
        after = look(state, health_of(state.trial, self.status()))
        self.slots.keep(after)
        if after.trial is None:
            proved = after.proven == version
            said.append(
                f"{version} is well, and proven"
                if proved
                else f"{version} is not well: back to {after.proven}"
            )
            self._bring(after, said)
        return said

    def _bring(self, state: State, said: list[str]) -> State:
        """Links first, then the service, then what is not needed any more."""
        self.slots.link(PROVEN, state.proven)
        trial = state.trial
        waits = trial is not None and not trial.started
        if waits and not is_quiet(self.status()):
            said.append("somebody is at a door: the start waits")
            return state
        if self.slots.link(CURRENT, state.current) or waits:
            try:
                self.restart()
                said.append(f"started {state.current}")
            except UpdateError as error:  # a version that does not start is found silent
                said.append(str(error))
        if trial is not None:
            state = replace(state, trial=replace(trial, started=True))
        self.slots.keep(state)
        self.slots.drop_others(state.kept)
        return state

    def install(self, source: Source, version: str | None = None) -> list[str]:
        """Take the release of ``source`` on trial; raises UpdateError, OSError or ContractError."""
        state = self.state()
        _, release = read_release(source, self.trusted)
        if version is not None and release.version != version:
            raise UpdateError(f"offered was {version}, there is {release.version}")
        incoming = self.work / INCOMING

        def refuse(found: Release) -> Refusal | None:
            return refusal(state, found, self.machine)

        try:
            fetch(source, release, incoming, refuse)
            self.slots.drop_others(frozenset({state.proven}))
            self.slots.build(incoming, release.version)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        return self._try(state, release.version, back=False)

    def back(self) -> list[str]:
        """Go back to the version before; raises UpdateError where it is not there any more."""
        state = self.state()
        if not may_go_back(state, self.slots.held):
            raise UpdateError("there is no version before this one")
        return self._try(state, state.previous, back=True)

    def _try(self, state: State, version: str, *, back: bool) -> list[str]:
        status = self.status()
        before = tuple(complaints(status)) if status is not None else ()
        after = begin(state, version, before, back=back)
        self.slots.keep(after)
        said = [f"{version} is on trial, {state.proven} stays beside it"]
        self._bring(after, said)
        return said

    def follow(
        self, source: Callable[[str], Source], site: str, agent: str, gateway: TrustedKeys
    ) -> list[str]:
        """Do what the gateway offers, once; raises UpdateError, OSError or ContractError."""
        state = self.state()
        offer = read_offer(source(f"{site}/{agent}"), site, agent, gateway)
        if offer.number <= state.number or state.trial is not None:
            return []
        noted = replace(state, number=offer.number)
        if offer.action == "back" and may_go_back(state, self.slots.held):
            self.slots.keep(noted)
            return self.back()
        if offer.action == "install" and offer.version is not None and offer.version != program(state.proven):
            said = self.install(source(f"releases/{offer.version}/{self.machine}"), offer.version)
            # only now: what could not be fetched is tried again
            self.slots.keep(replace(self.state(), number=offer.number))
            return said
        self.slots.keep(noted)
        return []
