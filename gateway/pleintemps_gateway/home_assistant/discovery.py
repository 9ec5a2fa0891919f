"""Home Assistant's MQTT discovery in its device form (2024.11 and later): one message a space or agent. Pure.

A lock that Home Assistant may not touch is told as a ``binary_sensor`` of the class lock: the component
``lock`` cannot be without a command topic.
"""

from collections.abc import Iterator
from typing import Any, Final

from pleintemps_contract import __version__
from pleintemps_contract.topics import PREFIX
from pleintemps_gateway.config import DoorConfig, SiteConfig

from . import topics

Payload = dict[str, Any]
STALE_S: Final = 900
"""A room state is said at least once a minute; after so long without one nothing is known."""
# a signed message: one line of header, then the body
_BODY: Final = "{% set body = value.split('\\n', 1)[1] | from_json %}"
_ONLINE: Final[Payload] = {"topic": topics.ONLINE}
_DIAGNOSTIC: Final[Payload] = {"entity_category": "diagnostic"}


def devices(site: SiteConfig, prefix: str, *, control: bool, url: str = "") -> dict[str, Payload]:
    """Every device of ``site`` by its discovery topic; ``url`` begins the addresses of our pages."""
    found: dict[str, Payload] = {}
    for space in site.spaces:
        entries = dict(_space(site.site, space.space, space.name))
        for door in site.doors:
            if door.to == space.space:
                entries |= _door(site.site, door, control=control)
        where = topics.device(prefix, site.site, "space", space.space)
        found[where] = _device(site, "space", space.space, space.name, "Space", entries, url)
    agents = {each.agent for each in site.doors} | {each.agent for each in site.panels}
    agents |= {each.agent for each in site.signals}
    for agent in sorted(agents):
        where = topics.device(prefix, site.site, "agent", agent)
        entries = dict(_agent(site.site, agent))
        found[where] = _device(site, "agent", agent, agent, "Agent", entries, url)
    return found


def without(old: Payload, new: Payload) -> Payload | None:
    """``new``, but what only ``old`` has told as removed; None where nothing was taken away."""
    known = old.get("cmps")
    gone = {
        key: {"p": entry["p"]}
        for key, entry in (known.items() if isinstance(known, dict) else ())
        if key not in new["cmps"] and isinstance(entry, dict) and isinstance(entry.get("p"), str)
    }
    return new | {"cmps": new["cmps"] | gone} if gone else None


def _device(
    site: SiteConfig, kind: str, slug: str, name: str, model: str, entries: dict[str, Payload], url: str
) -> Payload:
    own = f"pleintemps_{site.site}_{kind}_{slug}"
    device: Payload = {
        "identifiers": [own],
        "name": name,
        "manufacturer": "Plein Temps",
        "model": model,
        "sw_version": __version__,
        "suggested_area": name if kind == "space" else site.name,
    }
    if url:
        device["configuration_url"] = f"{url}/health" if kind == "agent" else url
    return {
        "dev": device,
        "o": {"name": "pleintemps", "sw_version": __version__},
        "availability": [_ONLINE],
        "qos": 1,
        "cmps": {key: {"unique_id": f"{own}_{key}"} | entry for key, entry in entries.items()},
    }


def _space(site: str, space: str, name: str) -> Iterator[tuple[str, Payload]]:
    told: Payload = {"state_topic": f"{PREFIX}/{site}/state/{space}", "expire_after": STALE_S}
    yield (
        "occupancy",
        told
        | {
            "p": "binary_sensor",
            "name": None,
            "device_class": "occupancy",
            "value_template": _BODY + "{{ {'occupied': 'ON', 'vacant': 'OFF'}.get(body.state, 'None') }}",
        },
    )
    yield (
        "state",
        told
        | {
            "p": "sensor",
            "name": "State",
            "value_template": _BODY + "{{ body.state }}",
        },
    )
    yield (
        "probability",
        told
        | _DIAGNOSTIC
        | {
            "p": "sensor",
            "name": "Probability of presence",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            "value_template": _BODY
            + "{{ 'None' if body.probability is not number else (body.probability * 100) | round(0) }}",
        },
    )
    yield (
        "next_booking",
        told
        | {
            "p": "sensor",
            "name": "Next booking",
            "device_class": "timestamp",
            "value_template": _BODY
            + "{{ 'None' if body.next_start is not number else (body.next_start / 1000) | timestamp_utc }}",
        },
    )


def _door(site: str, door: DoorConfig, *, control: bool) -> dict[str, Payload]:
    state = topics.door_state(site, door.door)
    agent = {
        "topic": f"{PREFIX}/{site}/{door.agent}/availability",
        "value_template": "{{ value_json.state }}",
    }
    told: Payload = {"state_topic": state, "availability": [_ONLINE, agent], "availability_mode": "all"}
    locked = told | {"name": f"{door.name}: lock"}
    if control:
        lock = locked | {
            "p": "lock",
            "command_topic": topics.door_command(site, door.door),
            "payload_lock": "LOCK",
            "payload_unlock": "UNLOCK",
            "payload_open": "OPEN",
            "retain": False,  # a retained command would open the door again at every start
            "optimistic": False,
            "value_template": "{{ value_json.lock }}",
        }
    else:
        lock = locked | {
            "p": "binary_sensor",
            "device_class": "lock",
            "value_template": "{{ {'UNLOCKED': 'ON', 'LOCKED': 'OFF'}.get(value_json.lock, 'None') }}",
        }
    return {
        # another key for each: a component cannot change its platform
        f"{'lock' if control else 'locked'}_{door.door}": lock,
        f"door_{door.door}": told
        | {
            "p": "binary_sensor",
            "name": door.name,
            "device_class": "door",
            "value_template": "{{ value_json.open }}",
        },
        f"alarm_{door.door}": told
        | {
            "p": "binary_sensor",
            "name": f"{door.name}: alarm",
            "device_class": "problem",
            "value_template": "{{ value_json.alarm }}",
        },
    }


def _agent(site: str, agent: str) -> Iterator[tuple[str, Payload]]:
    birth: Payload = _DIAGNOSTIC | {"state_topic": f"{PREFIX}/{site}/{agent}/birth"}
    yield (
        "connected",
        _DIAGNOSTIC
        | {
            "p": "binary_sensor",
            "name": "Connected",
            "device_class": "connectivity",
            "state_topic": f"{PREFIX}/{site}/{agent}/availability",
            "value_template": "{{ 'ON' if value_json.state == 'online' else 'OFF' }}",
        },
    )
    yield (
        "clock",
        birth
        | {
            "p": "binary_sensor",
            "name": "Clock",
            "device_class": "problem",
            "value_template": "{{ 'OFF' if value_json.clock_trusted else 'ON' }}",
        },
    )
    yield (
        "version",
        birth | {"p": "sensor", "name": "Version", "value_template": "{{ value_json.version }}"},
    )
