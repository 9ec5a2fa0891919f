"""Failed log-ins: one address trying many names, and what of them the audit log gets."""

from collections.abc import Collection
from typing import Final

from pleintemps_gateway.accounts.book import key_of
from pleintemps_gateway.audit.log import EVERY_SITE, record
from pleintemps_gateway.store.engine import write_transaction

from .context import Context

NOBODY: Final = "account/unknown"


def wait_for(context: Context, name: str, address: str) -> int:
    """Milliseconds until ``name`` may be tried at ``address``: a limit of both, one of the address over all
    names; 0 counts an attempt as failed under both until :func:`succeeded`.
    """
    now = context.world.monotonic()
    wait = context.addresses.wait(address, now)
    if wait:
        return wait
    wait = context.throttle.begin(name, address, now)
    if wait:
        context.addresses.give_back(address)
    return wait


def succeeded(context: Context, name: str, address: str) -> None:
    """The attempt was a good one: the address has it back, the name begins anew."""
    context.addresses.give_back(address)
    context.throttle.succeeded(name, address)


def write_down(context: Context, accounts: Collection[tuple[str, str]], address: str, via: str) -> None:
    """Into the audit log of each of ``accounts`` (home, name); of none, what was typed is not said: people
    type passwords into the field of the name. Of a flood a part is written, with the number of the others.
    """
    left_out = context.failures.admit(context.world.monotonic())
    if left_out is None:
        return
    said = {"address": address, "via": via} | ({"left_out": left_out} if left_out else {})
    with write_transaction(context.engine, sorted({home for home, _ in accounts} or {EVERY_SITE})) as conn:
        for home, name in sorted(accounts):
            subject = f"account/{key_of(home, name)[:16]}"
            record(conn, home, context.world, "user.log-in-failed", subject, {"name": name} | said)
        if not accounts:
            record(conn, EVERY_SITE, context.world, "user.log-in-failed", NOBODY, said)
