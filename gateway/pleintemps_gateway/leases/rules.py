"""Who holds which site. Pure: what the store says at one moment goes in, what to do comes out.

A gateway is alive while its row has not expired, by the store's clock. A lease is a term: one gateway, one
token, from ``taken`` until it ends. The token is the epoch that agents obey, so it only grows; whoever writes
shows it, and a term that was ended by somebody else writes nothing. A lease needs no date of its own: it is
good as long as its holder lives, and one row a gateway is renewed instead of one a site.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

LIVES_MS: Final = 3_000
"""After its last sign of life a gateway counts as dead."""
LOOK_MS: Final = 500
"""Between two signs of life, and two looks at who holds what."""
RELEASED_AT_ONCE: Final = 12
"""Sites given away in one look: each is without a gateway until the other one has read it."""
TAKEN_AT_ONCE: Final = 100
"""Sites taken in one look."""


class Gateway(NamedTuple):
    """``run`` is one process of it; ``sites`` a mark of the sites that it is configured for."""

    run: str
    expires: int
    sites: str


class Term(NamedTuple):
    """A lease in force."""

    gateway: str
    run: str
    token: int


class View(NamedTuple):
    """What the store says at ``now`` (Unix ms of the store's clock); ``terms`` by site."""

    now: int
    gateways: Mapping[str, Gateway]
    terms: Mapping[str, Term]


class Todo(NamedTuple):
    """``lost``: ruled by another, or nobody, since; ``give``: to another gateway; ``take``: free."""

    lost: tuple[str, ...] = ()
    give: tuple[str, ...] = ()
    take: tuple[str, ...] = ()


def is_alive(gateway: Gateway | None, now: int) -> bool:
    """Whether it has shown itself in time."""
    return gateway is not None and now < gateway.expires


def is_free(term: Term | None, gateways: Mapping[str, Gateway], now: int) -> bool:
    """Whether the site may be taken: nobody holds it, or its holder is dead or was started anew."""
    if term is None:
        return True
    holder = gateways.get(term.gateway)
    return holder is None or holder.run != term.run or now >= holder.expires


def next_token(last: int | None, now: int) -> int:
    """A token above every earlier one; ``now`` (Unix ms) lifts it above those of an older store."""
    return max((last or 0) + 1, now // 1000)


def shares(sites: Iterable[str], holds: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Which of the gateways in ``holds`` each site is for: equal shares, and as few sites move as can be.

    Whoever holds more than its share keeps the first ones by name; what is free fills who has the least.
    """
    wanted = sorted(sites)
    if not holds:
        return {}
    kept = {name: sorted(set(own).intersection(wanted)) for name, own in holds.items()}
    each, more = divmod(len(wanted), len(kept))
    ranked = sorted(kept, key=lambda name: (-len(kept[name]), name))
    share = {name: each + (place < more) for place, name in enumerate(ranked)}
    for name in ranked:
        del kept[name][share[name] :]
    found = {site: name for name, own in kept.items() for site in own}
    free = [site for site in wanted if site not in found]
    for name in ranked:
        room = share[name] - len(kept[name])
        found |= dict.fromkeys(free[:room], name)
        del free[:room]
    return found


def decide(me: str, run: str, sites: Collection[str], view: View, holding: Mapping[str, int]) -> Todo:
    """What gateway ``me`` (process ``run``) does about ``sites``, all it knows; ``holding``: its tokens.

    Sites are shared among gateways that know the same ones; what another living one holds stays with it.
    """
    lost = tuple(
        sorted(site for site, token in holding.items() if view.terms.get(site) != Term(me, run, token))
    )
    mark = view.gateways[me].sites if me in view.gateways else ""
    peers = {
        name: set[str]()
        for name, each in view.gateways.items()
        if each.sites == mark and is_alive(each, view.now)
    }
    if me not in peers:
        return Todo(lost)
    shared = []
    for site in sites:
        term = view.terms.get(site)
        if term is None or is_free(term, view.gateways, view.now):
            shared.append(site)
        elif term.gateway in peers:
            peers[term.gateway].add(site)
            shared.append(site)
    plan = shares(shared, peers)
    give = [site for site in sorted(holding) if site not in lost and plan.get(site, me) != me]
    take = [
        site
        for site in sorted(shared)
        if plan[site] == me and is_free(view.terms.get(site), view.gateways, view.now)
    ]
    return Todo(lost, tuple(give[:RELEASED_AT_ONCE]), tuple(take[:TAKEN_AT_ONCE]))
