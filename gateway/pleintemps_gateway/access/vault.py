"""What the store keeps of a code: sealed, keyed or encrypted, never readable by itself.

Keys come from the gateway's sealing key, or for the code from the secret link, by HKDF-SHA256 (RFC 5869);
AES-256-GCM (NIST SP 800-38D) binds every value to its site and grant. A page has an X25519 key (RFC 7748)
whose private half comes from its link: codes made later are sealed to the public half, which opens nothing.
"""

import base64
import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pleintemps_contract.world import World

LINK_BYTES: Final = 32
SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


def _derive(secret: bytes, purpose: str) -> bytes:
    info = f"pleintemps {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


class Vault:
    """Seals with keys derived from ``sealing`` (32 bytes)."""

    def __init__(self, sealing: bytes, world: World) -> None:
        self._hash_key = _derive(sealing, "credential hash")
        self._unique_key = _derive(sealing, "code uniqueness")
        self._space_key = _derive(sealing, "space secret")
        self._keep_key = _derive(sealing, "booking kept")
        self._erased_key = _derive(sealing, "erasure")
        self._hook_key = _derive(sealing, "webhook secret")
        self._world = world

    def seal_hash(self, site: str, grant: str, code_hash: bytes) -> bytes:
        return _encrypt(self._hash_key, code_hash, f"{site}/{grant}", self._world)

    def open_hash(self, site: str, grant: str, sealed: bytes) -> bytes:
        """Raises cryptography's InvalidTag for another key, site or grant."""
        return _decrypt(self._hash_key, sealed, f"{site}/{grant}")

    def new_space_secret(self, site: str, space: str) -> bytes:
        """A new secret for the offline codes of a space, sealed."""
        return _encrypt(
            self._space_key, self._world.random_bytes(SECRET_BYTES), f"{site}/{space}", self._world
        )

    def open_space_secret(self, site: str, space: str, sealed: bytes) -> bytes:
        """Raises cryptography's InvalidTag for another key, site or space."""
        return _decrypt(self._space_key, sealed, f"{site}/{space}")

    def seal_hook(self, site: str, hook: str, secret: bytes) -> bytes:
        return _encrypt(self._hook_key, secret, f"{site}/{hook}", self._world)

    def open_hook(self, site: str, hook: str, sealed: bytes) -> bytes:
        """Raises cryptography's InvalidTag for another key, site or webhook."""
        return _decrypt(self._hook_key, sealed, f"{site}/{hook}")

    def uniqueness(self, site: str, code: str) -> str:
        """Equal for equal codes of a site; says nothing without the sealing key."""
        return hmac.new(self._unique_key, f"{site}\0{code}".encode(), hashlib.sha256).hexdigest()

    def mark(self, site: str, kind: str, text: str) -> str:
        """Equal for equal things that were erased; says nothing without the sealing key."""
        said = f"{site}\0{kind}\0{text}".encode()
        return hmac.new(self._erased_key, said, hashlib.sha256).hexdigest()

    def keep_mark(self, site: str, booking: str) -> str:
        """Proves that a link to keep a booking is ours: 32 hexadecimal digits. It opens no door."""
        return hmac.new(self._keep_key, f"{site}\0{booking}".encode(), hashlib.sha256).hexdigest()[:32]

    def new_link(self) -> str:
        """The secret of a booking's page, 43 URL-safe characters."""
        return base64.urlsafe_b64encode(self._world.random_bytes(LINK_BYTES)).rstrip(b"=").decode()

    def encrypt_code(self, site: str, grant: str, link: str, code: str) -> bytes:
        key = _derive(link.encode(), "booking code")
        return _encrypt(key, code.encode(), f"{site}/{grant}", self._world)

    def seal_to_page(self, site: str, grant: str, page: bytes, code: str) -> bytes:
        """``code`` for whoever holds the link of the page with this key: see :func:`open_on_page`."""
        once = X25519PrivateKey.from_private_bytes(self._world.random_bytes(_KEY_BYTES))
        shared = once.exchange(X25519PublicKey.from_public_bytes(page))
        own = once.public_key().public_bytes_raw()
        key = _derive(shared + own + page, "page code")
        return own + _encrypt(key, code.encode(), f"{site}/{grant}", self._world)


def link_hash(link: str) -> str:
    """What the store knows a link by."""
    return hashlib.sha256(link.encode()).hexdigest()


def decrypt_code(site: str, grant: str, link: str, encrypted: bytes) -> str:
    """The code, for who holds the link; raises cryptography's InvalidTag otherwise."""
    return _decrypt(_derive(link.encode(), "booking code"), encrypted, f"{site}/{grant}").decode()


def page_key(link: str) -> bytes:
    """The public key of the page with this link (32 bytes)."""
    return _private(link).public_key().public_bytes_raw()


def open_on_page(site: str, grant: str, link: str, sealed: bytes) -> str:
    """The code that :meth:`Vault.seal_to_page` sealed; raises cryptography's InvalidTag for another page."""
    own, rest = sealed[:_KEY_BYTES], sealed[_KEY_BYTES:]
    shared = _private(link).exchange(X25519PublicKey.from_public_bytes(own))
    return _decrypt(_derive(shared + own + page_key(link), "page code"), rest, f"{site}/{grant}").decode()


def _private(link: str) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_derive(link.encode(), "page key"))


def _encrypt(key: bytes, value: bytes, bound_to: str, world: World) -> bytes:
    nonce = world.random_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, value, bound_to.encode())


def _decrypt(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())
