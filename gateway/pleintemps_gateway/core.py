"""The gateway's worker as a core that somebody else runs, see :mod:`pleintemps_contract.cores`."""

import asyncio
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import make_url, select

from pleintemps_contract.cores import GatewayBroker
from pleintemps_contract.keyfiles import write_secret
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.world import World

from .config import GatewayConfig, load
from .ingest.asking import Wish, ask
from .ingest.run import Ingest
from .keys import make_keys
from .signing import CURRENT, pem
from .store.engine import migrate
from .store.schema_base import metadata

_CARETAKER = "caretaker"


class Core:
    """One gateway on its store."""

    def __init__(self, config: GatewayConfig, world: World, broker: GatewayBroker) -> None:
        self._config = config
        self._world = world
        self._ingest = Ingest(config, world, broker)

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; cancelled is a crash: what was not committed is gone, and nobody says good-bye."""
        running = asyncio.create_task(self._ingest.run(stop))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            self._ingest.abandon()
            running.cancel()
            await asyncio.wait({running})
            raise

    def order(self, site: str, door: str, action: DoorAction) -> None:
        """Ask for ``action`` at ``door``; raises KeyError for one that is not there."""
        agents = {each.door: each.agent for each in self._config.site(site).doors}
        wish = Wish(agents[door], door, action, _CARETAKER)
        self._ingest.submit(lambda conn: ask(conn, site, wish, self._world))

    def hear(self) -> None:
        """Read all calendars now."""
        self._ingest.hear()

    def idle(self) -> bool:
        """Whether nothing waits to be stored, followed, sent or worked out."""
        return self._ingest.idle()

    def select(self, table: str) -> list[dict[str, Any]]:
        """All rows of ``table`` by its key; raises KeyError."""
        found = metadata.tables[table]
        with self._ingest.engine.connect() as conn:
            rows = conn.execute(select(found).order_by(*found.primary_key.columns))
            return [dict(row._mapping) for row in rows]

    def rows(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Every row of the store."""
        with self._ingest.engine.connect() as conn:
            for name in sorted(metadata.tables):
                table = metadata.tables[name]
                for row in conn.execute(select(table).order_by(*table.primary_key.columns)):
                    yield name, tuple(row)


class Maker:
    """The entry point."""

    @staticmethod
    def prepare(config: Path, world: World) -> None:
        """Demo keys drawn from ``world``: whoever knows its seed knows them; and an empty store, if it is of
        SQLite and not there. Raises KeyFileError.
        """
        settings = load(config)
        keys = Path(settings.keys)
        signing = keys / "gateway" / CURRENT
        if not signing.exists():
            signing.parent.mkdir(mode=0o700, parents=True)
            write_secret(signing, pem(Ed25519PrivateKey.from_private_bytes(world.random_bytes(32))))
        agents = {door.agent: site.site for site in settings.sites for door in site.doors}
        make_keys(keys, agents, "demo", world)
        store = make_url(settings.database_url)
        if store.get_backend_name() == "sqlite" and store.database and not Path(store.database).exists():
            Path(store.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            Path(store.database).write_bytes(_empty_store())

    @staticmethod
    def make(config: Path, world: World, broker: GatewayBroker) -> Core:
        """The gateway of ``config``, which it migrates first."""
        return Core(load(config), world, broker)


@lru_cache(maxsize=1)
def _empty_store() -> bytes:
    """A SQLite store of the newest schema: one process plays many times, and to migrate takes longer than all
    else that a gateway does at its start.
    """
    with tempfile.TemporaryDirectory(prefix="pleintemps-store-") as folder:
        made = Path(folder) / "store.db"
        migrate(f"sqlite:///{made}")
        return made.read_bytes()
