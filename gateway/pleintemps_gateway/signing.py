"""The key that signs for the gateway, and its change without a visit to any door.

    gateway/signing.key         signs now
    gateway/signing-next.key    announced beside it, does not sign yet     (``key new``)
    gateway/signing-old.key     still believed, signs no more              (``key use``)

Ed25519, PEM PKCS8. One step is one file that appears, is replaced or goes: at any moment in between the
folder can be read, and a step that was cut short can be repeated.
"""

from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pleintemps_contract.envelope import Signer, key_id
from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.keyfiles import refuse_if_open, write_secret
from pleintemps_gateway.errors import SettingsError

CURRENT: Final = "signing.key"
NEXT: Final = "signing-next.key"
OLD: Final = "signing-old.key"


class Signing(NamedTuple):
    """Who signs, and every key that may: of two the one that signs and the next or the old one.

    ``wanted`` is the id of the key that agents must hold to go on believing this gateway.
    """

    signer: Signer
    announced: tuple[Ed25519PublicKey, ...]
    wanted: str

    @property
    def kids(self) -> tuple[str, ...]:
        return tuple(key_id(key) for key in self.announced)

    @property
    def lasting(self) -> tuple[Ed25519PublicKey, ...]:
        """What a new agent gets: the key that signs, and the one that will."""
        return (self.signer.public,) if self.wanted == self.signer.kid else self.announced


def read_key(path: Path) -> Ed25519PrivateKey:
    """A signing key that only its owner may read; raises KeyFileError, or FileNotFoundError."""
    try:
        refuse_if_open(path)
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from error
    except KeyFileError:
        raise
    except (UnsupportedAlgorithm, TypeError) as error:
        raise KeyFileError(f"{path}: {error}") from error
    except ValueError as error:
        raise KeyFileError(f"{path}: not a private key in PEM") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: not an Ed25519 key")
    return private


def _read_if_there(path: Path) -> Ed25519PrivateKey | None:
    try:
        return read_key(path)
    except FileNotFoundError:
        return None


def load_signing(keys: Path) -> Signing:
    """The keys of ``keys/gateway``; raises KeyFileError."""
    folder = keys / "gateway"
    try:
        signer = Signer(read_key(folder / CURRENT))
    except FileNotFoundError as error:
        path = folder / CURRENT
        raise KeyFileError(f"{path} is missing: run `pleintemps-gateway init --config FILE`") from error
    following, old = _read_if_there(folder / NEXT), _read_if_there(folder / OLD)
    if following is not None:
        # a step to ``use`` that was cut short has left a copy of the key that still signs
        return Signing(signer, (signer.public, following.public_key()), key_id(following.public_key()))
    if old is not None and key_id(old.public_key()) != signer.kid:
        return Signing(signer, (signer.public, old.public_key()), signer.kid)
    return Signing(signer, (signer.public,), signer.kid)


def fingerprint(keys: Path) -> tuple[tuple[int, int] | None, ...]:
    """Changes with the key files; costs three looks at the folder."""
    found: list[tuple[int, int] | None] = []
    for name in (CURRENT, NEXT, OLD):
        try:
            state = (keys / "gateway" / name).stat()
        except OSError:
            found.append(None)
        else:
            found.append((state.st_ino, state.st_mtime_ns))
    return tuple(found)


def pem(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def new_key(keys: Path) -> Signing:
    """Make the next key beside the one that signs; raises SettingsError while another change is under way."""
    folder = keys / "gateway"
    load_signing(keys)
    if (folder / NEXT).exists() or (folder / OLD).exists():
        raise SettingsError("a change of key is under way already: see `pleintemps-gateway key status`")
    unfinished = folder / f"{NEXT}.unfinished"
    write_secret(unfinished, pem(Ed25519PrivateKey.generate()))
    unfinished.replace(folder / NEXT)
    return load_signing(keys)


def use_key(keys: Path) -> Signing:
    """Let the next key sign; the old one stays believed. Raises SettingsError if there is no next key."""
    folder = keys / "gateway"
    load_signing(keys)
    if not (folder / NEXT).exists():
        raise SettingsError("there is no new key: run `pleintemps-gateway key new` first")
    write_secret(folder / OLD, (folder / CURRENT).read_bytes())
    (folder / NEXT).replace(folder / CURRENT)
    return load_signing(keys)


def retire_key(keys: Path) -> Signing:
    """Destroy the old key: nobody is to believe it. Raises SettingsError if there is none, or a newer one."""
    folder = keys / "gateway"
    load_signing(keys)
    if (folder / NEXT).exists():
        raise SettingsError("the new key does not sign yet: run `pleintemps-gateway key use` first")
    if not (folder / OLD).exists():
        raise SettingsError("there is no old key to retire")
    (folder / OLD).unlink()
    return load_signing(keys)
