"""The grants in force at this agent, and the ones on their way. Pure: records in, records out."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from sys import intern
from typing import Final

import msgspec

from pleintemps_contract.agent_messages import RefusalReason
from pleintemps_contract.errors import DecodeError
from pleintemps_contract.gateway_messages import (
    CredentialKind,
    FreeOpening,
    Grant,
    GrantsManifest,
    GrantsPage,
    HashSet,
    OfflineKeys,
    Window,
)
from pleintemps_contract.offline import KeySeal, check_plan
from pleintemps_contract.recording import Worth

from .offline import OfflineSpace
from .verdicts import Verdict
from .windows import Span, merged, refusal_at, spans

MAX_STRAY_PAGES: Final = 512
"""Pages that no manifest names yet, kept until theirs comes."""
TYPED: Final = frozenset({CredentialKind.CODE, CredentialKind.STAFF_CODE})
CARDS: Final = frozenset({CredentialKind.CARD, CredentialKind.STAFF_CARD})
_STAFF: Final = frozenset({CredentialKind.STAFF_CODE, CredentialKind.STAFF_CARD})
_WHERE: Final = "grants/page"
_page: Final = msgspec.json.Decoder(GrantsPage)

FreeOpenings = Mapping[str, tuple[tuple[Window, ...], bool]]
"""By door: its disjoint windows in order, and whether they begin with the first person only."""


class _Right(msgspec.Struct, frozen=True, gc=False):
    """A grant as a table holds it: its own times, and those of its schedules by name."""

    id: str
    kind: CredentialKind
    doors: tuple[str, ...]
    times: tuple[Span, ...]
    schedules: tuple[str, ...]
    once: bool
    duress: bool
    extended: bool


_UNKNOWN: Final = Verdict(None, RefusalReason.UNKNOWN)


@dataclass(frozen=True, slots=True)
class GrantTable:
    """Everything of one manifest; its grants are found by (salt id, lookup).

    ``once`` are the ids of its one-time grants, ``offline`` the spaces whose computed codes it knows.
    """

    manifest: GrantsManifest | None = None
    count: int = 0
    free_openings: FreeOpenings = field(default_factory=dict)
    once: frozenset[str] = frozenset()
    offline: tuple[OfflineSpace, ...] = ()
    denied_offline: frozenset[str] = frozenset()
    denied_tokens: frozenset[str] = frozenset()
    _rights: Mapping[tuple[str, str], tuple[_Right, ...]] = field(default_factory=dict)
    _schedules: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)

    @classmethod
    def build(
        cls, manifest: GrantsManifest, bodies: Iterable[bytes], seal: KeySeal | None = None
    ) -> "GrantTable":
        """The table of ``manifest`` from the bodies of all its pages. ``seal`` opens its offline keys.

        Raises DecodeError if they do not fit: a page that is none, a salt or schedule that is nowhere, a
        schedule or free opening that stands twice and differs, offline codes that are too easy to guess.
        """
        parts = _Parts({parameters.salt_id for parameters in manifest.hashes})
        for body in bodies:
            parts.take(_decode(body))
        parts.check()
        return cls(
            manifest=manifest,
            count=parts.count,
            free_openings=parts.free_openings(),
            once=frozenset(parts.once),
            offline=tuple(_offline_space(keys, seal) for keys in parts.offline),
            denied_offline=frozenset(parts.denied_offline).union(manifest.denied_offline),
            denied_tokens=frozenset(parts.denied_tokens).union(manifest.denied_tokens),
            _rights=parts.rights,
            _schedules=parts.schedules,
        )

    @property
    def hashes(self) -> tuple[HashSet, ...]:
        return tuple(self.manifest.hashes) if self.manifest else ()

    def has_offline(self, door: str, digits: int) -> bool:
        """Whether computed codes of so many digits can open ``door``."""
        return any(door in space.doors and digits == space.digits for space in self.offline)

    def judge(
        self,
        door: str,
        lookups: Mapping[str, str],
        now: int | None,
        used: Collection[str] = (),
        kinds: Collection[CredentialKind] = TYPED,
    ) -> Verdict:
        """May the credential with these ``lookups`` (by salt id) open ``door`` at wall time ``now`` (Unix
        ms)?

        ``now`` is None without trusted time: staff cards only. ``used`` are the one-time grants that are
        worth nothing at this door any more, ``kinds`` says whether it was typed or read. Of several grants of
        one credential the most favourable counts, and what any of the valid ones gives is given.
        """
        found = [
            right for key in lookups.items() for right in self._rights.get(key, ()) if right.kind in kinds
        ]
        if not found:
            return _UNKNOWN
        here = [right for right in found if door in right.doors]
        if not here:
            return Verdict(found[0].id, RefusalReason.WRONG_DOOR)
        judged = [(right, self._refusal_at(right, now)) for right in here]
        valid = [right for right, why in judged if why is None]
        fresh = [right for right in valid if not (right.once and right.id in used)]
        if fresh:
            return _accept(fresh)
        if valid:
            return Verdict(valid[0].id, RefusalReason.USED)
        # what may still come is better news than what is over
        best, why = next((each for each in judged if each[1] is RefusalReason.NOT_YET), judged[0])
        return Verdict(best.id, why)

    def behind(self, lookups: Mapping[str, str], kinds: Collection[CredentialKind] = TYPED) -> list[Worth]:
        """What the credential with these ``lookups`` is worth, without what it is found by."""
        return [
            Worth(
                id=right.id,
                kind=right.kind,
                doors=list(right.doors),
                windows=list(
                    merged(chain(right.times, *(self._schedules[name] for name in right.schedules)))
                ),
                once=right.once,
                duress=right.duress,
                extended=right.extended,
            )
            for key in lookups.items()
            for right in self._rights.get(key, ())
            if right.kind in kinds
        ]

    def _refusal_at(self, right: _Right, now: int | None) -> RefusalReason | None:
        if now is None:
            return None if right.kind is CredentialKind.STAFF_CARD else RefusalReason.NO_TRUSTED_TIME
        return refusal_at(self._times(right), now)

    def _times(self, right: _Right) -> Iterable[Span]:
        return chain(right.times, *(self._schedules[name] for name in right.schedules))


def _accept(valid: list[_Right]) -> Verdict:
    chosen = min(valid, key=lambda right: right.once)  # a one-time grant is spent last
    return Verdict(
        chosen.id,
        None,
        staff=any(right.kind in _STAFF for right in valid),
        extended=any(right.extended for right in valid),
        duress=any(right.duress for right in valid),
        once=chosen.once,
    )


def _decode(body: bytes) -> GrantsPage:
    try:
        return _page.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(_WHERE, str(error)) from error


@dataclass(slots=True)
class _Parts:
    """What the pages of a manifest bring, page by page: the grants of one are let go before the next."""

    salts: Collection[str]
    count: int = 0
    once: set[str] = field(default_factory=set)
    rights: dict[tuple[str, str], tuple[_Right, ...]] = field(default_factory=dict)
    schedules: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    openings: list[FreeOpening] = field(default_factory=list)
    offline: list[OfflineKeys] = field(default_factory=list)
    denied_offline: set[str] = field(default_factory=set)
    denied_tokens: set[str] = field(default_factory=set)
    _wanted: dict[str, str] = field(default_factory=dict)

    def take(self, page: GrantsPage) -> None:
        for grant in page.grants:
            if grant.salt_id not in self.salts:
                raise DecodeError(_WHERE, f"salt {grant.salt_id} is not in the manifest")
            key = (intern(grant.salt_id), grant.lookup)
            self.rights[key] = (*self.rights.get(key, ()), _right(grant))
            self.count += 1
            if grant.once:
                self.once.add(grant.id)
            for name in grant.schedules:
                self._wanted.setdefault(name, f"grant {grant.id[:8]}")
        for schedule in page.schedules:
            times = spans(schedule.windows)
            if self.schedules.setdefault(schedule.schedule, times) != times:
                raise DecodeError(_WHERE, f"schedule {schedule.schedule} stands twice and differs")
        for opening in page.free_openings:
            self._wanted.setdefault(opening.schedule, f"the free opening of {opening.door}")
        self.openings += page.free_openings
        self.offline += page.offline
        self.denied_offline.update(page.denied_offline)
        self.denied_tokens.update(page.denied_tokens)

    def check(self) -> None:
        """Raises DecodeError for a schedule on no page and for offline codes that are easy to guess."""
        for name, owner in self._wanted.items():
            if name not in self.schedules:
                raise DecodeError(_WHERE, f"schedule {name} of {owner} is on no page")
        try:
            check_plan(self.offline)
        except ValueError as error:
            raise DecodeError(_WHERE, str(error)) from error

    def free_openings(self) -> FreeOpenings:
        found: dict[str, tuple[list[Span], bool]] = {}
        for opening in self.openings:
            times, first_person = found.setdefault(opening.door, ([], opening.first_person))
            if first_person is not opening.first_person:
                raise DecodeError(_WHERE, f"free openings of {opening.door}: with and without a first person")
            times += self.schedules[opening.schedule]
        return {door: (merged(times), first_person) for door, (times, first_person) in found.items()}


def _right(grant: Grant) -> _Right:
    return _Right(
        id=grant.id,
        kind=grant.kind,
        doors=tuple(map(intern, grant.doors)),
        times=spans(grant.windows),
        schedules=tuple(map(intern, grant.schedules)),
        once=grant.once,
        duress=grant.duress,
        extended=grant.extended,
    )


def _offline_space(keys: OfflineKeys, seal: KeySeal | None) -> OfflineSpace:
    if seal is None:
        raise DecodeError(_WHERE, f"offline keys of {keys.space}: nothing here opens them")
    return OfflineSpace(keys.space, frozenset(keys.doors), keys.digits, keys.first_day, seal.open(keys))


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
