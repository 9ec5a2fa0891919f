"""The keys that a gateway's announcement introduces. Pure."""

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.gateway_messages import Announcement


def trusted_after(announcement: Announcement, keys: TrustedKeys) -> TrustedKeys | None:
    """All keys that may sign after a proved announcement; None if its keys are none."""
    known = {base64.b64encode(key.public_bytes_raw()).decode(): key for key in keys.public.values()}
    if announcement.keys == list(known):
        return keys
    try:
        return TrustedKeys(
            known.get(text) or Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
            for text in announcement.keys
        )
    except (ValueError, binascii.Error):
        return None
