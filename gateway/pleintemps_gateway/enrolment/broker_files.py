"""Mosquitto's files for the broker: what ``init`` writes, and what changes when an agent comes or goes.

    broker/mosquitto.conf     TLS with client certificates, limits, persistence; made anew by each ``init``
    broker/acl                nobody may anything, but for what a line allows
    broker/crl.pem            certificates that count no more

Mosquitto 2.0 reads the ACL and the list of revocations anew on SIGHUP: who is connected and has no line any
more neither says nor hears another word, and cannot connect again.
"""

import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.keyfiles import replace_secret
from pleintemps_contract.topics import PREFIX, TABLE, agent_reads
from pleintemps_contract.wire import MAX_PAYLOAD
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.home_assistant.topics import acl as others_acl

FOLDER: Final = "broker"
ACL: Final = "acl"
CRL: Final = "crl.pem"
CONF: Final = "mosquitto.conf"
MAX_PACKET: Final = MAX_PAYLOAD + 1_024
"""Bytes of a packet: the largest message of ours and its topic."""
_RELOAD_S: Final = 15
_BY_HAND: Final = "let the broker read its files anew (SIGHUP, such as `systemctl reload mosquitto`)"


def acl_text(config: GatewayConfig, agents: Iterable[tuple[str, str]]) -> str:
    """The ACL for these agents (site, agent), the gateway and what the configuration tells besides."""
    lines = ["# made by pleintemps-gateway; what is written here by hand is lost", "user gateway"]
    lines.append(f"topic readwrite {PREFIX}/#")
    for site, agent in sorted(agents):
        said = [channel.value for channel, row in TABLE.items() if not row.signed]
        lines += ["", f"user {site}/{agent}"]
        lines += [f"topic write {PREFIX}/{site}/{agent}/{channel}" for channel in said]
        lines += [f"topic read {topic}" for topic in agent_reads(site, agent)]
    if config.home_assistant is not None:
        lines += ["", *others_acl(config.home_assistant.prefix, config.home_assistant.control_sites)]
    if config.broker.also:
        try:
            lines += ["", Path(config.broker.also).read_text(encoding="utf-8").rstrip()]
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFileError(f"broker.also: {error}") from error
    return "\n".join(lines) + "\n"


def conf_text(config: GatewayConfig) -> str:
    """Mosquitto's configuration (2.0 and later)."""
    folder, broker = Path(config.keys) / FOLDER, config.broker
    port = urlsplit(config.mqtt.url).port or 8883
    lines = [
        "# made by pleintemps-gateway init, and anew by each: change [broker] in the gateway's file instead",
        f"listener {port} {broker.bind}".rstrip(),
        f"cafile {folder / 'ca.crt'}",
        f"certfile {folder / 'broker.crt'}",
        f"keyfile {folder / 'broker.key'}",
        f"crlfile {folder / CRL}",
        "tls_version tlsv1.2",
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
        f"acl_file {folder / ACL}",
        "# an answer behind a PUBACK must not wait for the other side's acknowledgement",
        "set_tcp_nodelay true",
        f"max_packet_size {MAX_PACKET}",
        "max_keepalive 120",
        "max_inflight_messages 1000",
        "max_queued_messages 20000",
        "max_queued_bytes 268435456",
        "max_connections 10000",
        "persistent_client_expiration 14d",
        "retain_available true",
        "persistence true",
        f"persistence_location {broker.data}/",
        "# what was acknowledged is on disk with the next turn, not in half an hour",
        "autosave_on_changes true",
        "autosave_interval 1",
        f"pid_file {broker.pid_file}",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages true",
    ]
    # counts only where root starts it: whoever has these keys can read them
    lines.append(f"user {broker.user or Path(config.keys).owner()}")
    return "\n".join(lines) + "\n"


def write_conf(config: GatewayConfig, made: list[str]) -> None:
    """Make ``mosquitto.conf`` what the configuration says; a line for ``made`` if that is news."""
    path = Path(config.keys) / FOLDER / CONF
    text = conf_text(config).encode()
    if not path.exists() or path.read_bytes() != text:
        replace_secret(path, text)
        made.append(f"{path}: the broker's configuration: mosquitto -c {path}")
    Path(config.broker.data).mkdir(mode=0o700, parents=True, exist_ok=True)


def write_rights(config: GatewayConfig, agents: Iterable[tuple[str, str]], crl: bytes) -> bool:
    """Make the ACL and the list of revocations what they should be; whether anything was news."""
    folder, news = Path(config.keys) / FOLDER, False
    for name, data in ((CRL, crl), (ACL, acl_text(config, agents).encode())):
        path = folder / name
        if not path.exists() or path.read_bytes() != data:
            replace_secret(path, data)
            news = True
    return news


def reload_broker(config: GatewayConfig) -> str:
    """Let the broker read the files anew; empty if it was told, else one line with what to do."""
    command = list(config.broker.reload)
    if command:
        try:
            done = subprocess.run(command, timeout=_RELOAD_S, capture_output=True, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"broker.reload has failed ({error}): {_BY_HAND}"
        return (
            f"broker.reload has failed (exit code {done.returncode}): {_BY_HAND}" if done.returncode else ""
        )
    path = Path(config.broker.pid_file)
    try:
        pid = int(path.read_text(encoding="ascii"))
        # the number may be another program's by now
        if pid <= 1 or not Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").startswith("mosquitto"):
            return f"{path}: no mosquitto runs under it: {_BY_HAND}"
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError):
        return f"broker.reload is not set, and {path} names no broker of ours: {_BY_HAND}"
    return ""
