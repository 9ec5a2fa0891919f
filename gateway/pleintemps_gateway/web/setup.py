"""What the set-up page knows of each step: found out, never ticked off by itself. Read-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from pleintemps_gateway.accounts import book
from pleintemps_gateway.config import GatewayConfig, SiteConfig
from pleintemps_gateway.store.schema import alerts, bookings, events, notices, setup_steps

from .agents import AgentView, load_agents
from .sources import SourceHealth, source_health

STEPS: Final = ("site", "account", "agent", "feed", "notify", "night")
"""In the order in which they are best done; each can wait."""
OPENED: Final = "access-granted"


@dataclass(frozen=True, slots=True)
class Step:
    """``state`` is ``done`` (by what the system knows), ``later`` (somebody put it off) or ``open``."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class SetupView:
    """Times are Unix ms. ``missing`` names settings that people will want: ``public_url``, ``duty`` and
    ``address`` of a site; ``opened``, ``alerted``, ``told`` are when that last happened.
    """

    steps: tuple[Step, ...]
    current: str
    missing: tuple[str, ...]
    people: int
    managers: int
    agents: tuple[AgentView, ...]
    feeds: tuple[SourceHealth, ...]
    bookings: int
    duty: bool
    told: int | None
    opened: int | None
    alerted: int | None

    @property
    def is_done(self) -> bool:
        return all(step.state == "done" for step in self.steps)

    @property
    def number(self) -> int:
        """Of the current step, from 1."""
        return STEPS.index(self.current) + 1


def load_setup(
    conn: Connection, config: GatewayConfig, sites: Sequence[SiteConfig], now: int, wanted: str = ""
) -> SetupView:
    """``wanted`` is the step to show; the first that is open otherwise."""
    names = [site.site for site in sites]
    people = [person for person in book.people(conn, now) if not person.disabled]
    found = tuple(load_agents(conn, sites, now))
    sources = tuple(source_health(conn, sites, now))
    booked = select(func.count()).where(bookings.c.site.in_(names), bookings.c.status == "confirmed")
    count = int(conn.scalar(booked) or 0)
    told = conn.scalar(
        select(func.max(notices.c.done)).where(notices.c.site.in_(names), notices.c.state == "sent")
    )
    accepted = (events.c.site.in_(names)) & (events.c.type == OPENED)
    opened = conn.scalar(select(func.max(events.c.at)).where(accepted))
    alerted = conn.scalar(select(func.max(alerts.c.opened)).where(alerts.c.site.in_(names)))
    facts = {
        "site": True,
        "account": any(person.role == book.MANAGER for person in people),
        "agent": bool(found) and all(agent.state != "never" for agent in found),
        "feed": count > 0 or any(feed.good for feed in sources),
        "notify": told is not None,
        "night": opened is not None and alerted is not None,
    }
    mine = setup_steps.c.site == "*"
    later = set(conn.scalars(select(setup_steps.c.step).where(mine, setup_steps.c.state == "later")))
    steps = tuple(
        Step(name, "done" if facts[name] else ("later" if name in later else "open")) for name in STEPS
    )
    first = next((step.name for step in steps if step.state == "open"), "")
    first = first or next((step.name for step in steps if step.state == "later"), STEPS[-1])
    return SetupView(
        steps=steps,
        current=wanted if wanted in STEPS else first,
        missing=_missing(config, sites),
        people=len(people),
        managers=sum(person.role == book.MANAGER for person in people),
        agents=found,
        feeds=sources,
        bookings=count,
        duty=bool(config.duty_file),
        told=told,
        opened=opened,
        alerted=alerted,
    )


def _missing(config: GatewayConfig, sites: Sequence[SiteConfig]) -> tuple[str, ...]:
    found = [] if config.web.public_url else ["public_url"]
    if any(not site.about.duty for site in sites):
        found.append("duty")
    if any(not site.about.address for site in sites):
        found.append("address")
    return tuple(found)
