"""The wall clock of the machine leaps: OSDP readers go on, although libosdp counts in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
import time
from pathlib import Path

from tests.edge.drivers.test_osdp_session import Keys, secure_pair

file, began = Path(sys.argv[1]), time.time()
pair = secure_pair()
for leap in ("+3650d", "+0", "-1d", "-3650d", "+0"):
    file.write_text(leap)
    target = began + 86_400 * float(leap.strip("d"))
    pair.until(lambda: abs(time.time() - target) < 3_600)
    # a key counts once the channel stands again; what is typed before that is dropped
    heard = len(pair.said)
    while len(pair.said) == heard:
        pair.reader.press("1")
        asked = len(pair.wire)
        pair.until(lambda: len(pair.wire) > asked + 4)
assert set(map(repr, pair.said)) == {repr(Keys(b"1"))}
print("went on")
"""


def test_it_goes_on_when_the_wall_clock_leaps_by_years(tmp_path: Path) -> None:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("libfaketime is not installed")
    file = tmp_path / "leap"
    file.write_text("+0")
    faked = {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(file)],
        env=os.environ | faked,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.stdout == "went on\n", done.stderr
