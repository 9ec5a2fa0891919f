"""What becomes of a job, for who is told and never waits.

A Future can be waited for, and its lock and condition cost more than what a small batch writes.
"""

from collections.abc import Callable


class Answer:
    """Done once, by the writer's thread; whoever asks to be told is told once, in whatever thread."""

    __slots__ = ("_done", "_error", "_told")

    def __init__(self) -> None:
        self._done = False
        self._error: BaseException | None = None
        self._told: list[Callable[[Answer], object]] = []

    def done(self) -> bool:
        return self._done

    def exception(self) -> BaseException | None:
        """Why the job was not done; None as long as it is not done too."""
        return self._error

    def set_result(self, _result: object) -> None:
        self._finish(None)

    def set_exception(self, error: BaseException) -> None:
        self._finish(error)

    def add_done_callback(self, told: "Callable[[Answer], object]") -> None:
        """Call ``told`` when it is done, at once if it is."""
        self._told.append(told)
        if self._done:
            self._tell()

    def _finish(self, error: BaseException | None) -> None:
        self._error = error
        self._done = True
        self._tell()

    def _tell(self) -> None:
        while self._told:  # two threads may do this at once: each takes what it tells
            try:
                told = self._told.pop()
            except IndexError:
                return
            told(self)
