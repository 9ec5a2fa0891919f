"""When a version is taken, tried, proved or taken back: pure rules over what is known.

    known           event                              becomes
    proven p        a release that may be taken        trial of v, beside p
    proven p        told to go back, q was before p    trial of q, and p is refused from then on
    trial of v      well for STEADY looks in a row     proven v, p was before it
    trial of v      LIMIT looks and not proved         proven p; v is refused from then on
    anything        another program changed `current`  that is proven: a package was installed by hand

There is one look a minute while a version is on trial. The proven version is never touched: whatever a trial
does, and wherever power is cut, one is there that was well.
"""

from collections.abc import Set
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pleintemps_contract.onvif import DoorMode
from pleintemps_contract.releases import ANY, Release, version_key
from pleintemps_edge.status import Status, complaints

STEADY: Final = 5
LIMIT: Final = 15
REMEMBERED: Final = 20


class Refusal(StrEnum):
    BUSY = "another version is on trial"
    MACHINE = "it is for another machine"
    SAME = "it is installed already"
    OLDER = "it is older than what is installed"
    FAILED = "it was tried here and was not well"


class Health(StrEnum):
    """``silent``: no agent of the version on trial answers."""

    WELL = "well"
    ILL = "ill"
    SILENT = "silent"


class Trial(Struct, frozen=True, kw_only=True):
    """``before`` is what the agent complained of already, ``started`` whether the service was told."""

    version: str
    before: tuple[str, ...] = ()
    back: bool = False
    started: bool = False
    looks: int = 0
    well: int = 0


class State(Struct, frozen=True, kw_only=True):
    """``number`` is that of the last offer that was followed."""

    proven: str
    previous: str = ""
    trial: Trial | None = None
    refused: tuple[str, ...] = ()
    number: int = 0

    @property
    def current(self) -> str:
        """What the service is to start."""
        return self.trial.version if self.trial else self.proven

    @property
    def kept(self) -> frozenset[str]:
        """Versions that stay on the disk: two at most."""
        other = self.trial.version if self.trial else self.previous
        return frozenset({self.proven, other} - {""})


def refusal(state: State, release: Release, machine: str) -> Refusal | None:
    """Why a release whose signature was proved is not taken; None if it is."""
    if state.trial is not None:
        return Refusal.BUSY
    if release.machine not in (ANY, machine):
        return Refusal.MACHINE
    there, coming = version_key(program(state.proven)), version_key(release.version)
    if coming == there:
        return Refusal.SAME
    if coming < there:
        return Refusal.OLDER
    return Refusal.FAILED if release.version in state.refused else None


def program(installed: str) -> str:
    """The program's version in a folder's name: a Debian package adds ``+`` and a number of its own."""
    return installed.partition("+")[0]


def begin(state: State, version: str, before: tuple[str, ...], *, back: bool = False) -> State:
    """The trial of a version that lies complete on the disk."""
    return replace(state, trial=Trial(version=version, before=before, back=back))


def may_go_back(state: State, held: Set[str]) -> bool:
    return state.trial is None and state.previous != "" and state.previous in held


def look(state: State, health: Health) -> State:
    """After one look at the version on trial."""
    trial = state.trial
    if trial is None or not trial.started:
        return state
    well = trial.well + 1 if health is Health.WELL else 0
    trial = replace(trial, looks=trial.looks + 1, well=well)
    if well >= STEADY:
        refused = _with(state.refused, state.proven) if trial.back else state.refused
        return replace(state, proven=trial.version, previous=state.proven, trial=None, refused=refused)
    if trial.looks >= LIMIT:
        return replace(state, trial=None, previous="", refused=_with(state.refused, trial.version))
    return replace(state, trial=trial)


def _with(refused: tuple[str, ...], version: str) -> tuple[str, ...]:
    return (*(each for each in refused if each != version), version)[-REMEMBERED:]


def settle(state: State | None, current: str, held: Set[str]) -> State:
    """What is known, held against the disk: ``current`` is what the service would start now.

    A link to a refused version is what a power cut has left of its trial; no package has set it.
    """
    if state is None:
        return State(proven=current)
    by_package = current not in state.kept and current not in state.refused and current in held
    if state.proven not in held or by_package:
        return replace(state, proven=current, previous="", trial=None)
    if state.trial is not None and state.trial.version not in held:
        return replace(state, trial=None)
    return state


def health_of(trial: Trial, status: Status | None) -> Health:
    """How the version on trial is; what was ill before it came does not count."""
    if status is None or status.version != program(trial.version):
        return Health.SILENT
    return Health.ILL if set(complaints(status)) - set(trial.before) else Health.WELL


def is_quiet(status: Status | None) -> bool:
    """Whether the agent may be started anew now: nobody is on the way through a door."""
    return status is None or all(door.mode is not DoorMode.ACCESSED for door in status.doors)
