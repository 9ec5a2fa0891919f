"""Who may sign for the gateway: the keys of the key folder, and those that a trusted one introduces. Pure.

A trusted key introduces others by an announcement that lists all that count from now on, itself among them.
Each such announcement has to be newer than the last, so none that is played again brings a retired key back.

What was introduced is kept together with the name of the set it grew from, which is the one in the key
folder. As long as the folder holds that set, the kept keys rule. Whoever puts other keys there enrols the
agent anew: the folder rules again, and only announcements that are newer still can change it.
"""

import base64
import hashlib
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.gateway_messages import Announcement, PublicKey
from pleintemps_contract.identifiers import Digest
from pleintemps_contract.units import Epoch, Revision


class _Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``root`` names the set of the key folder, (``epoch``, ``revision``) the last announcement of keys."""

    root: Digest
    epoch: Epoch
    revision: Revision
    keys: list[PublicKey]


_decoder: Final = msgspec.json.Decoder(_Kept)


def set_name(keys: TrustedKeys) -> str:
    """A name of a set of keys that does not depend on their order."""
    raw = sorted(key.public_bytes_raw() for key in keys.public.values())
    return hashlib.sha256(b"".join(raw)).hexdigest()


def read_keys(texts: list[PublicKey]) -> TrustedKeys:
    """Raises ValueError where that is not one key or two."""
    return TrustedKeys(Ed25519PublicKey.from_public_bytes(base64.b64decode(text)) for text in texts)


class KeyRing:
    """The keys in force. ``unusable`` says that what was kept is damaged, so the folder's keys rule."""

    def __init__(self, enrolled: TrustedKeys, kept: bytes | None) -> None:
        """``enrolled`` are those of the key folder, ``kept`` is what :meth:`introduce` gave last."""
        self.trusted = enrolled
        self.unusable = False
        self._root = set_name(enrolled)
        self._last = (-1, -1)
        if kept is None:
            return
        try:
            state = _decoder.decode(kept)
            keys = read_keys(state.keys)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            self.unusable = True
            return
        self._last = (state.epoch, state.revision)
        if state.root == self._root:
            self.trusted = keys

    @property
    def kids(self) -> list[str]:
        return sorted(self.trusted.kids)

    def introduce(self, announcement: Announcement, signer: str) -> bytes | None:
        """Follow the keys of a proved ``announcement``; what to keep, or None where that is no news.

        ``signer`` is the id of the key that signed it. Raises ValueError if it may not do what it does.
        """
        if not announcement.keys or (announcement.epoch, announcement.revision) <= self._last:
            return None
        keys = read_keys(announcement.keys)
        if signer not in keys.kids:
            raise ValueError("the key that signs is not among those it lists")
        self.trusted = keys
        self._last = (announcement.epoch, announcement.revision)
        return msgspec.json.encode(
            _Kept(
                root=self._root,
                epoch=announcement.epoch,
                revision=announcement.revision,
                keys=[base64.b64encode(key.public_bytes_raw()).decode() for key in keys.public.values()],
            )
        )
