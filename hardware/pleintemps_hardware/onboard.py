"""An agent's configuration against its ``board``: a bare header, a kit, a profile of the town's own."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pleintemps_contract.errors import ConfigError

from . import board, kit, rules
from .board import PinUse, PortUse
from .checks import fit
from .checks.fit import Use


def problems(name: str | None, base: Path, uses: Sequence[PinUse | PortUse], use: Use) -> list[str]:
    """A line for each thing that does not fit on ``name``, each beginning with its rule's name.

    ``name`` is a board, or what :func:`.kit.load` reads; without one only what is taken twice shows. Raises
    ConfigError that names those there are, or the file and the key.
    """
    if name is None:
        return list(_twice(uses))
    if name in board.names():
        return board.check(board.load(name), uses)
    if " + " not in name and name not in kit.names() and not name.endswith(".toml"):
        known = ", ".join([*board.names(), *kit.names()])
        raise ConfigError(f"board: there is no {name!r}; there are {known}, or a profile of your own, ….toml")
    profile = kit.load(name, base)
    on = board.load(profile.board)
    # each step believes what the one before has checked
    if found := [*board.check(on, uses), *map(str, rules.check(profile, on))]:
        return found
    return [str(problem) for problem in fit.check(profile, on, use)]


def _twice(uses: Sequence[PinUse | PortUse]) -> Iterator[str]:
    owners: dict[int | str, str] = {}
    for use in uses:
        kind, what = ("pin", use.pin) if isinstance(use, PinUse) else ("port", use.port)
        if what in owners:
            taken = f"{kind} {what} is already {owners[what]}'s"
            yield f"{kind}-twice: device {use.device}: {taken}: take another"
        owners.setdefault(what, use.device)
