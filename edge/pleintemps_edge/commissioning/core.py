"""The self test as a core that somebody else runs, see :mod:`pleintemps_contract.commissioning`."""

from pathlib import Path

from pleintemps_contract.commissioning import Machine, Order, Technician
from pleintemps_contract.cores import AgentRims
from pleintemps_contract.world import World
from pleintemps_edge.config import load

from .running import Selftest


def make(
    config: Path, world: World, rims: AgentRims, machine: Machine, technician: Technician, order: Order
) -> Selftest:
    """The self test of ``config``; raises SetupError, StateError, ConfigError or CommissioningError."""
    return Selftest(load(config), config.read_bytes(), world, rims, machine, technician, order, world)
