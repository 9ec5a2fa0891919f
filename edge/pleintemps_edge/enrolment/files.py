"""The key folder of an agent that enrols: written so that it is complete, or not there.

    agent.new.key     the key of an enrolment that is under way: who repeats it shows the same one
    agent.pem         own key and certificate, replaced all at once

``identity.json`` is the last file: with it the folder is complete.
"""

import base64
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pleintemps_contract.enrolment import Enrolled
from pleintemps_contract.envelope import key_id
from pleintemps_contract.keyfiles import (
    AUTHORITY,
    DESK_FILE,
    GATEWAY_KEYS,
    IDENTITY,
    OWN,
    GatewayKeysFile,
    Identity,
    PublicKeyEntry,
    refuse_if_open,
    replace_secret,
)
from pleintemps_edge.errors import EnrolmentError

from .client import Place, key_pem, new_key

NEW_KEY: Final = "agent.new.key"


class DeskPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``enrolment.json``: where the next certificate comes from."""

    host: str
    port: int


def is_complete(folder: Path) -> bool:
    """Whether an agent's keys are there."""
    return (folder / IDENTITY).exists()


def key_under_way(folder: Path) -> ec.EllipticCurvePrivateKey:
    """The key of this enrolment: that of an earlier attempt, or a new one; raises EnrolmentError."""
    path = folder / NEW_KEY
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            replace_secret(path, key_pem(new_key()))
        refuse_if_open(path)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise EnrolmentError(f"{path}: {error.strerror or error}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EnrolmentError(f"{path}: cannot be used, delete it: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise EnrolmentError(f"{path}: cannot be used, delete it")
    return key


def write_folder(
    folder: Path, enrolled: Enrolled, authority: str, key: ec.EllipticCurvePrivateKey, place: Place
) -> None:
    """Put what the gateway has given beside the key; raises EnrolmentError if the disk does not take it."""
    try:
        keys = [Ed25519PublicKey.from_public_bytes(base64.b64decode(each)) for each in enrolled.gateway_keys]
    except ValueError as error:
        raise EnrolmentError("the gateway's own keys cannot be read") from error
    entries = [
        PublicKeyEntry(kid=key_id(each), public=base64.b64encode(each.public_bytes_raw()).decode())
        for each in keys
    ]
    identity = Identity(
        site=enrolled.site, agent=enrolled.agent, purpose=enrolled.purpose, pepper=enrolled.pepper
    )
    files = {
        AUTHORITY: authority.encode(),
        OWN: key_pem(key) + enrolled.certificate.encode(),
        GATEWAY_KEYS: _json(GatewayKeysFile(keys=entries)),
        DESK_FILE: _json(DeskPlace(host=place.host, port=place.port)),
        IDENTITY: _json(identity),
    }
    try:
        (folder / IDENTITY).unlink(missing_ok=True)
        for name, data in files.items():
            replace_secret(folder / name, data)
        for name in (NEW_KEY, "agent.key", "agent.crt"):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise EnrolmentError(f"{folder}: {error.strerror or error}") from error


def desk_of(folder: Path) -> Place | None:
    """Where this agent renews, None where it was not enrolled; raises EnrolmentError."""
    path = folder / DESK_FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=DeskPlace)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EnrolmentError(f"{path}: {error}") from error
    return Place(found.host, found.port)


def _json(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value)) + b"\n"
