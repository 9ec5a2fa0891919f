"""Releases of the agent's program, signed by a key that no gateway holds, and the gateway's offers of them.

A release is a folder: ``release.json``, which names every other file with size and SHA-256, and those: the
wheels and ``requirements-<python>.txt`` of an installation without a network. ``release.json`` is an envelope
(:mod:`.envelope`) for the topic :data:`RELEASE`, by the release key. An offer is one for the topic
``pleintemps/v1/<site>/<agent>/update``, by the gateway's key: that says who may, the release key what.
"""

import re
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from .envelope import Signer, TrustedKeys
from .errors import ReleaseError
from .identifiers import Slug
from .topics import PREFIX
from .units import UnixMs

T = TypeVar("T")
RELEASE: Final = "release"
RELEASE_FILE: Final = "release.json"
MAX_MANIFEST: Final = 262_144
MAX_OFFER: Final = 4_096
MAX_FILE: Final = 200_000_000
ANY: Final = "any"
_VERSION: Final = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\Z")

Version = Annotated[str, Meta(pattern=_VERSION.pattern)]
"""Three numbers; what is compared."""
Machine = Literal["any", "aarch64", "armv7l", "x86_64"]
"""As ``uname -m`` says it."""


class ReleaseFile(Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}\Z")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    size: Annotated[int, Meta(ge=0, le=MAX_FILE)]


class Release(Struct, frozen=True, kw_only=True):
    """``made`` says when it was signed; nothing depends on it."""

    format: Literal[1]
    program: Literal["edge"]
    version: Version
    machine: Machine
    made: UnixMs
    files: Annotated[list[ReleaseFile], Meta(min_length=1, max_length=500)]


class Offer(Struct, frozen=True, kw_only=True):
    """``number`` rises with each offer to an agent, which takes no lower one again: none can be replayed.

    ``install`` the ``version``, go ``back`` to the one before, or ``stay``.
    """

    site: Slug
    agent: Slug
    number: Annotated[int, Meta(ge=0, le=2**53)]
    action: Literal["stay", "install", "back"]
    version: Version | None = None


def version_key(version: str) -> tuple[int, ...]:
    """What orders versions; raises ReleaseError for what is none."""
    found = _VERSION.match(version)
    if found is None:
        raise ReleaseError(f"{version!r} is no version: three numbers are wanted")
    return tuple(int(part) for part in found.groups())


def sign_release(release: Release, signer: Signer) -> bytes:
    """The content of ``release.json``."""
    return signer.seal(RELEASE, msgspec.json.encode(release))


def open_release(data: bytes, trusted: TrustedKeys) -> Release:
    """The release, once its signature is proved, not before. Raises EnvelopeError or ReleaseError."""
    return _decode(trusted.open(RELEASE, data), Release, "release.json")


def offer_topic(site: str, agent: str) -> str:
    return f"{PREFIX}/{site}/{agent}/update"


def seal_offer(offer: Offer, signer: Signer) -> bytes:
    return signer.seal(offer_topic(offer.site, offer.agent), msgspec.json.encode(offer))


def open_offer(data: bytes, site: str, agent: str, trusted: TrustedKeys) -> Offer:
    """An offer to this agent. Raises EnvelopeError or ReleaseError."""
    return _decode(trusted.open(offer_topic(site, agent), data), Offer, "offer")


def _decode(body: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{what}: {error}") from error
