"""Mosquitto's files for the building's own broker, beside the agent: for locks that speak MQTT themselves.

    mosquitto.conf     loopback, and one address for the devices; passwords, no anonymous client, limits
    acl                nobody may anything, but for what a line allows: each device its own topics
    passwd             salted hashes, as Mosquitto 2.0 reads them (``$7$``, PBKDF2 with SHA-512)
    passwords/USER     what is typed into a device's settings, readable by the files' owner only

Passwords that are there stay. A Shelly answers to ``<who asked>/rpc``, whose name a driver draws anew at each
start: it may write there, but not where another Shelly takes its orders.
"""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pleintemps_contract.keyfiles import refuse_if_open, replace_secret
from pleintemps_contract.world import World
from pleintemps_edge.config import EdgeConfig
from pleintemps_edge.drivers import registry
from pleintemps_edge.drivers.nuki import NukiConfig, NukiContactConfig
from pleintemps_edge.drivers.shelly import ShellyConfig
from pleintemps_edge.drivers.zigbee2mqtt import Zigbee2MqttConfig
from pleintemps_edge.errors import EnrolmentError

ROUNDS: Final = 101
"""Mosquitto's own count: a random password of 128 bits needs no slow hash, and the broker waits for it."""
_SALT: Final = 12
_MAX_PACKET: Final = 262_144


class User(NamedTuple):
    """A device, or a program that speaks for some: its name at the broker, and the lines of its ACL."""

    name: str
    rights: tuple[str, ...]


class Rights(NamedTuple):
    """``agent`` is what the agent may with all of them."""

    agent: tuple[str, ...]
    users: tuple[User, ...]


def rights_of(config: EdgeConfig) -> Rights:
    """Who may what on the building's broker, from the devices of ``config``; raises ConfigError. Pure."""
    agent: dict[str, None] = {}
    users: dict[str, User] = {}
    devices = [registry.read(table) for table in config.devices]
    shellies = sorted({each.prefix for each in devices if isinstance(each, ShellyConfig)})
    for device in devices:
        match device:
            case NukiConfig() | NukiContactConfig():
                own = f"{device.base}/{device.lock_id}"
                agent |= dict.fromkeys((f"read {own}/#", f"write {own}/lockAction"))
                name = f"nuki-{device.lock_id}"
                users[name] = User(name, (f"write {own}/#", f"read {own}/lockAction"))
            case Zigbee2MqttConfig():
                base, own = device.base, f"{device.base}/{device.name}"
                told = (f"read {base}/bridge/state", f"read {own}", f"read {own}/availability")
                agent |= dict.fromkeys((*told, f"write {own}/set", f"write {own}/get"))
                users[base] = User(base, (f"readwrite {base}/#",))
            case ShellyConfig():
                own = device.prefix
                told = (f"read {own}/online", f"read {own}/events/rpc", "read +/rpc")
                agent |= dict.fromkeys((*told, f"write {own}/rpc"))
                others = tuple(f"deny {other}/rpc" for other in shellies if other != own)
                users[own] = User(own, (*others, f"write {own}/#", "write +/rpc", f"read {own}/rpc"))
            case _:
                continue
    return Rights(tuple(agent), tuple(users[name] for name in sorted(users)))


def acl_text(rights: Rights, agent: str) -> str:
    """The ACL; the agent is the user ``agent``."""
    lines = ["# made by pleintemps-edge local-broker; what is written here by hand is lost"]
    for user in (User(agent, rights.agent), *rights.users):
        lines += ["", f"user {user.name}", *(f"topic {right}" for right in user.rights)]
    return "\n".join(lines) + "\n"


def conf_text(folder: Path, port: int, listen: Sequence[str]) -> str:
    """The configuration: on the loopback, and on each of ``listen``."""
    lines = ["# made by pleintemps-edge local-broker; what is written here by hand is lost"]
    lines += [f"listener {port} {address}" for address in dict.fromkeys(("127.0.0.1", *listen))]
    lines += [
        "allow_anonymous false",
        f"password_file {folder / 'passwd'}",
        f"acl_file {folder / 'acl'}",
        "set_tcp_nodelay true",
        f"max_packet_size {_MAX_PACKET}",
        "max_keepalive 300",
        "max_inflight_messages 100",
        "max_queued_messages 100",
        "max_connections 200",
        "# an order that waits for a lock that is away would open it later",
        "max_queued_bytes 1048576",
        "persistence false",
        f"user {folder.owner()}",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
    ]
    return "\n".join(lines) + "\n"


def hashed(password: str, salt: bytes) -> str:
    """As ``mosquitto_passwd`` of 2.0 writes it."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def password_of(path: Path, world: World) -> str:
    """The password in a file, made if it is not there; raises KeyFileError or OSError."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = base64.b32encode(world.random_bytes(20)).decode().lower()
        replace_secret(path, f"{text}\n".encode())
    refuse_if_open(path)
    return path.read_text(encoding="utf-8").rstrip("\r\n")


def write(config: EdgeConfig, base: Path, folder: Path, listen: Sequence[str], world: World) -> Rights:
    """Write all files into ``folder``; ``base`` is that of the configuration.

    Raises EnrolmentError where the configuration has no such broker, ConfigError, KeyFileError, OSError.
    """
    building, rights = config.building, rights_of(config)
    if building is None or not building.user:
        raise EnrolmentError(
            '[building]: want url = "mqtt://127.0.0.1:1883", user = "agent", password_file = "agent.password"'
        )
    if not rights.users:
        raise EnrolmentError("no device of this configuration speaks MQTT itself")
    names = [user.name for user in rights.users]
    if building.user in names:
        raise EnrolmentError(f"building.user: {building.user!r} is the name of a device at this broker")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    passwords = {building.user: password_of(base / building.password_file, world)}
    passwords |= {name: password_of(folder / "passwords" / name, world) for name in names}
    told = [f"{name}:{hashed(text, world.random_bytes(_SALT))}" for name, text in passwords.items()]
    files = {
        "passwd": "\n".join(told) + "\n",
        "acl": acl_text(rights, building.user),
        "mosquitto.conf": conf_text(folder, building.port, listen),
    }
    for name, text in files.items():
        replace_secret(folder / name, text.encode())
    return rights
