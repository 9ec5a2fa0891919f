"""What an agent touches on its own machine, in the shape in which somebody else may hand it in."""

from pleintemps_contract.cores import AgentBroker, AgentRims
from pleintemps_contract.kernel import ntp_synchronised

from .config import Setup
from .drivers.building import BuildingBroker
from .drivers.serial_port import Ttys
from .link.session import Broker


def own(setup: Setup) -> AgentRims:
    """Brokers of the configuration, the kernel's serial lines and clock, gpiozero's default pins (None)."""
    mqtt, building = setup.config.mqtt, setup.config.building
    site: AgentBroker = Broker(mqtt.host, mqtt.port, setup.key_folder if mqtt.tls else None)
    near: AgentBroker = site
    if building is not None:
        near = BuildingBroker(building.host, building.port, building.user, setup.building_password)
    return AgentRims(broker=site, building=near, wires=Ttys(), pins=None, disciplined=ntp_synchronised)
