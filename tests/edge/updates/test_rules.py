"""Updates as laws: wherever power is cut and whatever a version does, the agent ends on one that is well."""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pleintemps_contract.envelope import Signer, TrustedKeys
from pleintemps_contract.errors import ContractError
from pleintemps_contract.releases import Release, version_key
from pleintemps_edge.errors import UpdateError
from pleintemps_edge.status import Status
from pleintemps_edge.updates.fetching import Folder
from pleintemps_edge.updates.rules import (
    LIMIT,
    STEADY,
    Health,
    Refusal,
    State,
    Trial,
    begin,
    health_of,
    look,
    refusal,
)
from pleintemps_edge.updates.slots import CURRENT, PROVEN, Slots
from pleintemps_edge.updates.updater import Updater
from tests.edge.test_status import WELL

from .releases import OTHER, RELEASER, write_release

MACHINE = "aarch64"
VERSIONS = tuple(f"1.{minor}.0" for minor in range(6))


class PowerCut(Exception):
    """Nothing after this moment happens."""


class Disk(Slots):
    """The real thing, with power that is cut before the change number ``left``."""

    left: int | None = None

    def _spend(self) -> None:
        if self.left is not None:
            if self.left == 0:
                raise PowerCut
            self.left -= 1

    def keep(self, state: State) -> None:
        self._spend()
        super().keep(state)

    def link(self, name: str, version: str) -> bool:
        self._spend()
        return super().link(name, version)

    def build(self, release: Path, version: str) -> None:
        self._spend()
        super().build(release, version)

    def drop_others(self, kept: frozenset[str]) -> None:
        self._spend()
        super().drop_others(kept)


def building(release: Path, target: Path) -> None:
    """A version is one file that says how it is."""
    (target / "how").write_bytes((release / "how").read_bytes())


class Agents(RuleBasedStateMachine):
    """One agent whose versions are well or broken, some of whose releases are not to be believed."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(mkdtemp(prefix="slots-"))
        self.disk = Disk(self.root, building)
        self.running = "1.2.0"
        self._put("1.2.0", "well")
        (self.root / CURRENT).symlink_to("versions/1.2.0")

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def _put(self, version: str, how: str) -> None:
        folder = self.root / "versions" / version
        folder.mkdir(parents=True)
        (folder / "how").write_text(how)
        (folder / "complete").touch()

    def how(self, version: str) -> str:
        return (self.root / "versions" / version / "how").read_text()

    def status(self) -> Status | None:
        how = self.how(self.running)
        if how == "dead":
            return None
        status = msgspec.structs.replace(WELL, version=self.running)
        return msgspec.structs.replace(status, line=False) if how == "ill" else status

    def restart(self) -> None:
        self.running = self.disk.current
        if self.how(self.running) == "dead":
            raise UpdateError("systemctl restart: it does not start")

    @property
    def updater(self) -> Updater:
        trusted = TrustedKeys([RELEASER.public])
        return Updater(self.disk, trusted, MACHINE, self.root, self.status, self.restart)

    def _powered(self, act: Callable[[], object], cut: int | None) -> None:
        self.disk.left = cut
        try:
            act()
        except PowerCut:
            self.running = self.disk.current  # at the next boot the service starts what the link says
        except (UpdateError, ContractError):
            pass
        finally:
            self.disk.left = None

    cuts = st.one_of(st.none(), st.integers(0, 7))

    @rule(
        version=st.sampled_from(VERSIONS),
        how=st.sampled_from(["well", "well", "ill", "dead"]),
        machine=st.sampled_from([MACHINE, "any", "x86_64"]),
        signer=st.sampled_from([RELEASER, RELEASER, RELEASER, OTHER]),
        cut=cuts,
    )
    def install(self, version: str, how: str, machine: str, signer: Signer, cut: int | None) -> None:
        release = Path(mkdtemp(prefix="release-", dir=self.root))
        write_release(release, version, {"how": how.encode()}, machine=machine, signer=signer)
        before, held = self.updater.state(), self.disk.held
        self._powered(lambda: self.updater.install(Folder(release)), cut)
        after = self.updater.state()
        if after.trial is not None and after.trial != before.trial:
            assert signer is RELEASER and machine != "x86_64"
            assert version_key(version) > version_key(before.proven)
            assert version not in before.refused
        if signer is OTHER:
            assert self.disk.held == held

    @rule(cut=cuts)
    def back(self, cut: int | None) -> None:
        self._powered(self.updater.back, cut)

    @rule(cut=cuts)
    def minute(self, cut: int | None) -> None:
        self._powered(self.updater.step, cut)

    @rule()
    @precondition(lambda self: self.updater.state().trial is not None)
    def a_quarter_of_an_hour(self) -> None:
        """Whatever was on trial is decided, and what runs then is well."""
        for _ in range(LIMIT + 2):
            self.updater.step()
        state = self.updater.state()
        assert state.trial is None
        assert self.running == self.disk.current == state.proven
        assert self.how(self.running) == "well"

    @invariant()
    def one_that_was_well_is_always_there(self) -> None:
        state = self.updater.state()
        assert self.how(state.proven) == "well"
        assert state.proven in self.disk.held
        assert self.disk.current in self.disk.held
        assert len(self.disk.held) <= 3  # a third only between two changes of one step


TestAgents = Agents.TestCase
TestAgents.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


@pytest.mark.parametrize("cut", range(8))
@pytest.mark.parametrize(("how", "ends_on"), [("well", "1.3.0"), ("dead", "1.2.0"), ("ill", "1.2.0")])
def test_a_power_cut_at_the_decision(how: str, ends_on: str, cut: int) -> None:
    """Before each change of the very look that proves a version or takes it back."""
    agent = Agents()
    release = agent.root / "release"
    write_release(release, "1.3.0", {"how": how.encode()})
    agent.updater.install(Folder(release))
    for _ in range((STEADY if how == "well" else LIMIT) - 1):
        agent.updater.step()
    agent._powered(agent.updater.step, cut)
    agent.one_that_was_well_is_always_there()
    for _ in range(LIMIT + 1):
        agent.updater.step()
        agent.one_that_was_well_is_always_there()
    state = agent.updater.state()
    assert (state.proven, state.trial, agent.running) == (ends_on, None, ends_on)
    agent.teardown()


def test_a_trial_is_proved_by_looks_in_a_row_and_ends_by_itself() -> None:
    state = State(proven="1.0.0", trial=Trial(version="1.1.0", started=True))
    for _ in range(STEADY - 1):
        state = look(state, Health.WELL)
    state = look(state, Health.SILENT)  # once is enough to begin anew
    for _ in range(STEADY):
        assert state.trial is not None
        state = look(state, Health.WELL)
    assert state == State(proven="1.1.0", previous="1.0.0")
    state = begin(State(proven="1.0.0"), "1.1.0", ())
    assert look(state, Health.ILL) == state  # not started yet: nothing is held against it
    state = State(proven="1.0.0", trial=Trial(version="1.1.0", started=True))
    for _ in range(LIMIT):
        state = look(state, Health.ILL)
    assert state == State(proven="1.0.0", refused=("1.1.0",))


def test_what_was_ill_before_is_not_held_against_it() -> None:
    ill = msgspec.structs.replace(WELL, line=False, version="1.1.0")
    fresh, known = Trial(version="1.1.0"), Trial(version="1.1.0", before=("no line to the broker",))
    assert health_of(fresh, ill) is Health.ILL
    assert health_of(known, ill) is Health.WELL
    assert health_of(known, WELL) is Health.SILENT  # the version before still runs
    assert health_of(known, None) is Health.SILENT


def test_a_packages_own_number_does_not_count() -> None:
    state = State(proven="1.2.0+345")

    def refused(version: str) -> Refusal | None:
        release = Release(format=1, program="edge", version=version, machine="any", made=0, files=[])
        return refusal(state, release, MACHINE)

    assert [refused(text) for text in ("1.1.9", "1.2.0", "1.2.1")] == [Refusal.OLDER, Refusal.SAME, None]
    trial = Trial(version="1.2.0+345", back=True)
    assert health_of(trial, msgspec.structs.replace(WELL, version="1.2.0")) is Health.WELL


def test_a_package_installed_by_hand_is_believed(tmp_path: Path) -> None:
    """Its own script drops every other version and sets the link."""
    for version in ("1.0.0", "3.0.0"):
        (tmp_path / "versions" / version).mkdir(parents=True)
        (tmp_path / "versions" / version / "complete").touch()
    disk = Slots(tmp_path, building)
    disk.link(CURRENT, "1.0.0")
    updater = Updater(disk, TrustedKeys([RELEASER.public]), MACHINE, tmp_path, lambda: None, lambda: None)
    updater.step()
    assert (tmp_path / PROVEN).readlink() == Path("versions/1.0.0")
    (tmp_path / "versions" / "3.0.0").mkdir(parents=True, exist_ok=True)
    (tmp_path / "versions" / "3.0.0" / "complete").touch()
    disk.link(CURRENT, "3.0.0")
    updater.step()
    assert updater.state() == State(proven="3.0.0")
    assert (tmp_path / PROVEN).readlink() == Path("versions/3.0.0")
