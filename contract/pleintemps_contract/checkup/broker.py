"""Whether a broker answers, by whose certificate, and whether it lets us in. Says nothing beyond hello."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from .findings import Finding, days, fail, ok, warn
from .machine import CERTIFICATE_SOON_MS

TIMEOUT_S: Final = 5.0
LOCAL: Final = ("127.0.0.1", "::1", "localhost")
_ACCEPTED: Final = 0
_CODES: Final = {  # MQTT 3.1.1, table 3.1
    1: "it speaks another version of MQTT",
    2: "it refuses our client name",
    3: "it is not available",
    4: "it refuses our user or password",
    5: "it does not let us in",
}


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """``fault`` is why nobody answered, else empty; ``code`` the return code of the CONNACK, None without
    one.

    ``names`` and ``ends`` (Unix ms) are those of its certificate; both empty in clear.
    """

    now: int
    host: str
    port: int
    secure: bool
    fault: str = ""
    code: int | None = None
    names: tuple[str, ...] = ()
    ends: int | None = None


def read_broker(host: str, port: int, context: ssl.SSLContext | None, client: str, now: int) -> BrokerFacts:
    """Connect, say hello as ``client`` and leave; what goes wrong is a fact, not an error."""
    names: tuple[str, ...] = ()
    ends: int | None = None
    try:
        with socket.create_connection((host, port), TIMEOUT_S) as plain:
            if context is None:
                return BrokerFacts(now, host, port, False, code=_hello(plain, client))
            with context.wrap_socket(plain, server_hostname=host) as line:
                names, ends = _certificate(line)
                return BrokerFacts(now, host, port, True, code=_hello(line, client), names=names, ends=ends)
    except ssl.SSLCertVerificationError as error:
        why = f"its certificate is not believed: {error.verify_message}"
    except (OSError, ValueError) as error:
        why = str(error) or type(error).__name__
    return BrokerFacts(now, host, port, context is not None, " ".join(why.split()), None, names, ends)


def _hello(line: socket.socket, client: str) -> int:
    """CONNECT with a clean session, and the return code of the CONNACK; raises OSError."""
    name = client.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(name).to_bytes(2, "big") + name
    line.sendall(b"\x10" + bytes([len(body)]) + body)
    answer = b""
    while len(answer) < 4:
        more = line.recv(4 - len(answer))
        if not more:
            raise ConnectionResetError("it closes the connection instead of answering")
        answer += more
    if answer[:2] != b"\x20\x02":
        raise ConnectionError("what answers there speaks no MQTT")
    if answer[3] == _ACCEPTED:
        line.sendall(b"\xe0\x00")
    return answer[3]


def _certificate(line: ssl.SSLSocket) -> tuple[tuple[str, ...], int | None]:
    found = line.getpeercert(binary_form=True)
    if found is None:
        return (), None
    certificate = x509.load_der_x509_certificate(found)
    ends = round(certificate.not_valid_after_utc.timestamp() * 1000)
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ends
    return tuple(str(name.value) for name in named if isinstance(name, x509.DNSName | x509.IPAddress)), ends


def judge_broker(facts: BrokerFacts) -> Iterator[Finding]:
    where = f"{facts.host}:{facts.port}"
    if facts.fault:
        todo = "is it up (on its machine: systemctl status pleintemps-broker), its address right?"
        if "certificate" in facts.fault:
            todo = (
                "its certificate must name this host and come from this site's authority (docs/security.md)"
            )
        yield fail("broker", f"{where}: {facts.fault}", todo)
        return
    if facts.code != _ACCEPTED:
        why = _CODES.get(facts.code or 0, f"it answers {facts.code}")
        yield fail(
            "broker", f"{where}: {why}", "look at its ACL, and at our certificate: is it shut out, or over?"
        )
        return
    if not facts.secure and facts.host not in LOCAL:
        yield warn(
            "broker", f"{where} answers, in clear", "use mqtts:// beyond one machine (docs/gateway.md)"
        )
        return
    said = f"{where} lets us in"
    if facts.ends is not None:
        left = facts.ends - facts.now
        if left < CERTIFICATE_SOON_MS:
            yield warn("broker", f"{said}; its certificate ends in {days(left)}", "make it a new one")
            return
        said += f"; its certificate names {', '.join(facts.names) or 'nobody'}, ends in {days(left)}"
    yield ok("broker", said)
