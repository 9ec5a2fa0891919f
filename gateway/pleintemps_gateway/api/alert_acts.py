"""What people do about alerts: one transaction an act, the second of two sees what the first did."""

from typing import Final

import msgspec
from sqlalchemy import select

from pleintemps_contract.onvif import DoorAction
from pleintemps_gateway.alerts.life import Act, ActKind, Refusal, act, at_pause
from pleintemps_gateway.alerts.records import Fact
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.config import SignalConfig, SiteConfig
from pleintemps_gateway.ingest.asking import Wish, ask
from pleintemps_gateway.notify.outbox import queue_acts
from pleintemps_gateway.store import reading, schema
from pleintemps_gateway.store.acts import MAX_COMMENT, life_of, note, put_life
from pleintemps_gateway.store.engine import write_transaction

from .auth import Account, sites_of
from .context import Context
from .problems import Problem, not_found
from .rights import Right, may

_LOGGED: Final = {
    ActKind.TAKE: "alert.acknowledged",
    ActKind.PAUSE: "alert.paused",
    ActKind.RESUME: "alert.resumed",
    ActKind.GIVE: "alert.given",
    ActKind.ESCALATE: "alert.escalated",
    ActKind.COMMENT: "alert.commented",
    ActKind.WARN: "alert.room-warned",
}
_TEXTS: Final = {
    Refusal.CHANGED: "Somebody was quicker: look at what they did.",
    Refusal.ACKNOWLEDGED: "The alert is acknowledged already.",
    Refusal.RESOLVED: "The alert is resolved already.",
    Refusal.NOT_PAUSED: "The alert is not paused.",
    Refusal.BAD_TIME: "A pause ends within a week, and not in the past.",
    Refusal.NOBODY_LEFT: "Everybody on duty was asked already.",
}


def do(context: Context, account: Account, site: SiteConfig, alert: str, wish: Act, comment: str) -> None:
    """Carry ``wish`` out; raises Problem 404, 409 if another was quicker or it is over, or 422."""
    now, comment = context.world.now(), comment.strip()[:MAX_COMMENT]
    if wish.kind is ActKind.GIVE and wish.person not in people(context, site):
        raise Problem(422, "Nobody here is called so.", where="person", code="unknown-person")
    if wish.kind is ActKind.COMMENT and not comment:
        raise Problem(422, "A comment has words.", where="comment", code="no-comment")
    with write_transaction(context.engine, [site.site]) as conn:
        row = reading.alert(conn, (site.site,), alert)
        if row is None:
            raise not_found("alert")
        life = life_of(row)
        step = act(life, wish, context.duty.duty(site, row.rank, now), now)
        if isinstance(step, Refusal):
            status = 422 if step is Refusal.BAD_TIME else 409
            raise Problem(status, _TEXTS[step], where="alert", code=step.value)
        if wish.kind is ActKind.WARN:
            for signal in signals_of(site, row.space):
                light = Wish(signal.agent, signal.signal, DoorAction.SIGNAL_ON, account.name)
                ask(conn, site.site, light, context.world)
        if step.life != life:
            said = {"comment": comment} if comment else {}
            if wish.kind is ActKind.PAUSE:
                said["facts"] = _paused(row.facts)
            put_life(conn, site.site, alert, step.life, now, **said)
        note(conn, site.site, alert, now, step.done, comment)
        queue_acts(conn, site, row, step.done, context.duty, context.world)
        fields = {"by": account.name} | ({"person": wish.person} if wish.person else {})
        record(conn, site.site, context.world, _LOGGED[wish.kind], f"alert/{alert}", fields)


def _paused(text: str) -> str:
    """The facts of an alert with how loud it is as it is paused."""
    try:
        facts = msgspec.json.decode(text, type=dict[str, Fact])
    except msgspec.DecodeError:
        return text
    return msgspec.json.encode(at_pause(facts)).decode()


def signals_of(site: SiteConfig, space: str | None) -> list[SignalConfig]:
    """What warns the people in ``space`` of their noise."""
    return [signal for signal in site.signals if signal.space == space]


def people(context: Context, site: SiteConfig) -> dict[str, str]:
    """To whom an alert of ``site`` can be given: the people of the duty file, and accounts that see the site
    and may act.
    """
    users = schema.users
    with context.engine.connect() as conn:
        mine = users.c.site.in_((site.site, reading.EVERY_SITE))
        rows = conn.execute(
            select(users).where(mine, users.c.disabled.is_(None)).order_by(users.c.name)
        ).all()
    found = {person.person: context.duty.name(person.person) for person in context.duty.people}
    for row in rows:
        if may(row.role, Right.ALERTS) and sites_of(row.site, row.sites, (site.site,)):
            found.setdefault(row.name, row.name)
    return found
