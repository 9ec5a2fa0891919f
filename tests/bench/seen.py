"""When what ingest wrote could be read: follows the change feed of some sites, as a page would.

Run as a process of its own: ``python -m tests.bench.seen FILE SITE...``. At the end of its standard input it
prints a JSON list of what it saw: [Unix ms, site, space, Unix ms of the look, evidence, its Unix ms].
"""

import json
import sqlite3
import sys
import threading
from typing import Any, Final

from pleintemps_contract.world import SystemWorld

EACH_S: Final = 0.01
"""Between two looks whether anything was committed."""
_KEYS: Final = "SELECT seq, key FROM changes WHERE site = ? AND seq > ? AND kind = 'spaces'"
_ROWS: Final = "SELECT space, at, evidence, evidence_at FROM spaces WHERE site = ? AND space IN ({})"


def main() -> None:
    path, sites = sys.argv[1], sys.argv[2:]
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    world = SystemWorld()
    store = sqlite3.connect(path, isolation_level=None)
    last = store.execute("SELECT site, max(seq) FROM changes GROUP BY site").fetchall()
    through: dict[str, int] = dict.fromkeys(sites, 0) | {site: seq for site, seq in last if site in sites}
    seen: list[Any] = []
    version = -1
    while not ended.wait(EACH_S):
        found = store.execute("PRAGMA data_version").fetchone()[0]
        if found == version:
            continue
        version = found
        for site in sites:
            told = store.execute(_KEYS, (site, through[site])).fetchall()
            if not told:
                continue
            through[site] = max(seq for seq, _ in told)
            spaces = sorted({key for _, key in told})
            rows = store.execute(_ROWS.format(",".join("?" * len(spaces))), (site, *spaces)).fetchall()
            now = world.now()
            seen += [(now, site, *row) for row in rows]
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
