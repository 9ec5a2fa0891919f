"""The rim of the checks: each reader looks at one thing and brings its facts.

Nothing here changes anything but the note of the store's size.
"""

import http.client
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine, func, inspect, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_contract import __version__
from pleintemps_contract.checkup import machine
from pleintemps_contract.checkup.broker import BrokerFacts, read_broker
from pleintemps_contract.errors import ConfigError, ContractError
from pleintemps_contract.kernel import ntp_synchronised
from pleintemps_contract.world import World
from pleintemps_gateway.broker import tls_context
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.errors import StoreError
from pleintemps_gateway.keys import load_gateway_keys
from pleintemps_gateway.notify.duty import DutyBook
from pleintemps_gateway.store import engine as stores
from pleintemps_gateway.store import reading
from pleintemps_gateway.store.schema import agents, alerts, housekeeping
from pleintemps_gateway.updates.desk import youngest
from pleintemps_gateway.web import upkeep
from pleintemps_gateway.web.agents import load_agents
from pleintemps_gateway.web.backups import load_backups
from pleintemps_gateway.web.sources import source_health

from . import growth
from .facts import (
    AgentFacts,
    AgentsFacts,
    BackupFacts,
    ConfigFacts,
    FeedFacts,
    FeedsFacts,
    MessageFacts,
    ProcessFacts,
    StatusFacts,
    StoreFacts,
    UpdateFacts,
)

WALKED_BYTES: Final = 500_000_000
"""A larger store is walked through only when asked."""
_WEB_S: Final = 5.0
_OPEN_KEYS: Final = (".crt", ".crl", ".conf", ".acl")
_OPEN_NAMES: Final = ("purpose", "gateway-keys.json", "lock", "acl")


@dataclass(frozen=True, slots=True)
class Place:
    """What is looked at: the checked configuration of ``file``, and its store."""

    file: Path
    config: GatewayConfig
    world: World
    engine: Engine
    thorough: bool = False

    @property
    def state(self) -> Path:
        return Path(self.config.state)

    @property
    def keys(self) -> Path:
        return Path(self.config.keys)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A reading transaction; raises StoreError where there is no store: looking must not make one."""
        file = _sqlite_file(self)
        if file is not None and not file.exists():
            raise StoreError(f"{file} is not there")
        with self.engine.connect() as conn:
            yield conn

    @property
    def sites(self) -> list[str]:
        return [site.site for site in self.config.sites]


def read_clock(place: Place) -> machine.ClockFacts:
    return machine.ClockFacts(place.world.source, ntp_synchronised())


def read_disk(place: Place) -> machine.DiskFacts:
    size = _store_size(place)
    # the machine's own time: a simulated hour fills no disk
    return machine.read_disk(place.state, size, growth.look(place.state, place.world.now(), size))


def _sqlite_file(place: Place) -> Path | None:
    url = make_url(place.config.database_url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _store_size(place: Place) -> int:
    file = _sqlite_file(place)
    if file is not None:
        around = (file.with_name(file.name + end) for end in ("", "-wal"))
        return sum(path.stat().st_size for path in around if path.exists())
    with place.connect() as conn:
        return int(conn.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def read_store(place: Place) -> StoreFacts:
    try:
        with place.connect() as conn:
            return _store(place, conn, _sqlite_file(place))
    except StoreError as error:
        return StoreFacts(fault=str(error))
    except SQLAlchemyError as error:
        return StoreFacts(fault=stores.first_line(error))


def _store(place: Place, conn: Connection, file: Path | None) -> StoreFacts:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(stores.__file__).parent / "migrations"))
    known = {script.revision for script in scripts.walk_revisions()}
    schema = None
    if inspect(conn).has_table("alembic_version"):
        schema = conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    verdict = None
    if file is not None and (place.thorough or file.stat().st_size < WALKED_BYTES):
        verdict = str(conn.execute(text("PRAGMA quick_check(1)")).scalar_one())
    return StoreFacts(
        kind=conn.dialect.name,
        schema=None if schema is None else str(schema),
        wanted=scripts.get_current_head() or "",
        older=schema in known,
        verdict=verdict,
    )


def read_processes(place: Place) -> ProcessFacts:
    with place.connect() as conn:
        # its first round of the house is a minute after its start; an agent that it hears is a sign before
        heard = select(agents.c.site, func.max(agents.c.last_seen)).group_by(agents.c.site)
        kept = {str(site): int(at) for site, at in conn.execute(heard) if at is not None}
        for site, at in conn.execute(select(housekeeping.c.site, housekeeping.c.at)):
            kept[site] = max(kept.get(site, 0), int(at))
    web = place.config.web
    return ProcessFacts(
        now=place.world.now(),
        kept=tuple((site, kept.get(site)) for site in place.sites),
        where=f"[{web.host}]:{web.port}" if ":" in web.host else f"{web.host}:{web.port}",
        web=_web_answer(web.host, web.port),
    )


def _web_answer(host: str, port: int) -> int | None:
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    connection = http.client.HTTPConnection(anywhere.get(host, host), port, timeout=_WEB_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    except ConnectionRefusedError:
        return None
    except http.client.HTTPException:
        return 0  # it is no web server
    finally:
        connection.close()


def read_gateway_broker(place: Place) -> BrokerFacts:
    url = urlsplit(place.config.mqtt.url)
    secure = url.scheme == "mqtts"
    context: ssl.SSLContext | None = tls_context(place.keys) if secure else None
    name = f"pleintemps-doctor-{place.world.new_id()[:8]}"
    host, port = url.hostname or "", url.port or (8883 if secure else 1883)
    return read_broker(host, port, context, name, place.world.now())


def read_certificates(place: Place) -> machine.CertificateFacts:
    paths = [
        path
        for part in ("site-ca", "gateway", "broker", "enrolment")
        for path in sorted((place.keys / part).glob("*.crt"))
    ]
    return machine.read_certificates(paths, place.world.now())


def read_agents(place: Place) -> AgentsFacts:
    with place.connect() as conn:
        views = load_agents(conn, place.config.sites, place.world.now())
    return AgentsFacts(
        __version__,
        tuple(
            AgentFacts(
                f"{view.site}/{view.agent}",
                view.state,
                view.version,
                view.backlog,
                view.todo,
                tuple(f"{device.device} ({device.detail or device.health})" for device in view.ill),
            )
            for view in views
        ),
    )


def read_feeds(place: Place) -> FeedsFacts:
    now = place.world.now()
    with place.connect() as conn:
        found = source_health(conn, place.config.sites, now)
    return FeedsFacts(
        now,
        tuple(
            FeedFacts(f"{feed.site}/{feed.feed}", feed.good, feed.poll_s, feed.error, feed.untold)
            for feed in found
            if feed.configured
        ),
    )


def read_messages(place: Place) -> MessageFacts:
    config = place.config
    with place.connect() as conn:
        found = upkeep.messages(conn, config.sites, place.world.now())
    shown = [(each.state, (f"{each.site}, {each.channel}", each.number, each.error)) for each in found]
    fault, people = "", 0
    try:
        people = len(DutyBook(config).people)
    except ConfigError as error:
        fault = str(error)
    return MessageFacts(
        kind=config.delivery.kind,
        failed=tuple(row for state, row in shown if state == "failed"),
        waiting=tuple(row for state, row in shown if state == "queued" and row[2]),
        duty=config.duty_file,
        duty_fault=fault,
        on_duty=people,
    )


def read_backup(place: Place) -> BackupFacts:
    now = place.world.now()
    view = load_backups(place.config, now)
    away = tuple(str(seen.folder) for seen in view.folders if not seen.there)
    return BackupFacts(now, view.last, view.max_age_h, view.late, away, view.unreadable)


def read_secrets(place: Place) -> machine.SecretFacts:
    return machine.read_secrets(_secrets(place))


def _secrets(place: Place) -> Iterator[Path]:
    for path in sorted(place.keys.rglob("*")):
        if path.suffix not in _OPEN_KEYS and path.name not in _OPEN_NAMES:
            yield path
    config = place.config
    named = [config.duty_file, config.delivery.urls_file]
    for table in (config.series, config.metrics, config.backup, config.web.oidc):
        named += [str(getattr(table, name, "")) for name in ("token_file", "passphrase_file", "secret_file")]
    for site in config.sites:
        for feed in site.feeds:
            named += [str(value) for name, value in feed.items() if name.endswith("_file")]
    yield from (Path(name) for name in named if name)
    file = _sqlite_file(place)
    if file is not None and file.parent.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield file  # behind a folder that nobody enters its mode does not matter


def read_zones(place: Place) -> machine.ZoneFacts:
    year = datetime.fromtimestamp(place.world.now() / 1000, UTC).year
    return machine.read_zones((site.zone for site in place.config.sites), year)


def read_config(place: Place) -> ConfigFacts:
    config, fault, demo = place.config, "", False
    try:
        demo = load_gateway_keys(place.keys).purpose == "demo"
    except ContractError as error:
        fault = str(error)
    wanted = {door.agent for site in config.sites for door in site.doors}
    keyless = sorted(agent for agent in wanted if not (place.keys / "agents" / agent).is_dir())
    return ConfigFacts(
        keys_fault=fault,
        demo=demo,
        web_host=config.web.host,
        public_url=config.web.public_url,
        delivery=config.delivery.kind,
        keyless=tuple(keyless),
        no_duty_number=tuple(site.site for site in config.sites if not site.about.duty),
        file_open=bool(place.file.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)),
    )


def read_updates(place: Place) -> UpdateFacts:
    if place.config.updates is None:
        return UpdateFacts(False)
    with place.connect() as conn:
        found = [(site, youngest(conn, site)) for site in place.sites]
    told = ((site, each.version, each.state, each.reason) for site, each in found if each is not None)
    return UpdateFacts(True, tuple(told))


def read_status(place: Place) -> StatusFacts:
    names = place.sites
    going_on = alerts.c.site.in_(names) & (alerts.c.state != "resolved")
    counted: Any = select(alerts.c.rank, func.count()).where(going_on).group_by(alerts.c.rank)
    with place.connect() as conn:
        ranks = {str(rank): int(number) for rank, number in conn.execute(counted)}
        online = [str(row.presence) == "online" for row in reading.agents(conn, names)]
    return StatusFacts(__version__, sum(online), len(online) - sum(online), ranks)
