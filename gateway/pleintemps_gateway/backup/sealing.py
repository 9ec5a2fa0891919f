"""Sealed back-ups: every file encrypted under a passphrase that is kept elsewhere.

A sealed file is ``MAGIC``, 16 random bytes, then chunks of 64 KiB, each ChaCha20-Poly1305 (RFC 8439) with its
number and whether it is the last as nonce, as in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar
2015): what is cut, swapped or lengthened does not open. The file's key is HKDF-SHA256 of the master key with
the random bytes as salt and the file's name as info; the master key is scrypt (RFC 7914) of the passphrase.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.keyfiles import refuse_if_open, write_secret
from pleintemps_contract.world import World
from pleintemps_gateway.errors import SettingsError

SUFFIX: Final = ".sealed"
MAGIC: Final = b"pleintemps sealed 1\n"
LOG_N: Final = 16
"""scrypt with r = 8 then takes 64 MiB and some tenths of a second for each guess."""
CHUNK: Final = 65_536
MIN_PASSPHRASE: Final = 12
_SALT: Final = 16
_TAG: Final = 16
_LOWEST_N: Final = 10
_HIGHEST_N: Final = 20


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest says of its seal: salt (base64) and cost of scrypt, ``proof`` over the manifest."""

    salt: str
    log_n: int
    proof: str = ""


class Seal(NamedTuple):
    """The master key of one back-up, with what the manifest has to say of it."""

    key: bytes
    told: Sealed

    def proof(self, manifest: bytes) -> str:
        """HMAC-SHA256 over a manifest whose own proof is empty."""
        return hmac.new(_derive(self.key, b"", b"manifest"), manifest, hashlib.sha256).hexdigest()


def read_passphrase(path: Path) -> str:
    """The one line of a file that only its owner may read; raises SettingsError or KeyFileError."""
    try:
        refuse_if_open(path)
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise KeyFileError(f"{path}: not text") from error
    return check_passphrase(text)


def check_passphrase(text: str) -> str:
    """``text`` if it may be a passphrase; raises SettingsError."""
    if len(text) < MIN_PASSPHRASE or not text.isprintable():
        raise SettingsError(f"the passphrase wants {MIN_PASSPHRASE} characters or more, on one line")
    return text


def new_seal(world: World, passphrase: str, log_n: int = LOG_N) -> Seal:
    """A seal for one back-up."""
    salt = world.random_bytes(_SALT)
    told = Sealed(salt=base64.b64encode(salt).decode(), log_n=log_n)
    return Seal(_master(passphrase, salt, log_n), told)


def find_seal(told: Sealed, passphrase: str) -> Seal:
    """The seal that ``told`` speaks of; raises SettingsError for what no program of ours wrote."""
    try:
        salt = base64.b64decode(told.salt, validate=True)
    except binascii.Error as error:
        raise SettingsError(f"the seal's salt: {error}") from error
    if len(salt) != _SALT or not _LOWEST_N <= told.log_n <= _HIGHEST_N:
        raise SettingsError("the seal has a salt or a cost that no version of this program writes")
    return Seal(_master(passphrase, salt, told.log_n), told)


def _master(passphrase: str, salt: bytes, log_n: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=1 << log_n, r=8, p=1).derive(passphrase.encode())


def _derive(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)


def seal_file(seal: Seal, world: World, name: str, source: Path, target: Path) -> None:
    """Write ``target``, which opens as ``name`` only; raises OSError."""
    salt = world.random_bytes(_SALT)
    cipher = ChaCha20Poly1305(_derive(seal.key, salt, name.encode()))
    write_secret(target, b"")
    with source.open("rb") as plain, target.open("wb") as sealed:
        sealed.write(MAGIC + salt)
        for number, (chunk, last) in enumerate(_chunks(plain, CHUNK)):
            sealed.write(cipher.encrypt(_nonce(number, last), chunk, None))


def open_file(seal: Seal, name: str, source: Path, target: Path) -> None:
    """Write what was sealed as ``name`` to ``target``; what is written before a fault is found goes again.

    Raises SettingsError, which names the file, or OSError.
    """
    write_secret(target, b"")
    try:
        with source.open("rb") as sealed, target.open("wb") as plain:
            if sealed.read(len(MAGIC)) != MAGIC:
                raise SettingsError(f"{source}: no file that this program has sealed")
            cipher = ChaCha20Poly1305(_derive(seal.key, sealed.read(_SALT), name.encode()))
            for number, (chunk, last) in enumerate(_chunks(sealed, CHUNK + _TAG)):
                plain.write(cipher.decrypt(_nonce(number, last), chunk, None))
    except InvalidTag as error:
        target.unlink()
        raise SettingsError(f"{source}: cut off, damaged, or sealed with another passphrase") from error
    except SettingsError:
        target.unlink()
        raise


def _chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    """Chunks with whether each is the last; an empty file has one, empty."""
    chunk = file.read(size)
    while following := file.read(size):
        yield chunk, False
        chunk = following
    yield chunk, True


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
