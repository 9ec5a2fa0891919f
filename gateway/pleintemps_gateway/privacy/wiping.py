"""One erasure from beginning to end: lists, store, spool, the bytes that were deleted, back-ups."""

from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from pleintemps_contract.world import World
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.backup.copies import known_folders, wipe_copies
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.reading import EVERY_SITE

from . import lists
from .erasing import Counts, entries_for, erase
from .files import spooled
from .finding import Found, Wanted, find
from .lists import Erasure
from .scrub import scrub


class Wiped(NamedTuple):
    """``rows`` by site and table, ``files`` of the spool, ``copies`` that were written anew; ``remains`` says
    what is still somewhere, and until when.
    """

    rows: dict[str, Counts]
    files: int
    copies: int
    remains: list[str]


def wipe(config: GatewayConfig, engine: Engine, vault: Vault, world: World, wanted: Wanted, by: str) -> Wiped:
    """Erase what ``wanted`` means wherever this gateway keeps it.

    The lists come first: what was begun and cut short is still erased when a back-up is restored, and
    repeating it ends it. Raises OSError if a list cannot be written.
    """
    state, folders = Path(config.state), known_folders(Path(config.state))
    rows: dict[str, Counts] = {}
    entries: list[Erasure] = []
    meant: list[tuple[str, Found]] = []
    for site in config.sites:
        with write_transaction(engine, [EVERY_SITE, site.site]) as conn:
            found = find(conn, site.site, wanted)
            mine = entries_for(conn, site.site, wanted, found, vault, world)
            for folder in (state, *(folder for folder in folders if folder.is_dir())):
                lists.append(folder, mine)
            meant.append((site.site, found))
            counts = erase(conn, site, found, mine, vault, world, by)
            entries += mine
            if counts:
                rows[site.site] = counts
    # after the rows: what is being written now is taken back by its courier, who finds its row gone
    files = sum(_empty_spool(config, site, found) for site, found in meant)
    remains = scrub(engine)

    def again(copy: Engine) -> None:
        _erase_copy(copy, config.sites, wanted, entries, vault, world, by)

    copies, left = wipe_copies(folders, again)
    return Wiped(rows, files, copies, remains + left)


def _empty_spool(config: GatewayConfig, site: str, found: Found) -> int:
    paths = [spool.path for spool in spooled(config, site, found)]
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


def _erase_copy(
    engine: Engine,
    sites: list[SiteConfig],
    wanted: Wanted,
    entries: list[Erasure],
    vault: Vault,
    world: World,
    by: str,
) -> None:
    for site in sites:
        with write_transaction(engine, [EVERY_SITE, site.site]) as conn:
            found = find(conn, site.site, wanted)
            mine = [entry for entry in entries if entry.site == site.site]
            # a copy may hold what the store has forgotten by now
            known = {(entry.kind, entry.mark) for entry in mine}
            more = entries_for(conn, site.site, wanted, found, vault, world)
            mine += [entry for entry in more if (entry.kind, entry.mark) not in known]
            erase(conn, site, found, mine, vault, world, by)
