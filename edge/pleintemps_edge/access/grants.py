"""The grants in force at this agent, and the ones on their way. Pure: records in, records out."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from pleintemps_contract.agent_messages import RefusalReason
from pleintemps_contract.errors import DecodeError
from pleintemps_contract.gateway_messages import Grant, GrantsManifest, GrantsPage, HashSet

MAX_STRAY_PAGES: Final = 512
"""Pages that no manifest names yet, kept until theirs comes."""
_page: Final = msgspec.json.Decoder(GrantsPage)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``refusal`` None opens the door; ``grant`` is known where the credential is."""

    grant: str | None
    refusal: RefusalReason | None


_UNKNOWN: Final = Verdict(None, RefusalReason.UNKNOWN)


@dataclass(frozen=True, slots=True)
class GrantTable:
    """All grants of one manifest, found by (salt id, lookup)."""

    manifest: GrantsManifest | None = None
    count: int = 0
    _grants: Mapping[tuple[str, str], tuple[Grant, ...]] = field(default_factory=dict)

    @classmethod
    def build(cls, manifest: GrantsManifest, bodies: Iterable[bytes]) -> "GrantTable":
        """The table of ``manifest`` from the bodies of all its pages; raises DecodeError if they do not
        fit.
        """
        salts = {parameters.salt_id for parameters in manifest.hashes}
        grants: dict[tuple[str, str], tuple[Grant, ...]] = {}
        count = 0
        for body in bodies:
            try:
                page = _page.decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise DecodeError("grants/page", str(error)) from error
            for grant in page.grants:
                if grant.salt_id not in salts:
                    raise DecodeError("grants/page", f"salt {grant.salt_id} is not in the manifest")
                key = (grant.salt_id, grant.lookup)
                grants[key] = (*grants.get(key, ()), grant)
                count += 1
        return cls(manifest, count, grants)

    @property
    def hashes(self) -> tuple[HashSet, ...]:
        return tuple(self.manifest.hashes) if self.manifest else ()

    def judge(self, door: str, lookups: Mapping[str, str], now: int | None) -> Verdict:
        """May the credential with these ``lookups`` (by salt id) open ``door`` at wall time ``now`` (Unix
        ms)?

        ``now`` is None without trusted time. Of several grants of one credential the most favourable counts.
        """
        found = [grant for key in lookups.items() for grant in self._grants.get(key, ())]
        if not found:
            return _UNKNOWN
        here = [grant for grant in found if door in grant.doors]
        if not here:
            return Verdict(found[0].id, RefusalReason.WRONG_DOOR)
        if now is None:
            return Verdict(here[0].id, RefusalReason.NO_TRUSTED_TIME)
        for grant in here:
            if any(window.start <= now < window.end for window in grant.windows):
                return Verdict(grant.id, None)
        for grant in here:
            if any(now < window.start for window in grant.windows):
                return Verdict(grant.id, RefusalReason.NOT_YET)
        return Verdict(here[0].id, RefusalReason.EXPIRED)


def is_newer(manifest: GrantsManifest, held: GrantsManifest | None) -> bool:
    """Whether ``manifest`` comes after the one that is held."""
    return held is None or (manifest.epoch, manifest.revision) > (held.epoch, held.revision)


def page_digest(body: bytes) -> str:
    """The name of a page: SHA-256 of its very bytes."""
    return hashlib.sha256(body).hexdigest()


@dataclass(slots=True)
class Assembler:
    """Pages and manifest until they fit together. ``pages`` begins with those of the manifest in force."""

    pages: dict[str, bytes]
    wanted: GrantsManifest | None = None
    _kept: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._kept = frozenset(self.pages)

    def add_page(self, digest: str, body: bytes) -> None:
        """Take a page whose signature and digest were checked; the oldest strays go when there are too
        many.
        """
        self.pages[digest] = body
        named = self._kept.union(self.wanted.pages if self.wanted else ())
        strays = [digest for digest in self.pages if digest not in named]
        for stray in strays[: max(0, len(strays) - MAX_STRAY_PAGES)]:
            del self.pages[stray]

    def missing(self) -> list[str]:
        """Digests that the wanted manifest names and that are not here."""
        return [digest for digest in self.wanted.pages if digest not in self.pages] if self.wanted else []

    def ready(self) -> GrantsManifest | None:
        """The wanted manifest, once all its pages are here."""
        return self.wanted if self.wanted is not None and not self.missing() else None

    def complete(self, manifest: GrantsManifest) -> dict[str, bytes]:
        """The pages of ``manifest``, which :meth:`ready` gave; everything else is let go."""
        self.wanted = None
        self.pages = {digest: self.pages[digest] for digest in manifest.pages}
        self._kept = frozenset(self.pages)
        return self.pages
