"""The key folder ``keys/{site-ca,gateway,agents}``: made once by ``init``, read at every start.

    site-ca/                                     the site's own authority, see enrolment/authority.py
    gateway/signing.key                          signs every gateway message; its change: see signing.py
    gateway/sealing.key                          32 raw bytes: seals what the store must not show
    gateway/vapid.key                            signs what is pushed to browsers (made on first use as well)
    gateway/gateway.key gateway.crt purpose      TLS of the gateway; ``demo`` or ``production``
    broker/broker.key broker.crt ca.crt          TLS of the broker, for its host's name and the loopback
    enrolment/desk.key desk.crt                  TLS of the desk where agents get their certificates
    agents/<agent>/                              see pleintemps_contract.keyfiles; who is here is known
    revoked/<agent>-<ms>/                        what is kept of an agent that was shut out

Nothing that exists is ever overwritten: losing a signing key means a visit to every door.
"""

import base64
import shutil
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, get_args

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract.credentials import PEPPER_BYTES
from pleintemps_contract.enrolment import DESK
from pleintemps_contract.envelope import Signer
from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.identifiers import unreserved_slug
from pleintemps_contract.keyfiles import (
    IDENTITY,
    Identity,
    Purpose,
    load_agent_keys,
    refuse_if_open,
    save_agent_keys,
    write_secret,
)
from pleintemps_contract.world import World
from pleintemps_gateway.enrolment.authority import (
    SERVER_DAYS,
    Authority,
    hosts_of,
    is_due,
    key_pem,
    make_authority,
    new_key,
    pem_of,
)
from pleintemps_gateway.notify.push import FILE, vapid_key
from pleintemps_gateway.signing import CURRENT, Signing, load_signing, pem

SEALING_BYTES: Final = 32


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


class Peppers(dict[str, bytes]):
    """The peppers of a site's agents as they were read, which can be read anew: agents come and go."""

    def __init__(self, keys: Path, site: str) -> None:
        super().__init__()
        self._keys = keys
        self._site = site

    def anew(self) -> "Peppers":
        """As the folder is now; raises KeyFileError."""
        return load_peppers(self._keys, self._site)


def load_peppers(keys: Path, site: str) -> Peppers:
    """The pepper of every agent that ``keys/agents`` has for ``site``, by agent name; raises KeyFileError."""
    return load_all_peppers(keys, [site])[site]


def load_all_peppers(keys: Path, sites: Iterable[str]) -> dict[str, Peppers]:
    """The same for many ``sites``: every agent's folder is read once; raises KeyFileError."""
    found = {site: Peppers(keys, site) for site in sites}
    agents = keys / "agents"
    for folder in sorted(agents.iterdir()) if agents.is_dir() else ():
        # an agent that is being let in or shut out has no identity: it is no agent
        if (folder / IDENTITY).exists():
            agent = load_agent_keys(folder)
            if agent.site in found:
                found[agent.site][agent.agent] = agent.pepper
    return found


def make_keys(
    keys: Path,
    agents: dict[str, str],
    purpose: Purpose,
    world: World,
    brokers: Sequence[str] = ("localhost",),
) -> list[str]:
    """Make what is missing below ``keys`` for ``agents`` (name -> site); returns a line for each thing made.

    ``brokers`` are the hosts under which gateway and agents know the broker. A certificate of broker, gateway
    or desk that lacks one of them, or of whose life two thirds are over, is made anew.
    Raises KeyFileError if there are keys of another purpose or an agent's folder belongs to another site.
    """
    if (keys / "gateway" / "purpose").exists() and (there := load_purpose(keys)) != purpose:
        raise KeyFileError(f"{keys}: these are {there} keys; {purpose} keys need a folder of their own")
    made: list[str] = []
    for part in ("site-ca", "gateway", "broker", "enrolment", "agents"):
        (keys / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = make_authority(keys, world, made)
    signing = _signing(keys, made)
    sealing = keys / "gateway" / "sealing.key"
    if not sealing.exists():
        write_secret(sealing, world.random_bytes(SEALING_BYTES))
        made.append(f"{sealing}: seals codes in the store")
    if not (keys / "gateway" / FILE).exists():
        vapid_key(keys)
        made.append(f"{keys / 'gateway' / FILE}: signs what is pushed to browsers")
    own, hosts, desk = keys / "gateway", hosts_of(*brokers), [x509.DNSName(DESK)]
    if is_due(own / "gateway.crt", world):
        _own(own, "gateway", lambda public: authority.client("gateway", public, SERVER_DAYS, world))
        made.append(f"{own / 'gateway.crt'}: TLS of the gateway")
    if is_due(keys / "broker" / "broker.crt", world, hosts):
        shutil.copyfile(keys / "site-ca" / "ca.crt", keys / "broker" / "ca.crt")
        _own(keys / "broker", "broker", lambda public: authority.server("broker", public, hosts, world))
        made.append(f"{keys / 'broker'}: TLS of the broker at {', '.join(dict.fromkeys(brokers))}")
    if is_due(keys / "enrolment" / "desk.crt", world, desk):
        _own(keys / "enrolment", "desk", lambda public: authority.server(DESK, public, desk, world))
        made.append(f"{keys / 'enrolment'}: TLS of the desk where agents enrol")
    (keys / "gateway" / "purpose").write_text(purpose + "\n", encoding="ascii")
    for agent, site in sorted(agents.items()):
        unreserved_slug(agent)
        folder = keys / "agents" / agent
        if (folder / "identity.json").exists():
            if (there_site := load_agent_keys(folder).site) != site:
                raise KeyFileError(f"{folder}: belongs to an agent of site {there_site!r}, not {site!r}")
            continue
        folder.mkdir(mode=0o700, exist_ok=True)
        _own(
            folder,
            "agent",
            partial(_for_folder, authority, site, agent, world),
        )
        shutil.copyfile(keys / "site-ca" / "ca.crt", folder / "ca.crt")
        pepper = base64.b64encode(world.random_bytes(PEPPER_BYTES)).decode()
        identity = Identity(site=site, agent=agent, purpose=purpose, pepper=pepper)
        # the identity last: its presence says that the folder is complete
        save_agent_keys(folder, identity, list(signing.lasting))
        made.append(f"{folder}: take this folder to agent {agent!r} of site {site!r}")
    return made


def _for_folder(
    authority: Authority, site: str, agent: str, world: World, public: ec.EllipticCurvePublicKey
) -> x509.Certificate:
    return authority.agent(site, agent, public, SERVER_DAYS, world, "folder")


def _signing(keys: Path, made: list[str]) -> Signing:
    path = keys / "gateway" / CURRENT
    if not path.exists():
        write_secret(path, pem(Ed25519PrivateKey.generate()))
        made.append(f"{path}: signs every message to the agents")
    return load_signing(keys)


def _own(folder: Path, stem: str, certify: Callable[[ec.EllipticCurvePublicKey], x509.Certificate]) -> None:
    """A key ``stem`` and the certificate that ``certify`` makes for it."""
    key = new_key()
    write_secret(folder / f"{stem}.key", key_pem(key))
    (folder / f"{stem}.crt").write_text(pem_of(certify(key.public_key())), encoding="ascii")
