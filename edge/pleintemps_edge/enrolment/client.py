"""The agent's side of the gateway's desk: one TLS connection a request, one line each way. It blocks."""

import hashlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pleintemps_contract.enrolment import (
    DESK,
    MAX_LINE,
    PORT,
    Answer,
    AskAuthority,
    Authority,
    Confirm,
    Confirmed,
    Denied,
    Enrol,
    Enrolled,
    EnrolmentToken,
    Renew,
    Renewed,
    Request,
)
from pleintemps_edge.errors import EnrolmentError

PATIENCE_S: Final = 15
CLOCK_MS: Final = 300_000
"""A clock that is off by more is named when a certificate is not believed."""
_answers: Final[msgspec.json.Decoder[Answer]] = msgspec.json.Decoder(Answer)
_SAID: Final = {
    "token": "the gateway does not know this token: it was not copied whole, or a newer one was made",
    "expired": "this token is too old: let the gateway make another one",
    "used": "this token was used already, by another machine or key: let the gateway make another one",
    "request": "the gateway cannot read this request: agent and gateway are of different versions",
    "certificate": "the gateway does not take this agent's certificate: it was shut out, or enrolled anew",
}


class Place(NamedTuple):
    """Where the desk is."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def read_place(text: str) -> Place:
    """``HOST``, ``HOST:PORT``, ``[ADDRESS]:PORT``, with or without ``https://``; raises EnrolmentError."""
    rest = text.removeprefix("https://").rstrip("/")
    host, port = rest, str(PORT)
    if rest.startswith("["):
        host, _, after = rest[1:].partition("]")
        port = after.removeprefix(":") or port
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    good = host and not any(letter in host for letter in "/@? ")
    if not good or not port.isdigit() or not 0 < int(port) < 65_536:
        raise EnrolmentError(f"--gateway: {text!r} is no HOST or HOST:PORT")
    return Place(host, int(port))


def new_key() -> ec.EllipticCurvePrivateKey:
    """EC P-256; it stays on this machine."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def request_for(key: ec.EllipticCurvePrivateKey) -> str:
    """A certificate request (PEM) that proves to hold ``key``. Its name does not count."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agent")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def find_authority(place: Place, token: EnrolmentToken, now: Callable[[], int]) -> str:
    """The certificate (PEM) of the authority that ``token`` names. Nothing secret is said before it is found.

    Raises EnrolmentError for a gateway that cannot be reached or is another one.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # what is believed is the fingerprint alone
    answer = _ask(place, context, AskAuthority(), now)
    if not isinstance(answer, Authority):
        raise EnrolmentError(f"{place}: no gateway answers there as one should")
    try:
        certificate = x509.load_pem_x509_certificate(answer.certificate.encode())
    except ValueError as error:
        raise EnrolmentError(f"{place}: no gateway answers there as one should") from error
    if not token.is_of(certificate.public_bytes(serialization.Encoding.DER)):
        raise EnrolmentError(
            f"{place} is not the gateway that made this token, or the token was not copied whole:"
            " nothing was told to it"
        )
    _refuse_wrong_clock(certificate, answer.now, now())
    return answer.certificate


def _refuse_wrong_clock(certificate: x509.Certificate, theirs: int, ours: int) -> None:
    start = certificate.not_valid_before_utc.timestamp() * 1000
    if ours < start or abs(theirs - ours) > CLOCK_MS:
        raise EnrolmentError(
            f"this machine's clock is {abs(theirs - ours) // 1000} s"
            f" {'behind' if theirs > ours else 'ahead of'} the gateway's: set it first"
        )


def enrol(
    place: Place,
    authority: str,
    token: EnrolmentToken,
    key: ec.EllipticCurvePrivateKey,
    now: Callable[[], int],
) -> Enrolled:
    """Show the token to the gateway of ``authority``; raises EnrolmentError with what to do."""
    answer = _ask(place, trusting(authority), Enrol(token=token.text, request=request_for(key)), now)
    if not isinstance(answer, Enrolled):
        raise EnrolmentError(_refusal(answer))
    if not is_for(answer.certificate, key):
        raise EnrolmentError(f"{place}: the certificate is not for the key of this machine")
    return answer


def renew(
    place: Place, context: ssl.SSLContext, key: ec.EllipticCurvePrivateKey, now: Callable[[], int]
) -> str:
    """The next certificate (PEM), for ``key``; ``context`` has the present one. Raises EnrolmentError."""
    answer = _ask(place, context, Renew(request=request_for(key)), now)
    if not isinstance(answer, Renewed):
        raise EnrolmentError(_refusal(answer))
    if not is_for(answer.certificate, key):
        raise EnrolmentError(f"{place}: the certificate is not for the key of this machine")
    return answer.certificate


def confirm(place: Place, context: ssl.SSLContext, now: Callable[[], int]) -> None:
    """See that the certificate of ``context`` counts; raises EnrolmentError if not."""
    answer = _ask(place, context, Confirm(), now)
    if not isinstance(answer, Confirmed):
        raise EnrolmentError(_refusal(answer))


def trusting(authority: str, own: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer with this authority (PEM) alone, and the files of an own certificate and its key;
    raises EnrolmentError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=authority)
        if own is not None:
            context.load_cert_chain(*own, password=b"none")
    except (OSError, ssl.SSLError) as error:
        raise EnrolmentError(f"{own[0] if own else 'the authority'}: cannot be used: {error}") from error
    return context


def is_for(certificate: str, key: ec.EllipticCurvePrivateKey) -> bool:
    """Whether a certificate (PEM) is for ``key``."""
    try:
        found = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    except ValueError:
        return False
    return isinstance(found, ec.EllipticCurvePublicKey) and _raw(found) == _raw(key.public_key())


def fingerprint(authority: str) -> str:
    """SHA-256 of a certificate (PEM), as hexadecimal."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(authority)).hexdigest()


def _raw(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _refusal(answer: Answer) -> str:
    if not isinstance(answer, Denied):
        return "the gateway answers something else than it was asked"
    if answer.reason == "wait":
        return f"the gateway takes no more attempts from here now: try again in {answer.wait_s} s"
    return _SAID.get(answer.reason, "the gateway refuses")


def _ask(place: Place, context: ssl.SSLContext, request: Request, now: Callable[[], int]) -> Answer:
    try:
        with (
            socket.create_connection(place, PATIENCE_S) as plain,
            context.wrap_socket(plain, server_hostname=DESK) as connection,
        ):
            connection.sendall(msgspec.json.encode(request) + b"\n")
            said = _line(connection)
    except ssl.SSLCertVerificationError as error:
        raise EnrolmentError(_unbelieved(place, error, now())) from error
    except ssl.SSLError as error:
        reason = (error.reason or "TLS").lower().replace("_", " ")
        raise EnrolmentError(f"{place}: {reason}") from error
    except (OSError, TimeoutError) as error:
        raise EnrolmentError(f"{place} cannot be reached: {error.strerror or error}") from error
    try:
        return _answers.decode(said)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EnrolmentError(f"{place}: no gateway answers there as one should") from error


def _unbelieved(place: Place, error: ssl.SSLCertVerificationError, now: int) -> str:
    if error.verify_code in (9, 10):  # not valid yet, no longer valid
        said = f"this machine's clock says {now // 1000} s since 1970: is it right?"
        return f"{place}: {error.verify_message}; {said}"
    return f"{place} is not the gateway that it should be: {error.verify_message}"


def _line(connection: ssl.SSLSocket) -> bytes:
    said = b""
    while not said.endswith(b"\n") and len(said) <= MAX_LINE:
        more = connection.recv(MAX_LINE)
        if not more:
            break
        said += more
    return said
