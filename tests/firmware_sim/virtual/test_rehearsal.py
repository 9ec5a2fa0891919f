"""The same seed gives the same rows, whatever process it is; another seed gives others."""

import os
import subprocess
import sys


def digests(*runs: tuple[int, str]) -> list[str]:
    """One process for each (seed, hash seed), side by side."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.firmware_sim.virtual.rehearsal", str(seed)],
            env=os.environ | {"PYTHONHASHSEED": hashes},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed, hashes in runs
    ]
    return [process.communicate()[0].strip() for process in started]


def test_a_rehearsal_twice_gives_the_same_digest() -> None:
    one, two = digests((7, "1"), (7, "2"))
    assert len(one) == 64
    assert one == two
