"""The site's own certificate authority: X.509 (RFC 5280), EC P-256, signs for broker, gateway and agents.

    site-ca/ca.key ca.crt     it signs nothing below another authority (path length 0)
    site-ca/issued.jsonl      what an agent was given: a line each, never changed
    site-ca/crl.pem           what counts no more (RFC 5280, section 5); it only ever grows

An agent's name is the subject ``<site>/<agent>``, which the broker takes for its user.
"""

import datetime
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.identifiers import Slug
from pleintemps_contract.keyfiles import refuse_if_open, replace_secret, write_secret
from pleintemps_contract.units import UnixMs
from pleintemps_contract.world import World

FOLDER: Final = "site-ca"
CRL: Final = "crl.pem"
CA_DAYS: Final = 20 * 365
SERVER_DAYS: Final = 10 * 365
_LEDGER: Final = "issued.jsonl"
_NAME_BYTES: Final = 64

Via = Literal["folder", "enrolled", "renewed", "program"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate of an agent; ``serial`` is hexadecimal, ``until`` its end. Of another program ``site``
    is ``*``, and ``agent`` its name.
    """

    serial: str
    site: str
    agent: Slug
    at: UnixMs
    until: UnixMs
    via: Via


class Authority(NamedTuple):
    """The authority in ``folder``."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> str:
        return pem_of(self.certificate)

    def client(
        self, name: str, public: ec.EllipticCurvePublicKey, days: float, world: World
    ) -> x509.Certificate:
        """A certificate for who proves with ``public`` to be ``name``."""
        return self._sign(name, public, ExtendedKeyUsageOID.CLIENT_AUTH, days, world)

    def server(
        self, name: str, public: ec.EllipticCurvePublicKey, hosts: Sequence[x509.GeneralName], world: World
    ) -> x509.Certificate:
        """A certificate for a server that is reached under ``hosts``."""
        return self._sign(name, public, ExtendedKeyUsageOID.SERVER_AUTH, SERVER_DAYS, world, hosts)

    def agent(
        self, site: str, agent: str, public: ec.EllipticCurvePublicKey, days: float, world: World, via: Via
    ) -> x509.Certificate:
        """An agent's certificate, which is in the ledger before anybody has it; raises KeyFileError."""
        if len(site) + len(agent) + 1 > _NAME_BYTES:
            raise KeyFileError(f"{site}/{agent}: too long for the name in a certificate (64 characters)")
        made = self.client(f"{site}/{agent}", public, days, world)
        self._note(made, site, agent, world, via)
        return made

    def program(
        self, name: str, public: ec.EllipticCurvePublicKey, days: float, world: World
    ) -> x509.Certificate:
        """A certificate for another program, which is the broker's user ``name`` then; in the ledger too."""
        made = self.client(name, public, days, world)
        self._note(made, "*", name, world, "program")
        return made

    def _note(self, made: x509.Certificate, site: str, agent: str, world: World, via: Via) -> None:
        entry = Entry(
            serial=f"{made.serial_number:x}",
            site=site,
            agent=agent,
            at=world.now(),
            until=round(made.not_valid_after_utc.timestamp() * 1000),
            via=via,
        )
        path = self.folder / _LEDGER
        if not path.exists():
            write_secret(path, b"")
        with path.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")

    def issued(self) -> list[Entry]:
        """The ledger; raises KeyFileError if it is damaged."""
        path = self.folder / _LEDGER
        try:
            lines = path.read_bytes().splitlines()
            return [msgspec.json.decode(line, type=Entry) for line in lines if line]
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise KeyFileError(f"{path}: {error}") from error

    def revoked(self) -> dict[int, int]:
        """Serial numbers that count no more, and since when (Unix ms); raises KeyFileError."""
        path = self.folder / CRL
        try:
            found = x509.load_pem_x509_crl(path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise KeyFileError(f"{path}: {error}") from error
        if not found.is_signature_valid(self.key.public_key()):
            raise KeyFileError(f"{path}: not signed by the authority beside it")
        return {each.serial_number: round(each.revocation_date_utc.timestamp() * 1000) for each in found}

    def revoke(self, serials: Iterable[int], world: World) -> bytes:
        """Write the list anew with ``serials`` in it as well; returns it (PEM)."""
        now = world.now()
        listed = self.revoked()
        listed |= {serial: now for serial in serials if serial not in listed}
        last, following = _validity(now, CA_DAYS)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(last)
            # a broker takes nobody under a list that is too old: this one is replaced, it never ends
            .next_update(following)
        )
        for serial, at in sorted(listed.items()):
            moment = datetime.datetime.fromtimestamp(at / 1000, datetime.UTC)
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment).build()
            builder = builder.add_revoked_certificate(revoked)
        text = builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        replace_secret(self.folder / CRL, text)
        return text

    def _sign(
        self,
        name: str,
        public: ec.EllipticCurvePublicKey,
        usage: x509.ObjectIdentifier,
        days: float,
        world: World,
        hosts: Sequence[x509.GeneralName] = (),
    ) -> x509.Certificate:
        start, end = _validity(world.now(), days)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(min(end, self.certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(issuer, critical=False)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_authority(keys: Path) -> Authority:
    """The authority of ``keys``; raises KeyFileError that names the file and what to do."""
    folder = keys / FOLDER
    path = folder / "ca.key"
    try:
        refuse_if_open(path)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        path = folder / "ca.crt"
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError as error:
        raise KeyFileError(f"{path} is missing: run `pleintemps-gateway init --config FILE`") from error
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from error
    except KeyFileError:
        raise
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{path}: not a key or certificate in PEM") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyFileError(f"{folder / 'ca.key'}: not a key of ours")
    return Authority(folder, key, certificate)


def make_authority(keys: Path, world: World, made: list[str]) -> Authority:
    """The authority of ``keys``, made with an empty list of revocations if it is not there; a line for each
    thing made goes to ``made``.
    """
    folder = keys / FOLDER
    if not (folder / "ca.key").exists() or not (folder / "ca.crt").exists():
        key = new_key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Plein Temps site authority")])
        start, end = _validity(world.now(), CA_DAYS)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_key_usage(authority=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_secret(folder / "ca.key", key_pem(key))
        (folder / "ca.crt").write_text(pem_of(certificate), encoding="ascii")
        made.append(f"{folder / 'ca.crt'}: the authority that broker and agents believe")
    authority = load_authority(keys)
    if not (folder / CRL).exists():
        authority.revoke((), world)
    return authority


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _validity(now: int, days: float) -> tuple[datetime.datetime, datetime.datetime]:
    moment = datetime.datetime.fromtimestamp(now // 1000, datetime.UTC)
    return moment - datetime.timedelta(days=1), moment + datetime.timedelta(days=days)


def is_due(path: Path, world: World, hosts: Sequence[x509.GeneralName] = ()) -> bool:
    """Whether a certificate should be made (anew): it is not there, lacks one of ``hosts``, or two thirds of
    its life are over.
    """
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value if hosts else ()
    except FileNotFoundError:
        return True
    except x509.ExtensionNotFound:
        return True
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path}: {error}") from error
    start, end = (each.timestamp() for each in (found.not_valid_before_utc, found.not_valid_after_utc))
    return not set(hosts) <= set(named) or world.now() / 1000 > start + (end - start) * 2 / 3


def hosts_of(*names: str) -> list[x509.GeneralName]:
    """These names and addresses, this host's name and the loopback; raises KeyFileError."""
    named = dict.fromkeys((*names, socket.gethostname(), "localhost", "127.0.0.1", "::1"))
    return [_host(name) for name in named if name]


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name.encode("idna").decode())
    except ValueError as error:
        raise KeyFileError(f"{name!r} is no host that a certificate can name") from error
