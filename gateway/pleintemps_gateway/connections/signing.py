"""How a webhook proves that it is ours: the convention of Standard Webhooks (standardwebhooks.com, v1).

Three headers: ``webhook-id`` (the same when it is tried again), ``webhook-timestamp`` (Unix seconds of this
attempt), ``webhook-signature``: ``v1,`` and in base64 the HMAC-SHA256 of ``id.timestamp.body``; several,
parted by blanks, while the secret is being changed.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

SECRET_BYTES: Final = 32
_PREFIX: Final = "whsec_"


def secret_text(secret: bytes) -> str:
    """A secret as its owner is shown it."""
    return _PREFIX + base64.b64encode(secret).decode()


def sign(secrets: Iterable[bytes], post: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of the post ``post``, sent at ``at`` (Unix ms) under every one of ``secrets``."""
    stamp = str(at // 1000)
    said = f"{post}.{stamp}.".encode() + body
    marks = [
        "v1," + base64.b64encode(hmac.new(secret, said, hashlib.sha256).digest()).decode()
        for secret in secrets
    ]
    return {"webhook-id": post, "webhook-timestamp": stamp, "webhook-signature": " ".join(marks)}
