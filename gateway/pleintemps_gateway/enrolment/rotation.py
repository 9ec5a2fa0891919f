"""Other secrets at the doors of a stolen agent, so that what is in it opens nothing.

What lies in an agent: its pepper with a look-up of every code and card of its doors, the salts, and 45 days
of keys for the offline codes of the spaces behind them. Eight digits can be tried out there in days. So every
code that it knew is issued anew and told, its spaces get another secret, and new codes another salt. Tokens
stay: an agent checks them and cannot make them. The numbers of cards cannot be changed from here; they are
counted.
"""

from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, func, select, update

from pleintemps_contract.envelope import Signer
from pleintemps_gateway.access.issuing import TYPED
from pleintemps_gateway.access.offline_plan import plan_of
from pleintemps_gateway.access.placing import living, withdraw
from pleintemps_gateway.access.purposes import MAIN
from pleintemps_gateway.access.salts import new_salt
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import BookingError, SettingsError
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import credentials, grants, shut_out, space_secrets

from .service import TRUST


class Rotated(NamedTuple):
    """``cards`` are of rights and want a person; ``salt`` says whether new codes have another one."""

    bookings: int
    rights: int
    cards: int
    spaces: int
    salt: bool


def rotate(engine: Engine, site: SiteConfig, desk: CodeDesk, agent: str, signer: Signer, by: str) -> Rotated:
    """Change what ``agent`` knew, each booking in a transaction of its own. It can be repeated where it was
    cut short; nobody is told twice.
    """
    with write_transaction(engine, [site.site]) as conn:
        spaces = _new_secrets(conn, site, agent, desk.world.now())
        salt = _new_salt(conn, site, desk)
        known = _known(conn, site.site, agent)
    bookings = sorted({booking for booking, _ in known if booking})
    rights = sorted({right for _, right in known if right})
    for booking in bookings:
        with write_transaction(engine, [site.site]) as conn:
            _booking(conn, site, desk, booking)
    cards = 0
    for right in rights:
        with write_transaction(engine, [site.site]) as conn:
            cards += _right(conn, site, desk, right, signer)
    done = Rotated(len(bookings), len(rights) - cards, cards, len(spaces), salt)
    with write_transaction(engine, [site.site]) as conn:
        now = desk.world.now()
        mine = (shut_out.c.site == site.site) & (shut_out.c.agent == agent) & shut_out.c.ended.is_(None)
        conn.execute(update(shut_out).where(mine).values(rotated=now))
        record(conn, site.site, desk.world, "agent.rotated", f"agent/{agent}", {"by": by, **done._asdict()})
        record_change(conn, site.site, TRUST, agent, now)
    return done


def spaces_behind(site: SiteConfig, agent: str) -> list[str]:
    """The spaces of whose offline codes ``agent`` held the keys."""
    own = {door.door for door in site.doors if door.agent == agent}
    return sorted(space for space, planned in plan_of(site).spaces.items() if own.intersection(planned.doors))


def _new_secrets(conn: Connection, site: SiteConfig, agent: str, now: int) -> list[str]:
    spaces = spaces_behind(site, agent)
    mine = (space_secrets.c.site == site.site) & space_secrets.c.space.in_(spaces)
    conn.execute(delete(space_secrets).where(mine))
    record_change(conn, site.site, TRUST, agent, now)
    return spaces


def _new_salt(conn: Connection, site: SiteConfig, desk: CodeDesk) -> bool:
    try:
        new_salt(conn, site, desk.world)
    except SettingsError:
        return False  # two live already: the codes of this agent go all the same, and a salt is no secret
    return True


def _known(conn: Connection, site: str, agent: str) -> list[tuple[str | None, str | None]]:
    """The owners of every code and card that ``agent`` had a look-up of: made before it was shut out."""
    standing = (shut_out.c.site == site) & (shut_out.c.agent == agent) & shut_out.c.ended.is_(None)
    since = conn.execute(select(func.min(shut_out.c.at)).where(standing)).scalar()
    query = (
        select(credentials.c.booking, credentials.c.right)
        .join(grants, (grants.c.site == credentials.c.site) & (grants.c.grant == credentials.c.grant))
        .where(grants.c.site == site, grants.c.agent == agent, credentials.c.rests_until.is_(None))
        .distinct()
    )
    if since is not None:
        query = query.where(credentials.c.created <= since)
    return [(row[0], row[1]) for row in conn.execute(query)]


def _booking(conn: Connection, site: SiteConfig, desk: CodeDesk, booking: str) -> None:
    now, old = desk.world.now(), living(conn, site.site, booking=booking)
    try:
        if any(each.purpose == MAIN for each in old):
            desk.reissue_all(conn, site, booking)
    except BookingError:
        pass  # it may have no code any more: the one that it has goes, and no other comes
    fresh = {each.grant for each in living(conn, site.site, booking=booking)} - {each.grant for each in old}
    for each in old:
        if each.grant not in fresh and _is_living(conn, site.site, each.grant):
            withdraw(conn, site, each, now)
            if each.duress:
                desk.issue(conn, site, booking, "extra", each.label, duress=True, extended=each.extended)


def _is_living(conn: Connection, site: str, grant: str) -> bool:
    mine = (credentials.c.site == site) & (credentials.c.grant == grant) & credentials.c.rests_until.is_(None)
    return conn.execute(select(credentials.c.grant).where(mine)).first() is not None


def _right(conn: Connection, site: SiteConfig, desk: CodeDesk, right: str, signer: Signer) -> bool:
    """Another code for a right; whether it has a card, which stays."""
    card = False
    for each in living(conn, site.site, right=right):
        if each.kind in TYPED:
            withdraw(conn, site, each, desk.world.now())
            desk.issue_right(conn, site, right, signer=signer, duress=each.duress)
        elif each.sealed_hash != b"":
            card = True
    return card
