"""Waiting for a condition of a real process: look until it is true, with a deadline, never a bare sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(look: Callable[[], T], *, within_s: float, what: str) -> T:
    """The first true answer of ``look``; raises TimeoutError that says ``what`` was awaited."""
    deadline = time.monotonic() + within_s
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {within_s:g} s")
        time.sleep(0.02)
