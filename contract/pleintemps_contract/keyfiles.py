"""The folder of one agent's keys, ``keys/agents/<agent>/``: made by the gateway, read by the agent.

identity.json        site, agent, purpose, pepper       readable by its owner only
gateway-keys.json    public keys that may sign for the gateway, one or two
ca.crt                                                  the authority that signs for the broker
agent.pem                                               TLS: own key and certificate of an agent that enrolled
agent.crt agent.key                                     the same of a folder that the gateway has made
enrolment.json                                          where an enrolled agent gets its next certificate

A gateway that enrols agents keeps identity.json and agent.crt of each, and nobody's key.
"""

import base64
import binascii
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .credentials import PEPPER_BYTES
from .envelope import TrustedKeys, key_id
from .errors import KeyFileError
from .identifiers import KeyId, Slug

Purpose = Literal["demo", "production"]
"""A simulated clock is believed with demo keys only."""

IDENTITY: Final = "identity.json"
GATEWAY_KEYS: Final = "gateway-keys.json"
AUTHORITY: Final = "ca.crt"
OWN: Final = "agent.pem"
DESK_FILE: Final = "enrolment.json"


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    site: Slug
    agent: Slug
    purpose: Purpose
    pepper: str


class PublicKeyEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kid: KeyId
    public: str


class GatewayKeysFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keys: list[PublicKeyEntry]


class AgentKeys(NamedTuple):
    site: str
    agent: str
    purpose: Purpose
    pepper: bytes
    trusted: TrustedKeys


def write_secret(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)
    path.write_bytes(data)


def refuse_if_open(path: Path) -> None:
    """Raises KeyFileError if others than the owner may read or write ``path``."""
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"{path}: others may read it; make it readable by its owner only (chmod 600)")


def replace_secret(path: Path, data: bytes) -> None:
    """As :func:`write_secret`, all at once: whoever reads finds the old content or the new one, also after a
    power cut.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """The files with an agent's own certificate and its key, which may be one file."""
    together = folder / OWN
    return (together, together) if together.exists() else (folder / "agent.crt", folder / "agent.key")


def open_to_others(paths: Iterable[Path]) -> list[str]:
    """A line for each of these secrets that somebody else may read or owns, and each folder of theirs that
    somebody else may change: what is wrong and how to mend it. Files that are not there are nobody's.
    """
    wrong = []
    for path in dict.fromkeys(each for secret in paths for each in (secret.parent, secret)):
        try:
            found = path.stat()
        except OSError:
            continue
        folder = stat.S_ISDIR(found.st_mode)
        others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH if folder else stat.S_IRWXG | stat.S_IRWXO)
        if others:
            wrong.append(
                f"{path}: others may {'change' if folder else 'read'} it: chmod {'go-w' if folder else '600'}"
            )
        if found.st_uid not in (os.geteuid(), 0):
            wrong.append(f"{path}: belongs to user {found.st_uid}, not to user {os.geteuid()}: chown it")
    return wrong


def save_agent_keys(folder: Path, identity: Identity, gateway_keys: list[Ed25519PublicKey]) -> None:
    """Write an agent's folder; ``identity.pepper`` is base64 of 32 random bytes."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_secret(folder / IDENTITY, msgspec.json.format(msgspec.json.encode(identity)) + b"\n")
    entries = [
        PublicKeyEntry(kid=key_id(key), public=base64.b64encode(key.public_bytes_raw()).decode())
        for key in gateway_keys
    ]
    encoded = msgspec.json.encode(GatewayKeysFile(keys=entries))
    (folder / GATEWAY_KEYS).write_bytes(msgspec.json.format(encoded) + b"\n")


def load_agent_keys(folder: Path) -> AgentKeys:
    """Read an agent's folder; raises KeyFileError that names the file."""
    path = folder / IDENTITY
    try:
        refuse_if_open(path)
        identity = msgspec.json.decode(path.read_bytes(), type=Identity)
        pepper = base64.b64decode(identity.pepper, validate=True)
        if len(pepper) != PEPPER_BYTES:
            raise KeyFileError(f"{path}: the pepper has {len(pepper)} bytes, {PEPPER_BYTES} wanted")
        path = folder / GATEWAY_KEYS
        file = msgspec.json.decode(path.read_bytes(), type=GatewayKeysFile)
        keys = [
            Ed25519PublicKey.from_public_bytes(base64.b64decode(entry.public, validate=True))
            for entry in file.keys
        ]
        for entry, key in zip(file.keys, keys, strict=True):
            if entry.kid != key_id(key):
                raise KeyFileError(f"{path}: kid {entry.kid} is not that of its key, {key_id(key)}")
        trusted = TrustedKeys(keys)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from error
    except (msgspec.MsgspecError, binascii.Error) as error:
        raise KeyFileError(f"{path}: {error}") from error
    except KeyFileError:
        raise
    except ValueError as error:
        raise KeyFileError(f"{path}: {error}") from error
    return AgentKeys(identity.site, identity.agent, identity.purpose, pepper, trusted)
