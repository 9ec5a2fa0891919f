"""Web push (RFC 8030, 8291, 8292): the gateway's VAPID key, and one message to one browser."""

import asyncio
import base64
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.keyfiles import refuse_if_open, write_secret
from pleintemps_gateway.connections.guarded import Poster
from pleintemps_gateway.errors import GoneError, PostError, UndeliveredError

FILE: Final = "vapid.key"
TTL_S: Final = 3_600
_NOBODY: Final = "https://pleintemps.invalid"
"""Who sends, where no public address is configured; push services may refuse it."""
_GONE: Final = (404, 410)


def vapid_key(keys: Path) -> ec.EllipticCurvePrivateKey:
    """The key in ``keys/gateway``, made if there is none; raises KeyFileError.

    Another key makes every subscription void: keep it with the others.
    """
    path = keys / "gateway" / FILE
    try:
        if not path.exists():
            made = ec.generate_private_key(ec.SECP256R1())
            unfinished = path.with_suffix(".new")
            write_secret(unfinished, _pem(made))
            with suppress(FileExistsError):  # whoever is first wins, in whatever process
                path.hardlink_to(unfinished)
            unfinished.unlink(missing_ok=True)
        refuse_if_open(path)
        found = serialization.load_pem_private_key(path.read_bytes(), None)
    except KeyFileError:
        raise
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from error
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"{path}: no key that can be read") from error
    if not isinstance(found, ec.EllipticCurvePrivateKey) or not isinstance(found.curve, ec.SECP256R1):
        raise KeyFileError(f"{path}: a key on P-256 wanted")
    return found


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """What a browser wants as ``applicationServerKey``: the uncompressed point, base64url without padding."""
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def send_push(
    key: ec.EllipticCurvePrivateKey,
    sender: str,
    row: Any,
    payload: dict[str, str],
    urgent: bool,
    poster: Poster,
) -> None:
    """Encrypt ``payload`` for the browser of ``row`` and hand it to its push service, by ``poster``: whoever
    logs in can name a service, and it must not lead into the local network. Not from within an event loop.

    Raises GoneError where the subscription has ended, UndeliveredError else; neither names the address.
    """
    from py_vapid import Vapid
    from pywebpush import WebPusher, WebPushException

    service = urlsplit(row.endpoint)
    claims = {
        "sub": sender if sender.startswith("https://") else _NOBODY,
        "aud": f"{service.scheme}://{service.netloc}",
    }
    browser = {"endpoint": row.endpoint, "keys": {"p256dh": row.p256dh, "auth": row.auth}}
    try:
        body = WebPusher(browser).encode(json.dumps(payload, ensure_ascii=False).encode())["body"]
    except (WebPushException, ValueError) as error:  # keys of the browser that are none
        raise UndeliveredError("the subscription cannot be used", final=True) from error
    headers = Vapid(key).sign(claims) | {
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        "ttl": str(TTL_S),
        "urgency": "high" if urgent else "normal",
    }
    try:
        status = asyncio.run(poster.answer(row.endpoint, headers, body))
    except PostError as error:
        raise UndeliveredError(f"the push service cannot be used: {error}") from error
    if status in _GONE:
        raise GoneError(f"the browser has ended it ({status})", final=True)
    if not 200 <= status < 300:
        final = 300 <= status < 500 and status != 429
        raise UndeliveredError(f"the push service said {status}", final=final)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
