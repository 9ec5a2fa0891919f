"""Disks that a killed run has left behind are known by their names, and nobody else's are touched."""

import os
from pathlib import Path

from pleintemps_firmware_sim.real.disk import mark, stale

GONE = 2**22 + 1
"""More than the kernel ever counts to."""


def test_only_disks_of_runs_that_are_gone_are_stale() -> None:
    mine, pid = mark(os.getpid()), os.getpid()
    assert mine.startswith(f"pleintemps-sim-{pid}-") and mark(GONE) == ""
    table = [
        f"{mine} /data/running tmpfs rw 0 0",
        f"pleintemps-sim-{GONE}-77 /data/kill\\040ed/\xe9 tmpfs rw 0 0",
        f"pleintemps-sim-{pid}-1 /data/pid-used-again tmpfs rw 0 0",
        f"pleintemps-sim-{GONE}-77 /data/ext ext4 rw 0 0",
        "pleintemps-sim-x-y /data/named-alike tmpfs rw 0 0",
        f"other-{GONE}-77 /data/other tmpfs rw 0 0",
        "tmpfs /tmp tmpfs rw 0 0",
    ]
    assert stale("\n".join(table)) == [Path("/data/kill ed/\xe9"), Path("/data/pid-used-again")]
