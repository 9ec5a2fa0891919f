"""The agent's ``edge.toml`` as typed records, and what has to fit together in it.

Devices stay tables here: their driver's own record reads them (:mod:`pleintemps_edge.drivers.registry`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field
from msgspec.structs import asdict

from pleintemps_contract.clockconfig import AgentClockConfig
from pleintemps_contract.configfile import load_toml
from pleintemps_contract.errors import ConfigError, ContractError, KeyFileError
from pleintemps_contract.identifiers import Slug
from pleintemps_contract.keyfiles import (
    AUTHORITY,
    AgentKeys,
    load_agent_keys,
    own_certificate,
    refuse_if_open,
)
from pleintemps_hardware import onboard
from pleintemps_hardware.board import PinUse, PortUse
from pleintemps_hardware.checks.fit import DeviceUse, DoorUse
from pleintemps_hardware.checks.fit import Use as KitUse

from .door.states import Plan, Relock
from .drivers import registry
from .errors import SetupError
from .updates.settings import UpdatesConfig

Seconds = Annotated[float, Meta(ge=1, le=3_600)]


class MqttConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``mqtt://host[:port]`` in clear, ``mqtts://host[:port]`` with ca.crt, agent.crt, agent.key of the key
    folder.
    """

    url: str = "mqtt://127.0.0.1:1883"

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError("url: want mqtt://host:port or mqtts://host:port")
        if parts.username or parts.password:
            raise ValueError(
                "url: no user or password here; mqtts:// identifies the agent by its certificate"
            )
        _ = parts.port  # raises ValueError when it is no port
        try:
            parts.hostname.encode("idna")
        except UnicodeError as error:
            raise ValueError("url: that is no name of a host") from error

    @property
    def tls(self) -> bool:
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or (8883 if self.tls else 1883)


class BuildingConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The building's own broker, beside the agent, for locks that speak MQTT: ``mqtt://host[:port]``.

    ``password_file`` holds the password alone, readable by its owner only.
    """

    url: str
    user: str = ""
    password_file: str = ""

    def __post_init__(self) -> None:
        MqttConfig(url=self.url)
        if urlsplit(self.url).scheme != "mqtt":
            raise ValueError("url: want mqtt://host:port")
        if bool(self.user) != bool(self.password_file):
            raise ValueError("user and password_file go together")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 1883


class SamplesConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``budget_mib``: how much the samples that wait for the gateway may take on disk."""

    budget_mib: Annotated[int, Meta(ge=1, le=65_536)] = 64


class DoorConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One door, from the space or street ``from`` into the space ``to``.

    ``interlock`` names a door of this agent: while one of the two is open or released, nobody enters by the
    other. ``fire`` and ``lockdown`` may serve many doors.
    """

    door: Slug
    from_: Slug = field(name="from")
    to: Slug
    lock: Slug
    contact: Slug | None = None
    readers: list[Slug] = field(default_factory=list)
    exit: Slug | None = None
    exit_releases: bool = False
    fire: Slug | None = None
    lockdown: Slug | None = None
    interlock: Slug | None = None
    release_s: Annotated[float, Meta(ge=1, le=600)] = 5
    open_s: Seconds = 30
    extended_release_s: Annotated[float, Meta(ge=1, le=600)] = 15
    extended_open_s: Seconds = 60
    relock: Relock = "open"
    relock_delay_s: Annotated[float, Meta(ge=0, le=60)] = 0
    pre_alarm_s: Annotated[float, Meta(ge=0, le=3_600)] = 5

    def __post_init__(self) -> None:
        if self.contact is None and self.relock == "close":
            raise ValueError('relock = "close" needs a contact')
        if self.exit_releases and self.exit is None:
            raise ValueError("exit_releases needs an exit")
        if self.exit is not None and self.contact is None and not self.exit_releases:
            raise ValueError("exit: without a contact and exit_releases it has nothing to do")
        if self.extended_release_s < self.release_s or self.extended_open_s < self.open_s:
            raise ValueError("extended_release_s and extended_open_s are not shorter than the others")
        if self.pre_alarm_s >= self.open_s:
            raise ValueError("pre_alarm_s is shorter than open_s")
        if self.interlock == self.door:
            raise ValueError("interlock: names another door")

    @property
    def plan(self) -> Plan:
        return Plan(
            release_ms=round(self.release_s * 1000),
            open_ms=round(self.open_s * 1000),
            extended_release_ms=round(self.extended_release_s * 1000),
            extended_open_ms=round(self.extended_open_s * 1000),
            relock_delay_ms=round(self.relock_delay_s * 1000),
            pre_alarm_ms=round(self.pre_alarm_s * 1000),
            relock=self.relock,
            exit_releases=self.exit_releases,
        )


class PanelConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The building's intrusion alarm behind ``device``: unset by the first accepted entry at one of
    ``doors``, set only while all of them are closed.
    """

    panel: Slug
    device: Slug
    doors: Annotated[list[Slug], Meta(min_length=1, max_length=64)]


class SignalConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A light or sign behind ``device`` that warns the people in ``space``. It goes out after ``max_on_s``
    unless the gateway says again that it is wanted, which it does every four minutes.
    """

    signal: Slug
    device: Slug
    space: Slug
    max_on_s: Annotated[float, Meta(ge=300, le=14_400)] = 900


class EdgeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. Paths are relative to its folder."""

    site: Slug
    agent: Slug
    keys: str
    state: str
    board: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\0]*\Z")] | None = None
    mqtt: MqttConfig = field(default_factory=MqttConfig)
    clock: AgentClockConfig = field(default_factory=AgentClockConfig)
    samples: SamplesConfig = field(default_factory=SamplesConfig)
    devices: Annotated[list[dict[str, Any]], Meta(max_length=256)] = field(default_factory=list)
    doors: Annotated[list[DoorConfig], Meta(max_length=64)] = field(default_factory=list)
    building: BuildingConfig | None = None
    panels: Annotated[list[PanelConfig], Meta(max_length=16)] = field(default_factory=list)
    signals: Annotated[list[SignalConfig], Meta(max_length=64)] = field(default_factory=list)
    updates: UpdatesConfig | None = None

    def __post_init__(self) -> None:
        for key, path in (("keys", self.keys), ("state", self.state), ("clock.rtc", self.clock.rtc)):
            if "\0" in path:
                raise ValueError(f"{key}: holds a NUL, which no path does")


class Setup(NamedTuple):
    """A configuration that fits together, with its keys. ``base`` is the folder of the file."""

    config: EdgeConfig
    keys: AgentKeys
    base: Path

    @property
    def state(self) -> Path:
        return self.base / self.config.state

    @property
    def key_folder(self) -> Path:
        return self.base / self.config.keys

    @property
    def building_password(self) -> str:
        """The password for the building's broker, empty without a user; raises KeyFileError."""
        building = self.config.building
        return _password(self.base / building.password_file) if building is not None and building.user else ""


def _password(path: Path) -> str:
    try:
        refuse_if_open(path)
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise KeyFileError(f"{path}: not text") from error
    if not password or not password.isprintable():
        raise KeyFileError(f"{path}: want the password alone, on one line")
    return password


def load(path: Path) -> Setup:
    """Read and check ``path`` and the keys it names; raises SetupError with one line for each problem."""
    try:
        config = load_toml(path, EdgeConfig)
    except ConfigError as error:
        raise SetupError(str(error)) from error
    base = path.resolve().parent
    problems = [*_device_problems(config, base), *_door_problems(config)]
    keys: AgentKeys | None = None
    try:
        keys = load_agent_keys(base / config.keys)
    except ContractError as error:
        problems.append(f"keys: {error}")
    if config.building is not None and config.building.user:
        try:
            _password(base / config.building.password_file)
        except KeyFileError as error:
            problems.append(f"building.password_file: {error}")
    if keys is not None:
        problems += _identity_problems(config, keys, base)
    if problems or keys is None:
        raise SetupError(*(f"{path}: {problem}" for problem in problems))
    return Setup(config, keys, base)


def _identity_problems(config: EdgeConfig, keys: AgentKeys, base: Path) -> Iterator[str]:
    if (keys.site, keys.agent) != (config.site, config.agent):
        yield (
            f"keys: {config.keys} belongs to agent {keys.agent!r} of site {keys.site!r},"
            f" not to {config.agent!r} of {config.site!r}"
        )
    if config.clock.source == "simulated" and keys.purpose != "demo":
        yield 'clock.source: "simulated" goes with demo keys only'
    if config.clock.source == "simulated" and not config.clock.socket:
        yield "clock.socket: name the Unix socket of the simulated clock"
    if config.mqtt.tls:
        folder = base / config.keys
        for path in dict.fromkeys((folder / AUTHORITY, *own_certificate(folder))):
            if not path.is_file():
                yield f"mqtt.url: mqtts:// needs {config.keys}/{path.name}"


def _device_problems(config: EdgeConfig, base: Path) -> Iterator[str]:
    names: set[str] = set()
    devices: list[DeviceUse] = []
    uses: list[PinUse | PortUse] = []
    for table in config.devices:
        try:
            device = registry.read(table)
        except ConfigError as error:
            yield str(error)
            continue
        if device.device in names:
            yield f"devices: {device.device!r} is there twice"
        names.add(device.device)
        if device.needs_building() and config.building is None:
            yield f"device {device.device}: a {device.driver} needs the building's broker: set [building]"
        uses += [PinUse(device.device, pin) for pin in device.pins()]
        uses += [PortUse(device.device, port) for port in device.ports()]
        devices.append(DeviceUse(device.device, device.driver, asdict(device), device.pins()))
    try:
        yield from onboard.problems(config.board, base, uses, _kit_use(config, devices))
    except ConfigError as error:
        yield str(error)


def _kit_use(config: EdgeConfig, devices: list[DeviceUse]) -> KitUse:
    doors = tuple(
        DoorUse(door.door, door.from_, tuple(door.readers), door.lock, door.exit, door.fire)
        for door in config.doors
    )
    rtc = config.clock.rtc if config.clock.source == "system" else None
    return KitUse(tuple(devices), doors, rtc)


def _door_problems(config: EdgeConfig) -> Iterator[str]:
    doors: set[str] = set()
    users: dict[str, str] = {}
    for door in config.doors:
        if door.door in doors:
            yield f"doors: {door.door!r} is there twice"
        doors.add(door.door)
        own: list[Use] = [("lock", door.lock), ("contact", door.contact), ("exit", door.exit)]
        own += [("readers", reader) for reader in door.readers]
        shared: list[Use] = [("fire", door.fire), ("lockdown", door.lockdown)]
        yield from _served(config, f"door {door.door}", [*own, *shared])
        yield from _taken(f"door {door.door}", door.door, own, users)
    yield from _bolt_problems(config)
    yield from _interlock_problems(config)
    for panel in config.panels:
        where = f"panel {panel.panel}"
        if panel.panel in doors:
            yield f"panels: {panel.panel!r} is the name of a door or of another panel"
        doors.add(panel.panel)
        panels: list[Use] = [("panel", panel.device)]
        yield from _served(config, where, panels)
        yield from _taken(where, panel.panel, panels, users)
        contacts = {door.door: door.contact for door in config.doors}
        for name in panel.doors:
            if name not in contacts:
                yield f"{where}: doors: there is no door {name!r}"
            elif contacts[name] is None:
                yield f"{where}: doors: {name!r} has no contact, so nobody knows whether it is shut"
    for signal in config.signals:
        where = f"signal {signal.signal}"
        if signal.signal in doors:
            yield f"signals: {signal.signal!r} is the name of a door, a panel or another signal"
        doors.add(signal.signal)
        lights: list[Use] = [("signal", signal.device)]
        yield from _served(config, where, lights)
        yield from _taken(where, signal.signal, lights, users)


Use = tuple[registry.Serves, str | None]


def _served(config: EdgeConfig, where: str, uses: list[Use]) -> Iterator[str]:
    """Devices that are not there, or cannot do what they are named for."""
    drivers = {str(table.get("device")): table.get("driver") for table in config.devices}
    known = registry.drivers().values()
    for key, device in uses:
        if device is None:
            continue
        if device not in drivers:
            yield f"{where}: {key}: there is no device {device!r}"
        elif drivers[device] not in (fit := [each.name for each in known if each.serves == key]):
            yield f"{where}: {key}: {device!r} is a {drivers[device]}, want a {' or '.join(sorted(fit))}"


def _taken(where: str, name: str, uses: list[Use], users: dict[str, str]) -> Iterator[str]:
    """Devices that serve something else already; notes in ``users`` whose they are."""
    for key, device in uses:
        if device is not None and device in users:
            yield f"{where}: {key}: {device!r} already serves {users[device]!r}"
        if device is not None:
            users.setdefault(device, name)


def _bolt_problems(config: EdgeConfig) -> Iterator[str]:
    """Doors whose lock would throw its bolt past the frame: only a door that is shut may be locked."""
    throws = set()
    for table in config.devices:
        try:
            device = registry.read(table)
        except ConfigError:
            continue  # it is said where devices are checked
        if device.throws_bolt():
            throws.add(device.device)
    for door in config.doors:
        if door.lock in throws and (door.contact is None or door.relock != "close"):
            yield f'door {door.door}: its lock throws a bolt: it needs a contact and `relock` = "close"'


def _interlock_problems(config: EdgeConfig) -> Iterator[str]:
    interlocks = {door.door: door.interlock for door in config.doors}
    for door, other in interlocks.items():
        if other is not None and interlocks.get(other) != door:
            yield f"door {door}: interlock: {other!r} has to be a door here that names {door!r} in turn"
