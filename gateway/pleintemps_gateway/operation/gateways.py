"""Several gateways on one store: who holds which sites."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from sqlalchemy import select

from pleintemps_contract.checkup.findings import Finding, days, fail, ok, warn
from pleintemps_gateway.leases.rules import LIVES_MS, is_alive, is_free
from pleintemps_gateway.leases.store import EVERY, look
from pleintemps_gateway.store import engine as stores
from pleintemps_gateway.store.schema import gateways, leases

from .facts import GatewayFacts, GatewaysFacts
from .readers import Place

_NAMED: Final = 5
"""Sites that are called by their names."""
_FORGET: Final = "delete its row in `gateways` (docs/operators.md)"
_SERVICE: Final = "systemctl status pleintemps-gateway on each machine"


def read_gateways(place: Place) -> GatewaysFacts:
    if not stores.is_shared(place.config.database_url):
        return GatewaysFacts(place.world.now())
    with place.connect() as conn:
        view = look(conn)
        own = select(gateways).where(gateways.c.site == EVERY).order_by(gateways.c.gateway)
        rows = conn.execute(own).all()
        in_force = select(leases.c.gateway, leases.c.taken).where(leases.c.ended.is_(None))
        terms = [(str(row.gateway), int(row.taken)) for row in conn.execute(in_force)]
    usual = Counter(row.sites for row in rows if row.expires > view.now).most_common(1)
    found = [
        GatewayFacts(
            name=row.gateway,
            sites=sum(name == row.gateway for name, _ in terms),
            joined=row.joined,
            moved=max((taken for name, taken in terms if name == row.gateway), default=None),
            heard=row.expires - LIVES_MS,
            alive=is_alive(view.gateways.get(row.gateway), view.now),
            alike=not usual or row.sites == usual[0][0],
        )
        for row in rows
    ]
    unheld = [site for site in place.sites if is_free(view.terms.get(site), view.gateways, view.now)]
    return GatewaysFacts(view.now, len(place.sites), tuple(found), tuple(unheld))


def judge_gateways(facts: GatewaysFacts) -> Iterator[Finding]:
    """Nothing where there can be one only. Pure."""
    if not facts.sites:
        return
    if facts.unheld:
        more = f" and {len(facts.unheld) - _NAMED} more" if len(facts.unheld) > _NAMED else ""
        named = ", ".join(facts.unheld[:_NAMED])
        yield fail("gateways", f"nobody holds {named}{more}", f"{_SERVICE}; their sites in the configuration")
    for each in facts.gateways:
        if not each.alive:
            gone = f"{each.name} has shown no sign of life for {_span(facts.now - each.heard)}"
            yield warn("gateways", gone, f"{_SERVICE}; if it is gone for good: {_FORGET}")
        elif not each.alike:
            other = f"{each.name} is configured for other sites: it shares with nobody"
            yield warn("gateways", other, "the same [[sites]] on every machine")
    if not facts.unheld:
        held = ", ".join(f"{each.name} holds {each.sites}" for each in facts.gateways if each.alive)
        yield ok("gateways", f"{facts.sites} sites: {held}")


def describe_gateways(facts: GatewaysFacts) -> list[str]:
    """A line for each gateway, for a person. Pure."""
    lines = []
    for each in facts.gateways:
        moved = "" if each.moved is None else f", the last since {_span(facts.now - each.moved)}"
        heard = f"heard {_span(facts.now - each.heard)} ago" if each.alive else "DEAD"
        up = f"up for {_span(facts.now - each.joined)}"
        lines.append(f"  {each.name}: {each.sites} sites{moved}; {up}, {heard}")
    return lines


def _span(milliseconds: int) -> str:
    seconds = max(0, milliseconds) / 1000
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else days(milliseconds)
