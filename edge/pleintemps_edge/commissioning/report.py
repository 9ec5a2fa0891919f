"""The signed report: one JSON file and one page that is made of it, written and proved.

    {"report": {...}, "signature": {"alg": ..., "kid": ..., "public": ..., "certificate": ..., "sig": ...}}

The signature covers ``pleintemps/selftest/v1``, NUL and the exact bytes of ``report``: by the agent's own TLS
key, Ed25519 or ECDSA with SHA-256. ``kid`` is as in :mod:`pleintemps_contract.envelope`, for ECDSA over the
key's SubjectPublicKeyInfo. Without such a key the report is not signed and says so.
"""

import base64
import binascii
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from pleintemps_contract.commissioning import Report
from pleintemps_contract.envelope import key_id
from pleintemps_contract.keyfiles import own_certificate
from pleintemps_edge.errors import CommissioningError

from . import page

MAX_BYTES: Final = 8 * 2**20
_CONTEXT: Final = b"pleintemps/selftest/v1\0"

_Private = Ed25519PrivateKey | EllipticCurvePrivateKey
_Public = Ed25519PublicKey | EllipticCurvePublicKey


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    alg: str
    kid: str
    public: str
    """Base64 of the SubjectPublicKeyInfo."""
    certificate: str = ""
    """PEM, where the agent has one."""
    sig: str


class Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    report: msgspec.Raw
    signature: Signature | None = None


class Proved(NamedTuple):
    """A report signed by ``kid``; ``issued`` says that the given CA has issued its certificate."""

    report: Report
    kid: str
    subject: str
    issued: bool


def sign(report: Report, keys: Path | None) -> Signed:
    """``report`` signed by the agent if it has a key; raises CommissioningError for one of no use."""
    body = msgspec.json.encode(report)
    held, path = own_certificate(keys) if keys is not None else (None, None)
    if held is None or path is None or not path.is_file():
        return Signed(report=msgspec.Raw(body))
    try:
        private = load_pem_private_key(path.read_bytes(), None)
        certificate = _pem(held) if held.is_file() else ""
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CommissioningError(f"{path}: no key to sign with: {error}") from error
    if isinstance(private, Ed25519PrivateKey):
        alg, signature = "Ed25519", private.sign(_CONTEXT + body)
    elif isinstance(private, EllipticCurvePrivateKey):
        alg, signature = "ES256", private.sign(_CONTEXT + body, ECDSA(hashes.SHA256()))
    else:
        raise CommissioningError(f"{path}: want an Ed25519 or an elliptic key to sign with")
    public = private.public_key()
    return Signed(
        report=msgspec.Raw(body),
        signature=Signature(
            alg=alg,
            kid=kid_of(public),
            public=base64.b64encode(_info(public)).decode(),
            certificate=certificate,
            sig=base64.b64encode(signature).decode(),
        ),
    )


def _pem(path: Path) -> str:
    """The certificate alone: beside it the file may hold the key."""
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.PEM).decode()


def kid_of(public: _Public) -> str:
    """The key's name."""
    if isinstance(public, Ed25519PublicKey):
        return key_id(public)
    return hashlib.sha256(_info(public)).hexdigest()[:16]


def _info(public: _Public) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def prove(data: bytes, ca: bytes | None = None) -> Proved:
    """The report in ``data``, JSON or page; raises CommissioningError if it is not signed or was changed.

    A page is proved by being made again. ``ca`` is the PEM of the site's CA, which then has to vouch.
    """
    if len(data) > MAX_BYTES:
        raise CommissioningError(f"more than {MAX_BYTES // 2**20} MiB: no report")
    told = page.embedded(data) if data.lstrip()[:1] == b"<" else data
    try:
        signed = msgspec.json.decode(told, type=Signed)
        report = msgspec.json.decode(signed.report, type=Report)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CommissioningError(f"no report: {error}") from error
    if signed.signature is None:
        raise CommissioningError("the report is not signed")
    public = _check(signed.signature, bytes(signed.report))
    if told is not data and page.page(report, told, signed.signature.kid).encode() != data:
        raise CommissioningError(
            "the page is not the one of its report, which is signed"
            f" (version {report.version} made it): go by the JSON file"
        )
    subject, issued = _certificate(signed.signature, public, ca, report)
    return Proved(report, signed.signature.kid, subject, issued)


def _check(signature: Signature, body: bytes) -> _Public:
    try:
        public = load_der_public_key(_bytes(signature.public))
        raw = _bytes(signature.sig)
        if isinstance(public, Ed25519PublicKey) and signature.alg == "Ed25519":
            public.verify(raw, _CONTEXT + body)
        elif isinstance(public, EllipticCurvePublicKey) and signature.alg == "ES256":
            public.verify(raw, _CONTEXT + body, ECDSA(hashes.SHA256()))
        else:
            raise CommissioningError(f"a key of another kind than {signature.alg!r}")
    except InvalidSignature as error:
        raise CommissioningError("the signature is not that of this report: it was changed") from error
    except (ValueError, binascii.Error, UnsupportedAlgorithm) as error:
        raise CommissioningError(f"the signature cannot be read: {error}") from error
    if signature.kid != kid_of(public):
        raise CommissioningError("the signature names another key than it is of")
    return public


def _bytes(text: str) -> bytes:
    """Base64 in its one spelling; raises ValueError."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not the one spelling of base64")
    return data


def _certificate(signature: Signature, public: _Public, ca: bytes | None, report: Report) -> tuple[str, bool]:
    """Whose key it is by its certificate, and whether the CA says so."""
    if not signature.certificate:
        if ca is not None:
            raise CommissioningError("the report has no certificate")
        return "", False
    try:
        certificate = x509.load_pem_x509_certificate(signature.certificate.encode())
        subject = certificate.subject.rfc4514_string()
        own = certificate.public_key()
        if not isinstance(own, Ed25519PublicKey | EllipticCurvePublicKey) or _info(own) != _info(public):
            raise CommissioningError("the certificate is of another key")
        if ca is None:
            return subject, False
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(ca))
    except InvalidSignature as error:
        raise CommissioningError("the certificate is not the CA's") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CommissioningError(f"the certificate cannot be used: {error}") from error
    then = datetime.fromtimestamp(report.ended / 1000, UTC)
    if not certificate.not_valid_before_utc <= then <= certificate.not_valid_after_utc:
        raise CommissioningError("the certificate was not valid when the report was signed")
    return subject, True


def write(folder: Path, report: Report, keys: Path | None) -> list[Path]:
    """``selftest-AGENT-DAY-TIME.json`` and ``.html`` in ``folder``; raises CommissioningError."""
    signed = sign(report, keys)
    data = msgspec.json.encode(signed)
    kid = signed.signature.kid if signed.signature is not None else ""
    day = datetime.fromtimestamp(report.started / 1000, UTC).strftime("%Y%m%d-%H%M%S")
    files = {"json": data, "html": page.page(report, data, kid).encode()}
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, content in files.items():
            path = folder / f"selftest-{report.agent}-{day}.{suffix}"
            fresh = path.with_name(path.name + ".new")
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
            written.append(path)
    except OSError as error:
        raise CommissioningError(f"{folder}: {error.strerror or error}") from error
    return written
