"""What comes of a check: who may come in, or why not. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from pleintemps_contract.agent_messages import RefusalReason
from pleintemps_contract.tokens import Token

from .windows import refusal_at, spans


@dataclass(frozen=True, slots=True)
class Verdict:
    """``refusal`` None opens the door; ``grant`` is known where the credential is.

    ``once``: this use makes the grant worthless at this door. ``offline``: a computed code, of ``space``.
    """

    grant: str | None
    refusal: RefusalReason | None
    staff: bool = False
    extended: bool = False
    duress: bool = False
    once: bool = False
    offline: bool = False
    space: str | None = None


def judge_token(token: Token, door: str, now: int | None, denied: Collection[str]) -> Verdict:
    """May a token whose signature was proved open ``door`` at wall time ``now`` (Unix ms, None untrusted)?"""
    if token.id in denied:
        return Verdict(token.id, RefusalReason.DENIED)
    if door not in token.doors:
        return Verdict(token.id, RefusalReason.WRONG_DOOR)
    if now is None:
        return Verdict(token.id, RefusalReason.NO_TRUSTED_TIME)
    refusal = refusal_at(spans(token.windows), now)
    return Verdict(token.id, refusal, extended=token.extended and refusal is None)
