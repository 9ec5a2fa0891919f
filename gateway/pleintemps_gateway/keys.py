"""The key folder ``keys/{site-ca,gateway,agents}``: made once by ``init``, read at every start.

    site-ca/ca.key ca.crt                        the site's own authority for TLS to the broker
    gateway/signing.key                          signs every gateway message; its change: see signing.py
    gateway/sealing.key                          32 raw bytes: seals what the store must not show
    gateway/vapid.key                            signs what is pushed to browsers (made on first use as well)
    gateway/gateway.key gateway.crt purpose      TLS of the gateway; ``demo`` or ``production``
    broker/broker.key broker.crt ca.crt          TLS of the broker, for its host's name and the loopback
    agents/<agent>/                              see pleintemps_contract.keyfiles

Nothing that exists is ever overwritten: losing a signing key means a visit to every door.
"""

import base64
import datetime
import ipaddress
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, get_args

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pleintemps_contract.credentials import PEPPER_BYTES
from pleintemps_contract.envelope import Signer
from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.identifiers import unreserved_slug
from pleintemps_contract.keyfiles import (
    Identity,
    Purpose,
    load_agent_keys,
    refuse_if_open,
    save_agent_keys,
    write_secret,
)
from pleintemps_contract.world import World
from pleintemps_gateway.notify.push import FILE, vapid_key
from pleintemps_gateway.signing import CURRENT, Signing, load_signing, pem

SEALING_BYTES: Final = 32
_CA_DAYS: Final = 20 * 365
_CERTIFICATE_DAYS: Final = 10 * 365


class GatewayKeys(NamedTuple):
    """What a gateway process holds."""

    signing: Signing
    sealing: bytes
    purpose: Purpose

    @property
    def signer(self) -> Signer:
        return self.signing.signer


def load_gateway_keys(keys: Path) -> GatewayKeys:
    """Read ``keys/gateway``; raises KeyFileError that names the file and what to do."""
    signing = load_signing(keys)
    path = keys / "gateway" / "sealing.key"
    try:
        refuse_if_open(path)
        sealing = path.read_bytes()
    except FileNotFoundError as error:
        raise KeyFileError(f"{path} is missing: run `pleintemps-gateway init --config FILE`") from error
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from error
    if len(sealing) != SEALING_BYTES:
        raise KeyFileError(f"{path}: {len(sealing)} bytes, {SEALING_BYTES} wanted")
    return GatewayKeys(signing, sealing, load_purpose(keys))


def load_purpose(keys: Path) -> Purpose:
    """``demo`` or ``production``; raises KeyFileError."""
    path = keys / "gateway" / "purpose"
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise KeyFileError(f"{path} is missing: run `pleintemps-gateway init --config FILE`") from error
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{path}: {error}") from error
    for purpose in get_args(Purpose):
        if text == purpose:
            return "demo" if purpose == "demo" else "production"
    raise KeyFileError(f"{path}: demo or production wanted")


def load_peppers(keys: Path, site: str) -> dict[str, bytes]:
    """The pepper of every agent that ``keys/agents`` has for ``site``, by agent name; raises KeyFileError."""
    peppers: dict[str, bytes] = {}
    agents = keys / "agents"
    if not agents.is_dir():
        return peppers
    for folder in sorted(agents.iterdir()):
        if folder.is_dir():
            found = load_agent_keys(folder)
            if found.site == site:
                peppers[found.agent] = found.pepper
    return peppers


def make_keys(
    keys: Path, agents: dict[str, str], purpose: Purpose, world: World, broker: str = "localhost"
) -> list[str]:
    """Make what is missing below ``keys`` for ``agents`` (name -> site); returns a line for each thing made.

    ``broker`` is the host under which agents know the broker.
    Raises KeyFileError if there are keys of another purpose or an agent's folder belongs to another site.
    """
    if (keys / "gateway" / "purpose").exists() and (there := load_purpose(keys)) != purpose:
        raise KeyFileError(f"{keys}: these are {there} keys; {purpose} keys need a folder of their own")
    made: list[str] = []
    for part in ("site-ca", "gateway", "broker", "agents"):
        (keys / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _authority(keys / "site-ca", world, made)
    signing = _signing(keys, made)
    sealing = keys / "gateway" / "sealing.key"
    if not sealing.exists():
        write_secret(sealing, world.random_bytes(SEALING_BYTES))
        made.append(f"{sealing}: seals codes in the store")
    if not (keys / "gateway" / FILE).exists():
        vapid_key(keys)
        made.append(f"{keys / 'gateway' / FILE}: signs what is pushed to browsers")
    if not (keys / "gateway" / "gateway.crt").exists():
        _certificate(keys / "gateway", "gateway", authority, world)
        made.append(f"{keys / 'gateway' / 'gateway.crt'}: TLS of the gateway")
    if not (keys / "broker" / "broker.crt").exists():
        shutil.copyfile(keys / "site-ca" / "ca.crt", keys / "broker" / "ca.crt")
        _certificate(keys / "broker", "broker", authority, world, hosts=_hosts(broker))
        made.append(f"{keys / 'broker'}: TLS of the broker at {broker}")
    (keys / "gateway" / "purpose").write_text(purpose + "\n", encoding="ascii")
    for agent, site in sorted(agents.items()):
        unreserved_slug(agent)
        if len(site) + len(agent) > 63:
            raise KeyFileError(f"{site}/{agent}: too long for the name in a certificate (64 characters)")
        folder = keys / "agents" / agent
        if (folder / "identity.json").exists():
            if (there_site := load_agent_keys(folder).site) != site:
                raise KeyFileError(f"{folder}: belongs to an agent of site {there_site!r}, not {site!r}")
            continue
        folder.mkdir(mode=0o700, exist_ok=True)
        _certificate(folder, "agent", authority, world, subject=f"{site}/{agent}")
        shutil.copyfile(keys / "site-ca" / "ca.crt", folder / "ca.crt")
        pepper = base64.b64encode(world.random_bytes(PEPPER_BYTES)).decode()
        identity = Identity(site=site, agent=agent, purpose=purpose, pepper=pepper)
        # the identity last: its presence says that the folder is complete
        save_agent_keys(folder, identity, list(signing.lasting))
        made.append(f"{folder}: take this folder to agent {agent!r} of site {site!r}")
    return made


def _signing(keys: Path, made: list[str]) -> Signing:
    path = keys / "gateway" / CURRENT
    if not path.exists():
        write_secret(path, pem(Ed25519PrivateKey.generate()))
        made.append(f"{path}: signs every message to the agents")
    return load_signing(keys)


def _pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class _Authority(NamedTuple):
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def _authority(folder: Path, world: World, made: list[str]) -> _Authority:
    key_path, certificate_path = folder / "ca.key", folder / "ca.crt"
    if key_path.exists() and certificate_path.exists():
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeyFileError(f"{key_path}: not a key of ours")
        return _Authority(key, x509.load_pem_x509_certificate(certificate_path.read_bytes()))
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Plein Temps site authority")])
    start, end = _validity(world, _CA_DAYS)
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
    write_secret(key_path, _pem(key))
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.append(f"{certificate_path}: the authority that broker and agents believe")
    return _Authority(key, certificate)


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


def _validity(world: World, days: int) -> tuple[datetime.datetime, datetime.datetime]:
    now = datetime.datetime.fromtimestamp(world.now() / 1000, datetime.UTC)
    return now - datetime.timedelta(days=1), now + datetime.timedelta(days=days)


def _hosts(broker: str) -> list[x509.GeneralName]:
    """The broker's name or address, this host's name and the loopback."""
    named = dict.fromkeys((broker, socket.gethostname(), "localhost", "127.0.0.1", "::1"))
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


def _certificate(
    folder: Path,
    stem: str,
    authority: _Authority,
    world: World,
    *,
    subject: str = "",
    hosts: Sequence[x509.GeneralName] = (),
) -> None:
    """Key and certificate ``stem``: a client's, or with ``hosts`` that of a server which is reached there."""
    key = ec.generate_private_key(ec.SECP256R1())
    start, end = _validity(world, _CERTIFICATE_DAYS)
    usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject or stem)]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(issuer, critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    write_secret(folder / f"{stem}.key", _pem(key))
    certificate = builder.sign(authority.key, hashes.SHA256())
    (folder / f"{stem}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
