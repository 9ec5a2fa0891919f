"""An office over a small house, and certificate requests as agents make them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from pleintemps_contract.world import ManualWorld
from pleintemps_edge.enrolment.client import Place, request_for
from pleintemps_gateway.config import load
from pleintemps_gateway.enrolment.desk import Desk
from pleintemps_gateway.enrolment.service import Office
from pleintemps_gateway.enrolment.settings import EnrolmentConfig
from pleintemps_gateway.keys import make_keys
from pleintemps_gateway.store.engine import open_engine
from tests.gateway.house import NOW, TOML
from tests.support.ports import find_free_port
from tests.support.stores import make_store

MINUTE = 60_000
HOUR = 60 * MINUTE


def make_office(folder: Path, url: str, world: ManualWorld | None = None) -> Office:
    """Keys as ``init`` makes them without agents, and a store."""
    file = folder / "gateway.toml"
    text = TOML.format(url=url, port=1, extra="").replace("mqtt://127.0.0.1", "mqtts://localhost")
    file.write_text(text, encoding="utf-8")
    config = load(file)
    world = world or ManualWorld(NOW)
    make_keys(Path(config.keys), {}, "production", world)
    make_store(config.database_url)
    return Office(config, open_engine(config.database_url), world, world)


def request() -> str:
    """Of a new key."""
    return request_for(ec.generate_private_key(ec.SECP256R1()))


@contextmanager
def serving(office: Office) -> Iterator[Place]:
    """The office's desk on a loopback port."""
    place = Place("127.0.0.1", find_free_port())
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    up = threading.Event()
    settings = EnrolmentConfig(host=place.host, port=place.port)

    async def work() -> None:
        serve = asyncio.ensure_future(Desk(office).serve(settings, stop, up.set))
        await serve

    thread = threading.Thread(target=lambda: loop.run_until_complete(work()))
    thread.start()
    try:
        assert up.wait(10)
        yield place
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
