"""The daily keys of the spaces behind one agent's doors, sealed for that agent."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import Connection

from pleintemps_contract.gateway_messages import OfflineKeys
from pleintemps_contract.offline import KeySeal, daily_key, sealed_length
from pleintemps_gateway.access.offline_plan import KEY_DAYS, Plan, first_day
from pleintemps_gateway.access.secrets import space_secrets_of
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.config import SiteConfig

OFFLINE_WEIGHT: Final = 400 + sealed_length(KEY_DAYS)
"""Bytes of a space besides its doors, names at their longest."""


class Keys(NamedTuple):
    """What a space's sealed keys are made of, the same bytes each time: these are 2 kB, and seldom sent."""

    space: str
    doors: list[str]
    digits: int
    first_day: int
    secret: bytes


class OfflineBook:
    """Offline keys of one agent; sealed anew when a week begins."""

    def __init__(self, site: SiteConfig, agent: str, pepper: bytes, vault: Vault, plan: Plan) -> None:
        self._site = site.site
        self._agent = agent
        self._pepper = pepper
        self._vault = vault
        own = {door.door for door in site.doors if door.agent == agent}
        self._spaces = {
            space: (doors, planned.digits)
            for space, planned in plan.spaces.items()
            if (doors := [door for door in planned.doors if door in own])
        }
        self._held: tuple[int, dict[str, Keys]] | None = None

    @property
    def spaces(self) -> frozenset[str]:
        """The spaces that lie behind this agent's doors and have offline codes."""
        return frozenset(self._spaces)

    def keys(self, conn: Connection, now: int) -> dict[str, Keys]:
        """By space, for the 45 days ahead of ``now`` (Unix ms); inside ``write_transaction``."""
        day = first_day(now)
        if self._held is None or self._held[0] != day:
            secrets = space_secrets_of(conn, self._site, self._spaces, self._vault)
            found = {
                space: Keys(space, doors, digits, day, secrets[space])
                for space, (doors, digits) in self._spaces.items()
            }
            self._held = (day, found)
        return self._held[1]

    def forget(self) -> None:
        """The store was read anew: a secret just made may be gone."""
        self._held = None

    def sealed(self, wanted: Iterable[Keys]) -> list[OfflineKeys]:
        """What the agent is sent."""
        # of this moment: a cipher that is kept ready holds 4 kB an agent
        seal = KeySeal(self._pepper, self._site, self._agent)
        return [_sealed(seal, keys) for keys in wanted]


def _sealed(seal: KeySeal, keys: Keys) -> OfflineKeys:
    space, doors, digits, first, secret = keys
    daily = [daily_key(secret, first + offset) for offset in range(KEY_DAYS)]
    sealed = seal.seal(space, first, daily)
    return OfflineKeys(space=space, doors=doors, digits=digits, first_day=first, sealed=sealed)
