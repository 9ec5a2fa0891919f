"""A small house for gateway tests: configuration, keys and the store of one site."""

from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from pleintemps_contract.keyfiles import AgentKeys, load_agent_keys
from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.config import GatewayConfig, SiteConfig, load
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.keys import load_gateway_keys, make_keys
from pleintemps_gateway.store.engine import open_engine
from tests.support.stores import make_store

NOW = 1_795_400_000_000  # 2026-11-23 02:13:20 UTC
HOUR = 3_600_000

TOML = """
state = "state"
keys = "keys"
database_url = "{url}"
[mqtt]
url = "mqtt://127.0.0.1:{port}"
[[sites]]
site = "ecole"
name = "École"
[[sites.spaces]]
space = "yard"
name = "Cour"
bookable = false
[[sites.spaces]]
space = "hall"
name = "Grande salle"
[[sites.spaces]]
space = "class"
name = "Classe"
[[sites.doors]]
door = "gate"
name = "Portail"
agent = "entrance"
from = "street"
to = "yard"
[[sites.doors]]
door = "hall"
name = "Salle"
agent = "entrance"
from = "yard"
to = "hall"
[[sites.doors]]
door = "class"
name = "Classe"
agent = "upstairs"
from = "yard"
to = "class"
{extra}
"""


class House(NamedTuple):
    file: Path
    config: GatewayConfig
    site: SiteConfig
    engine: Engine
    world: ManualWorld
    desk: CodeDesk

    def agent_keys(self, agent: str) -> AgentKeys:
        return load_agent_keys(Path(self.config.keys) / "agents" / agent)


def build(
    folder: Path, url: str, *, port: int = 1, extra: str = "", seed: int = 0, store: bool = True
) -> House:
    """Write the configuration, make demo keys and (but for ``store=False``) the store."""
    file = folder / "gateway.toml"
    file.write_text(TOML.format(url=url, port=port, extra=extra), encoding="utf-8")
    config = load(file)
    world = ManualWorld(NOW, seed)
    make_keys(Path(config.keys), {"entrance": "ecole", "upstairs": "ecole"}, "demo", world)
    if store:
        make_store(config.database_url)
    sealing = load_gateway_keys(Path(config.keys)).sealing
    desk = CodeDesk(sealing, world, Outbox(config.delivery, sealing, world))
    return House(file, config, config.sites[0], open_engine(config.database_url), world, desk)
