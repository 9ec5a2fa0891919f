"""A message on its way, unreadable in the store: AES-256-GCM, bound to its site and delivery."""

from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pleintemps_contract.world import World
from pleintemps_gateway.errors import UnsealedError

from .messages import Message

_NONCE_BYTES: Final = 12
_INFO: Final = b"pleintemps delivery message"


class Envelopes:
    """Seals with a key derived from ``sealing`` (32 bytes) by HKDF-SHA256 (RFC 5869)."""

    def __init__(self, sealing: bytes, world: World) -> None:
        self._cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(sealing))
        self._world = world

    def seal(self, site: str, delivery: str, message: Message) -> bytes:
        nonce = self._world.random_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(
            nonce, msgspec.json.encode(message), f"{site}/{delivery}".encode()
        )

    def open(self, site: str, delivery: str, sealed: bytes) -> Message:
        """Raises UnsealedError for another key, site or delivery, or a message of another program."""
        try:
            nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            plain = self._cipher.decrypt(nonce, rest, f"{site}/{delivery}".encode())
            return msgspec.json.decode(plain, type=Message)
        except (InvalidTag, ValueError) as error:
            raise UnsealedError("a sealed message cannot be opened: was the sealing key changed?") from error
