"""How the director waits, and tells what it does."""

from .facts import FactKind, Scalar
from .stage import Stage


class Told:
    """Facts of the director, at the stage's own time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def until(self, at: int) -> None:
        """Until the stage's true time is ``at`` (Unix ms)."""
        await self.wait(at - self._stage.world.now())

    async def wait(self, milliseconds: int) -> None:
        if milliseconds > 0:
            world = self._stage.world
            await world.sleep_until(world.monotonic() + milliseconds)

    def fact(
        self,
        kind: FactKind,
        where: str,
        value: Scalar,
        *,
        name: str = "",
        detail: dict[str, Scalar] | None = None,
    ) -> None:
        found = {key: each for key, each in (detail or {}).items() if each != ""}
        self._stage.timeline.tell(self._stage.world.now(), kind, where, value, name=name, detail=found)

    def act(
        self,
        who: str,
        what: str,
        where: str,
        *,
        mark: str = "",
        raises: tuple[str, ...] = (),
        code: str = "",
    ) -> None:
        """``mark``: the moment has this name. ``raises``: kinds of alerts that have to come of it. ``code``:
        ``valid`` or ``wrong``, of somebody who types one.
        """
        detail: dict[str, Scalar] = {"mark": mark, "raises": " ".join(raises), "code": code}
        self.fact(FactKind.ACT, where, what, name=who, detail=detail)
