"""Waiting for real servers: try until they answer, with a deadline."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def wait_until_up(
    answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, within_s: float
) -> None:
    """Returns when ``answers()``; raises with the end of ``log`` if the process ends or time is up."""
    deadline = time.monotonic() + within_s
    while not answers():
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}:\n{_tail(log)}")
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise TimeoutError(f"{process.args!r} did not answer within {within_s} s:\n{_tail(log)}")
        time.sleep(0.02)


def _tail(log: Path, length: int = 2000) -> str:
    return log.read_text(errors="replace")[-length:] if log.exists() else "(no log)"
