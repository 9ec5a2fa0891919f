"""The hash chain of the audit log. Pure.

Entry n has ``digest = SHA-256(salt, fields)`` and ``chain = SHA-256(chain of n-1, site, n, at, action,
subject, digest)``, each part with its length before it. Who is meant stands in ``fields`` only. Erasure takes
fields and salt: what is left says that something happened, to nobody, and every chain value still holds.
Without the salt (32 random bytes) the digest cannot be tried out on names. Who takes away the youngest
entries is found out as far as the head was signed.
"""

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

GENESIS: Final = "0" * 64
SALT_BYTES: Final = 32


class Entry(NamedTuple):
    """One entry as it is stored; ``salt`` and ``fields`` are None once erased. ``at`` is Unix ms."""

    seq: int
    at: int
    action: str
    subject: str
    salt: bytes | None
    fields: str | None
    digest: str
    chain: str


class Verdict(NamedTuple):
    """``broken`` is the first sequence number that does not hold, None if all do. Up to ``proved`` a signed
    head of a key that is at hand vouches for the chain; ``heads`` counts them.
    """

    entries: int
    erased: int
    broken: int | None
    reason: str
    head: str
    heads: int = 0
    proved: int = 0

    @property
    def unproved(self) -> int:
        """Entries that no signature covers: those of the last day, or without the gateway's keys all."""
        return max(0, self.entries - self.proved)


def _hash(*parts: bytes) -> str:
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.hexdigest()


def digest_of(salt: bytes, fields: str) -> str:
    """64 hexadecimal digits for what an entry says of people."""
    return _hash(salt, fields.encode())


def chain_of(before: str, site: str, seq: int, at: int, action: str, subject: str, digest: str) -> str:
    """The chain value of an entry after ``before``."""
    numbers = (str(seq).encode(), str(at).encode())
    return _hash(before.encode(), site.encode(), *numbers, action.encode(), subject.encode(), digest.encode())


def verify(site: str, entries: Iterable[Entry], first: int = 1, before: str = GENESIS) -> Verdict:
    """Whether ``entries``, which begin with ``first`` after the chain value ``before``, hold together."""
    count = erased = 0
    for entry in entries:
        wanted = first + count
        if entry.seq != wanted:
            return Verdict(count, erased, wanted, "an entry is missing", before)
        made = chain_of(before, site, entry.seq, entry.at, entry.action, entry.subject, entry.digest)
        if made != entry.chain:
            return Verdict(count, erased, entry.seq, "it was changed", before)
        if entry.fields is None or entry.salt is None:
            if entry.fields is not None or entry.salt is not None:
                return Verdict(count, erased, entry.seq, "it is half erased", before)
            erased += 1
        elif digest_of(entry.salt, entry.fields) != entry.digest:
            return Verdict(count, erased, entry.seq, "what it says was changed", before)
        before = entry.chain
        count += 1
    return Verdict(count, erased, None, "", before)
