"""The gateway's configuration for a fleet, and its calendars for today and tomorrow of the fleet's days."""

from pathlib import Path
from typing import Final

from pleintemps_firmware_sim.scenario.calendar import Event, render
from pleintemps_firmware_sim.scenario.configs import table

from .days import DAY_MS, visits
from .plan import AgentPlan, FleetPlan, door_of

_SCALED: Final = {
    "lead_s": 900,
    "tail_s": 900,
    "no_show_after_s": 900,
    "overstay_after_s": 900,
    "unexpected_after_s": 120,
    "left_after_s": 300,
}
"""Rules whose times shrink with the day."""
CONFIG: Final = "gateway.toml"


def calendar_of(site: str) -> str:
    return f"{site}.ics"


def gateway_toml(plan: FleetPlan, *, mqtt_url: str, web_port: int, day_ms: int, booked: bool) -> str:
    """``gateway.toml`` for all sites, to lie beside their calendars where they are ``booked``."""
    rules = {key: seconds * day_ms / DAY_MS for key, seconds in _SCALED.items()}
    parts = [
        table("", {"state": "state", "keys": "keys"}),
        table("[mqtt]", {"url": mqtt_url}),
        table("[web]", {"host": "127.0.0.1", "port": web_port}),
    ]
    for site in plan.site_names():
        parts.append(table("[[sites]]", {"site": site, "name": site, "zone": "UTC"}))
        parts.append(table("[sites.rules]", rules))
        if booked:
            parts.append(_feed(site))
        for agent in plan.agents_of(site):
            parts += _spaces(agent)
    return "\n".join(parts)


def _feed(site: str) -> str:
    return table(
        "[[sites.feeds]]", {"feed": "fleet", "kind": "ical", "url": calendar_of(site), "poll_s": 300}
    )


def _spaces(agent: AgentPlan) -> list[str]:
    parts = []
    for space in agent.spaces:
        door, name = door_of(space), agent.agent
        parts.append(table("[[sites.spaces]]", {"space": space, "name": space, "capacity": 20}))
        way = {"door": door, "name": door, "agent": name, "from": "street", "to": space}
        parts.append(table("[[sites.doors]]", way))
    return parts


def write(
    folder: Path,
    plan: FleetPlan,
    *,
    mqtt_url: str,
    web_port: int,
    seed: int,
    day_ms: int,
    booked: bool,
    now: int,
) -> Path:
    """Write configuration and calendars into ``folder``; returns the configuration. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    if booked:
        days = (now // day_ms, now // day_ms + 1)
        for site in plan.site_names():
            events = [
                Event(f"{space}-{visit.start}@{site}", "Fleet", space, visit.start, visit.end)
                for agent in plan.agents_of(site)
                for space in agent.spaces
                for day in days
                for visit in visits(seed, site, space, day, day_ms)
            ]
            text = render(events, now)
            (folder / calendar_of(site)).write_text(text, encoding="utf-8", newline="")
    path = folder / CONFIG
    text = gateway_toml(plan, mqtt_url=mqtt_url, web_port=web_port, day_ms=day_ms, booked=booked)
    path.write_text(text, encoding="utf-8")
    return path
