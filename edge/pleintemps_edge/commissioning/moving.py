"""The locks during a self test: what may be let go, what has to hold again, and that a fire ends it.

At the rim.
"""

import contextlib
from collections.abc import Iterator, Mapping

from pleintemps_contract.commissioning import Ask
from pleintemps_edge.config import EdgeConfig
from pleintemps_edge.devices import Devices
from pleintemps_edge.drivers import registry
from pleintemps_edge.drivers.base import ContactChanged, FireChanged, Lock, Observation
from pleintemps_edge.errors import LockError


class Locks:
    """Only what was let go here is secured here: a motor lock that nobody has moved stays as it was found.

    A lock that throws its bolt is secured once its door is shut, as far as its contact is known to work. At a
    door with a fire that nobody was asked to play nothing is energised any more.
    """

    def __init__(self, config: EdgeConfig, devices: Mapping[str, Devices]) -> None:
        self._devices = devices
        self._contacts = {door.lock: door.contact for door in config.doors}
        self._throws = {each.device for each in map(registry.read, config.devices) if each.throws_bolt()}
        self._released: set[str] = set()
        self._owed: set[str] = set()
        """Those that were to hold again while their doors stood open."""
        self._open: set[str] = set()
        self._fires: set[str] = set()
        self._tripping = False
        self._loops = {door.lock: door.fire for door in config.doors}
        self._idle: set[str] = set()

    def asked(self, ask: Ask) -> None:
        """A step begins; some play a fire."""
        self._tripping = ask in (Ask.TRIP, Ask.FREE)
        self._mind_fire()

    def observe(self, what: Observation) -> None:
        """What the contacts say."""
        if isinstance(what, FireChanged):
            (self._fires.add if what.active else self._fires.discard)(what.device)
            self._mind_fire()
        elif isinstance(what, ContactChanged):
            (self._open.add if what.open else self._open.discard)(what.device)
            for name in () if what.open else sorted(self._owed):
                with contextlib.suppress(LockError):
                    self.secure(name)

    def release(self, name: str) -> None:
        """Let go; raises LockError, also in a fire."""
        if name in self._idle:
            raise LockError(f"device {name}: fire")
        self._released.add(name)
        self._devices[name].locks[name].release()

    def secure(self, name: str) -> None:
        """Hold again, now or when its door is shut; raises LockError."""
        if name not in self._devices or name in self._idle:
            return
        if name in self._throws and self._contacts.get(name) in self._open:
            self._owed.add(name)
            return
        self._owed.discard(name)
        self._released.discard(name)
        self._devices[name].locks[name].secure()

    def end(self) -> None:
        """Everything that was let go holds again, as far as it obeys."""
        self._tripping = False
        self._mind_fire()
        for name in sorted(self._released):
            with contextlib.suppress(LockError):
                self.secure(name)

    def close(self) -> None:
        """Give the pins back."""
        for _, lock in self._all():
            lock.close()

    def distrust(self, contact: str) -> None:
        """It is broken: what it says of its door counts for nothing."""
        self._contacts = {lock: each for lock, each in self._contacts.items() if each != contact}

    def _all(self) -> Iterator[tuple[str, Lock]]:
        for devices in self._devices.values():
            yield from devices.locks.items()

    def _mind_fire(self) -> None:
        for name, lock in () if self._tripping else self._all():
            if self._loops.get(name) in self._fires and name not in self._idle:
                self._idle.add(name)
                with contextlib.suppress(LockError):
                    lock.idle()
