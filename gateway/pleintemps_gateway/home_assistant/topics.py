"""Where Home Assistant and the gateway meet on the broker, and what the broker's access list says of it.

Our own signed topics stay what they are: Home Assistant reads them and writes none. What it cannot read there
(doors, whether the gateway lives) stands below ``pleintemps-ha``, unsigned: nothing of ours listens to it but
for commands, where a site allows them.
"""

from typing import Final, NamedTuple

from pleintemps_contract.topics import PREFIX

BASE: Final = "pleintemps-ha"
ONLINE: Final = f"{BASE}/gateway"
"""``online``, or by the last will ``offline``."""
NODE: Final = "pleintemps"


class Door(NamedTuple):
    site: str
    door: str


def device(prefix: str, site: str, kind: str, name: str) -> str:
    """Discovery topic of a device; slugs hold no underscore, so the parts can be told apart again."""
    return f"{prefix}/device/{NODE}/{site}_{kind}_{name}/config"


def site_of_device(prefix: str, topic: str) -> str:
    """The site of a discovery topic of ours; empty for any other."""
    head, tail = f"{prefix}/device/{NODE}/", "/config"
    if not (topic.startswith(head) and topic.endswith(tail)):
        return ""
    parts = topic.removeprefix(head).removesuffix(tail).split("_")
    return parts[0] if len(parts) == 3 else ""


def door_state(site: str, door: str) -> str:
    return f"{BASE}/{site}/door/{door}"


def door_command(site: str, door: str) -> str:
    return f"{door_state(site, door)}/set"


def door_of_command(topic: str) -> Door | None:
    """The door that a command is for; None for any other topic."""
    parts = topic.split("/")
    if len(parts) != 5 or (parts[0], parts[2], parts[4]) != (BASE, "door", "set"):
        return None
    return Door(parts[1], parts[3])


def wanted(prefix: str, control_sites: tuple[str, ...]) -> list[str]:
    """What the gateway subscribes to."""
    devices, status = f"{prefix}/device/{NODE}/+/config", f"{prefix}/status"
    return [status, devices, *(f"{BASE}/{site}/door/+/set" for site in control_sites)]


def acl(prefix: str, control_sites: tuple[str, ...]) -> list[str]:
    """Lines for Mosquitto's ``acl_file``: what ``gateway`` may besides, and all of ``homeassistant``."""
    return [
        "user gateway",
        f"topic readwrite {BASE}/#",
        f"topic readwrite {prefix}/device/{NODE}/#",
        f"topic read {prefix}/status",
        "user homeassistant",
        f"topic read {PREFIX}/+/state/+",
        f"topic read {PREFIX}/+/+/availability",
        f"topic read {PREFIX}/+/+/birth",
        f"topic read {BASE}/#",
        *(f"topic write {BASE}/{site}/door/+/set" for site in control_sites),
        f"topic readwrite {prefix}/#",
    ]
