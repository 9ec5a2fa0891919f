"""Which agents are known: the folders of ``keys/agents``, of which broker and gateway get their lists.

Whoever changes it holds :func:`locked`: a token may be used while somebody shuts an agent out.
"""

import base64
import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography import x509

from pleintemps_contract.credentials import PEPPER_BYTES
from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.keyfiles import (
    AUTHORITY,
    IDENTITY,
    Identity,
    load_agent_keys,
    save_agent_keys,
)
from pleintemps_contract.world import World
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.keys import load_purpose
from pleintemps_gateway.signing import load_signing

from .authority import CRL, Authority, load_authority, pem_of
from .broker_files import reload_broker, write_rights

_CERTIFICATE: Final = "agent.crt"


@contextmanager
def locked(keys: Path) -> Iterator[None]:
    """Nobody else changes who is known meanwhile."""
    with (keys / "enrolment" / "lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def known_agents(keys: Path) -> list[tuple[str, str]]:
    """(site, agent) of every agent that is known; raises KeyFileError."""
    folder = keys / "agents"
    if not folder.is_dir():
        return []
    found = (load_agent_keys(each) for each in sorted(folder.iterdir()) if (each / IDENTITY).exists())
    return [(each.site, each.agent) for each in found]


def admit(keys: Path, site: str, agent: str, world: World, *, anew: bool) -> str:
    """Make an agent known; its pepper (base64), which is another one with ``anew``.

    Raises KeyFileError if an agent of another site has the name.
    """
    folder = keys / "agents" / agent
    pepper = base64.b64encode(world.random_bytes(PEPPER_BYTES)).decode()
    if (folder / IDENTITY).exists():
        there = load_agent_keys(folder)
        if there.site != site:
            raise KeyFileError(f"{folder}: belongs to an agent of site {there.site!r}, not {site!r}")
        if not anew:
            return base64.b64encode(there.pepper).decode()
        # its new key is the agent's own: what the gateway may have made for it before counts no more
        (folder / "agent.key").unlink(missing_ok=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(keys / "site-ca" / "ca.crt", folder / AUTHORITY)
    identity = Identity(site=site, agent=agent, purpose=load_purpose(keys), pepper=pepper)
    save_agent_keys(folder, identity, list(load_signing(keys).lasting))
    return pepper


def keep_certificate(keys: Path, agent: str, certificate: x509.Certificate) -> None:
    """The agent's present certificate, beside what else is known of it."""
    (keys / "agents" / agent / _CERTIFICATE).write_text(pem_of(certificate), encoding="ascii")


def serials_of(keys: Path, authority: Authority, site: str, agent: str) -> set[int]:
    """Every certificate that the agent was ever given."""
    serials = {
        int(each.serial, 16) for each in authority.issued() if (each.site, each.agent) == (site, agent)
    }
    path = keys / "agents" / agent / _CERTIFICATE
    try:
        serials.add(x509.load_pem_x509_certificate(path.read_bytes()).serial_number)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path}: {error}") from error
    return serials


def shut_out(keys: Path, site: str, agent: str, world: World) -> int:
    """Revoke all certificates of an agent and forget it; how many certificates. Again does no harm."""
    authority = load_authority(keys)
    serials = serials_of(keys, authority, site, agent)
    authority.revoke(serials, world)
    folder = keys / "agents" / agent
    if (folder / IDENTITY).exists() and load_agent_keys(folder).site == site:
        shutil.rmtree(folder)
    return len(serials)


def write_lists(config: GatewayConfig) -> bool:
    """Bring the broker's ACL and list of revocations up to date; whether anything was news."""
    keys = Path(config.keys)
    return write_rights(config, known_agents(keys), (keys / "site-ca" / CRL).read_bytes())


def tell_broker(config: GatewayConfig) -> str:
    """:func:`write_lists`, and let the broker read them; empty, or a line with what is left to do.

    Also where nothing is news: the last time nobody may have told it.
    """
    write_lists(config)
    return reload_broker(config)
