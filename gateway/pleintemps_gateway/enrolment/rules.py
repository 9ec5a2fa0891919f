"""What becomes of a one-time token: a table over (invitation, event, now). Pure.

    state        Presented, same key   Presented, other key   Withdrawn    time is over
    open         issue -> used         issue -> used          -> gone      expired
    used         again                 refuse: used           -> gone      expired

Presenting a used token with the key that used it is the repetition of an enrolment that was cut short: it
gives the same right once more, to nobody else. Times are Unix ms of the machine's clock.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

SHORTEST_MS: Final = 60_000
LONGEST_MS: Final = 7 * 86_400_000
"""No token is good for longer."""


class Verdict(StrEnum):
    """``issue``: a new agent of this name begins; ``again``: the one that has begun asks once more."""

    ISSUE = "issue"
    AGAIN = "again"
    EXPIRED = "expired"
    USED = "used"


class Invitation(Struct, frozen=True, kw_only=True):
    """A token for one agent, good from ``made`` to before ``expires``; ``key`` names the key that used it."""

    site: str
    agent: str
    made: int
    expires: int
    used: int | None = None
    key: str = ""


def invite(site: str, agent: str, valid_ms: int, now: int) -> Invitation:
    """Raises ValueError for a time that is too short or too long."""
    if not SHORTEST_MS <= valid_ms <= LONGEST_MS:
        raise ValueError("a token is good for a minute to seven days")
    return Invitation(site=site, agent=agent, made=now, expires=now + valid_ms)


def present(invitation: Invitation, key: str, now: int) -> tuple[Invitation, Verdict]:
    """Somebody shows the token, with the fingerprint of their new key."""
    if now >= invitation.expires:
        return invitation, Verdict.EXPIRED
    if invitation.used is None:
        return replace(invitation, used=now, key=key), Verdict.ISSUE
    return invitation, Verdict.AGAIN if key == invitation.key else Verdict.USED
