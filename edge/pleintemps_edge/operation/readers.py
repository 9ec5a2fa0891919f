"""The rim of the agent's checks: each reader looks at one thing and brings its facts.

Nothing here opens a device that the agent holds, and no door moves.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pleintemps_contract.checkup import machine
from pleintemps_contract.checkup.broker import BrokerFacts, read_broker
from pleintemps_contract.kernel import ntp_synchronised
from pleintemps_contract.keyfiles import GATEWAY_KEYS, own_certificate
from pleintemps_contract.world import World
from pleintemps_edge import __version__
from pleintemps_edge.config import EdgeConfig, load
from pleintemps_edge.errors import NotRunningError, SetupError
from pleintemps_edge.link.session import Broker
from pleintemps_edge.rtc import VL_BACKUP_EMPTY, VL_DATA_INVALID, LinuxRtc, RtcDevice
from pleintemps_edge.status import ask

from .facts import PiFacts, RtcFacts, RunFacts, SetupFacts, TimeFacts

_THROTTLED: Final = "devices/platform/soc/soc:firmware/get_throttled"
_CELSIUS: Final = "class/thermal/thermal_zone0/temp"


@dataclass(frozen=True)
class Place:
    """What is looked at: ``config`` of ``file``, the kernel's files below ``sys``."""

    file: Path
    config: EdgeConfig
    world: World
    sys: Path = Path("/sys")

    @property
    def base(self) -> Path:
        return self.file.resolve().parent

    @property
    def state(self) -> Path:
        return self.base / self.config.state

    @property
    def keys(self) -> Path:
        return self.base / self.config.keys


def read_setup(place: Place) -> SetupFacts:
    try:
        load(place.file)
    except SetupError as error:
        return SetupFacts(error.problems)
    return SetupFacts(())


def read_run(place: Place) -> RunFacts:
    try:
        return RunFacts(__version__, ask(place.state))
    except NotRunningError as error:
        return RunFacts(__version__, None, str(error))


def read_time(place: Place) -> TimeFacts:
    status, world = read_run(place).status, place.config.clock.source
    if status is None:
        return TimeFacts(world, ntp_synchronised(), None, None)
    return TimeFacts(world, ntp_synchronised(), status.clock.value, status.clock_trusted)


def read_rtc(place: Place) -> RtcFacts:
    path, doors = place.config.clock.rtc, len(place.config.doors)
    if not path:
        return RtcFacts("", doors)
    known = place.world.now() if ntp_synchronised() else None
    return rtc_facts(LinuxRtc(place.base / path), path, doors, known)


def rtc_facts(chip: RtcDevice, path: str, doors: int, known: int | None) -> RtcFacts:
    """``known`` is a time that is right, None where nobody has one."""
    reading = chip.read()
    off = None if known is None or reading.at is None else reading.at - known
    low = bool((reading.flags or 0) & (VL_BACKUP_EMPTY | VL_DATA_INVALID))
    return RtcFacts(path, doors, reading.answered, reading.at is not None, low, off)


def read_disk(place: Place) -> machine.DiskFacts:
    size = sum(path.stat().st_size for path in place.state.glob("*") if path.is_file())
    return machine.read_disk(place.state, size)


def read_secrets(place: Place) -> machine.SecretFacts:
    files = sorted(place.keys.rglob("*"))
    paths = [path for path in files if path.suffix != ".crt" and path.name != GATEWAY_KEYS]
    if place.config.building is not None and place.config.building.password_file:
        paths.append(place.base / place.config.building.password_file)
    return machine.read_secrets(paths)


def read_site_broker(place: Place) -> BrokerFacts:
    mqtt = place.config.mqtt
    context = Broker(mqtt.host, mqtt.port, place.keys if mqtt.tls else None).tls()
    # a name of its own: with the agent's the broker would cut the agent's line
    name = f"pleintemps-doctor-{place.world.new_id()[:8]}"
    return read_broker(mqtt.host, mqtt.port, context, name, place.world.now())


def read_certificates(place: Place) -> machine.CertificateFacts:
    certificate, _ = own_certificate(place.keys)
    return machine.read_certificates([place.keys / "ca.crt", certificate], place.world.now())


def read_pi(place: Place) -> PiFacts:
    flags = _text(place.sys / _THROTTLED)
    celsius = _text(place.sys / _CELSIUS)
    return PiFacts(int(flags, 16) if flags else None, int(celsius) / 1000 if celsius.isdigit() else None)


def _text(path: Path) -> str:
    """Empty where the kernel has no such file."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
