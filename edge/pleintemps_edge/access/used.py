"""Which one-time grants were used at which door, so that a restart forgets none of them."""

from collections.abc import Callable, Collection, Iterable
from typing import Final

_ID_BYTES: Final = 16


class UsedOnce:
    """Ids of used grants by door, kept in sixteen parts each: a use rewrites one part, not all of them."""

    def __init__(self, doors: Iterable[str], state: Callable[[str], bytes | None]) -> None:
        """``state`` gives what was kept under a key."""
        self._used: dict[str, set[str]] = {door: set() for door in doors}
        for door, used in self._used.items():
            for digit in "0123456789abcdef":
                kept = state(_key(door, digit)) or b""
                ends = range(_ID_BYTES, len(kept) + 1, _ID_BYTES)
                used.update(kept[end - _ID_BYTES : end].hex() for end in ends)

    def at(self, door: str) -> Collection[str]:
        """The grants that were used at ``door``."""
        return self._used[door]

    def with_use(self, door: str, grant: str) -> dict[str, bytes]:
        """What has to be kept together with the record of the use of ``grant``."""
        return _part(door, grant[0], self._used[door] | {grant})

    def use(self, door: str, grant: str) -> None:
        """``grant`` was used; :meth:`with_use` was kept."""
        self._used[door].add(grant)

    def forget_others(self, living: Collection[str]) -> dict[str, bytes]:
        """Forget grants that are not in ``living``; what has to be kept from now on, empty for no change."""
        changed: dict[str, bytes] = {}
        for door, used in self._used.items():
            gone = {grant for grant in used if grant not in living}
            used -= gone
            for digit in {grant[0] for grant in gone}:
                changed |= _part(door, digit, used)
        return changed


def _key(door: str, digit: str) -> str:
    return f"used:{door}:{digit}"


def _part(door: str, digit: str, used: Iterable[str]) -> dict[str, bytes]:
    ids = sorted(grant for grant in used if grant[0] == digit)
    return {_key(door, digit): bytes.fromhex("".join(ids))}
