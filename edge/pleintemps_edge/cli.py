"""``pleintemps-edge``: run the agent, record what it touches, check its configuration, ask how it is, give an
OSDP reader its key, measure a sound recording, calibrate a microphone, enrol at a gateway,
test every device of a new installation.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from pleintemps_contract import logs
from pleintemps_contract.configfile import convert, load_toml
from pleintemps_contract.errors import ConfigError, ContractError
from pleintemps_contract.world import SystemWorld

from . import __version__
from .agent import serve
from .calibration import save
from .commissioning import cli as commissioning
from .config import EdgeConfig, Setup, load
from .drivers.i2s_microphone import I2sMicrophoneConfig
from .drivers.osdp import OsdpConfig
from .drivers.registry import Context
from .enrolment import cli as enrolment
from .errors import EdgeError, NotRunningError, RecordingError, SetupError
from .journal.claim import claim
from .operation import cli as operation
from .status import ask, complaints, describe
from .updates import cli as updates

USAGE_ERROR = 2
RUN_ERROR = 1
NOT_RUNNING = 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pleintemps-edge",
        description="The agent on one Raspberry Pi: it opens doors for booking codes and measures rooms.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in (
        ("run", "run the agent until SIGTERM or Ctrl-C"),
        ("record", "run the agent and record what its devices and the network say, without secrets"),
        ("check", "say ok, or one line for each thing to mend in the configuration"),
        ("status", "how the running agent is; exit status 1 if something is ill, 3 if it is not running"),
        (
            "calibrate",
            "store what a microphone is off by, with a calibrator of 1 kHz on it; stop the agent first",
        ),
        ("osdp-install", "give an OSDP reader a new key, over its old one or the default key"),
    ):
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the agent's edge.toml"
        )
        if name == "record":
            _add_recording(command)
        if name == "status":
            command.add_argument("--json", action="store_true", help="one JSON object")
        if name == "calibrate":
            command.add_argument("device", metavar="DEVICE", help="the microphone's name in there")
            command.add_argument(
                "--level",
                type=_decibels,
                default=94.0,
                metavar="DB",
                help="the calibrator's level, 94 by default",
            )
            command.add_argument(
                "--seconds",
                type=int,
                choices=range(3, 61),
                default=10,
                metavar="S",
                help="3 to 60, 10 by default",
            )
        if name == "osdp-install":
            command.add_argument("--device", required=True, metavar="NAME", help="the reader's name in there")
    _add_meter(commands)
    enrolment.register(commands)
    commissioning.register(commands)
    operation.register(commands)
    updates.register(commands)
    return parser


def _add_recording(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the recording, which must not exist yet"
    )
    command.add_argument("--for", type=_seconds, dest="seconds", metavar="S", help="end after so long")
    command.add_argument(
        "--max-mib",
        type=int,
        choices=range(1, 65_537),
        default=1_024,
        metavar="N",
        help="stop recording, not the agent, when the file is so large (1024)",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 31_536_000:
        raise ValueError
    return seconds


def _add_meter(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    summary = "the sound levels of a WAV file (16, 24 or 32 bits, 32-bit floating point, 8 to 192 kHz)"
    command = commands.add_parser("meter", help=summary, description=summary)
    command.add_argument("file", type=Path, metavar="FILE.wav")
    command.add_argument(
        "--full-scale-db",
        type=_decibels,
        required=True,
        metavar="X",
        help="peak sound pressure level, dB re 20 uPa, that one sample of full scale stands for",
    )
    command.add_argument("--channel", type=int, default=1, metavar="N", help="1, the first, by default")
    command.add_argument(
        "--noise-floor-db", type=_decibels, metavar="DB", help="the microphone's own noise in dB(A)"
    )
    command.add_argument(
        "--series", type=float, choices=(0.125, 1.0), metavar="S", help="with LAeq for every 0.125 or 1 s"
    )
    command.add_argument("--json", action="store_true", help="one JSON object")


def _decibels(text: str) -> float:
    level = float(text)
    if not -200 <= level <= 300:
        raise ValueError
    return level


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done and well, 1 it could not run or something is ill, 2 the command line or the
    configuration is wrong, 3 no agent is running.
    """
    options = _parser().parse_args(arguments)
    if hasattr(options, "run"):
        code: int = options.run(options)
        return code
    if options.command == "status":
        return _status(options.config, as_json=options.json)
    if options.command == "meter":
        return _meter(options)
    try:
        setup = load(options.config)
    except SetupError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return USAGE_ERROR
    if options.command == "check":
        print("ok")
        return 0
    if options.command == "calibrate":
        return _calibrate(setup, options.device, options.level, options.seconds)
    if options.command == "osdp-install":
        return _install(setup, options.device)
    logs.setup()
    logging.getLogger("mqtt").setLevel(logging.ERROR)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            if options.command == "record":
                return runner.run(_record(setup, options))
            runner.run(_run(setup))
    except (EdgeError, ContractError) as error:
        print(f"pleintemps-edge: {error}", file=sys.stderr)
        return RUN_ERROR
    return 0


def _status(path: Path, *, as_json: bool) -> int:
    try:
        # neither keys nor devices are looked at: who may read the state folder may ask
        config = load_toml(path, EdgeConfig)
        status = ask(path.resolve().parent / config.state)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR
    except NotRunningError as error:
        print(f"pleintemps-edge: {error}", file=sys.stderr)
        return NOT_RUNNING
    ill = complaints(status)
    print(msgspec.json.encode(status).decode() if as_json else describe(status))
    for complaint in ill:
        print(f"ill: {complaint}", file=sys.stderr)
    return RUN_ERROR if ill else 0


def _meter(options: argparse.Namespace) -> int:
    from .measuring import Wish, describe, measure

    wish = Wish(options.full_scale_db, options.channel, options.noise_floor_db, options.series)
    try:
        told = measure(options.file, wish)
    except RecordingError as error:
        print(f"pleintemps-edge: {options.file}: {error}", file=sys.stderr)
        return USAGE_ERROR
    print(msgspec.json.encode(told).decode() if options.json else describe(told))
    return 0


def _install(setup: Setup, device: str) -> int:
    from .osdp_install import install

    table = next((table for table in setup.config.devices if table.get("device") == device), {})
    if table.get("driver") != "osdp":
        print(f"pleintemps-edge: {device!r} is no device with the driver osdp", file=sys.stderr)
        return USAGE_ERROR
    try:
        done = asyncio.run(install(convert(device, table, OsdpConfig), Context(SystemWorld(), setup.base)))
    except (EdgeError, ContractError, OSError) as error:
        print(f"pleintemps-edge: {error}", file=sys.stderr)
        return RUN_ERROR
    print(f"{device}: {done}")
    return 0


def _calibrate(setup: Setup, device: str, level: float, seconds: int) -> int:
    from .calibrating import calibrate

    table = next((table for table in setup.config.devices if table.get("device") == device), {})
    if table.get("driver") != "i2s_microphone" or not 40 <= level <= 140:
        print(
            f"pleintemps-edge: want a device with the driver i2s_microphone ({device!r} is none?)"
            " and a level of 40 to 140 dB",
            file=sys.stderr,
        )
        return USAGE_ERROR
    try:
        setup.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = claim(setup.state)  # a running agent has the microphone, and would not see what is stored
        try:
            config = convert(device, table, I2sMicrophoneConfig)
            found = asyncio.run(calibrate(config, Context(SystemWorld(), setup.base), level, seconds))
            save(setup.state, device, found)
        finally:
            held.close()
    except (EdgeError, ContractError, OSError) as error:
        print(f"pleintemps-edge: {device}: {error}", file=sys.stderr)
        return RUN_ERROR
    print(f"{device}: {found.offset_db:+.2f} dB, calibrated {found.date}")
    return 0


async def _run(setup: Setup) -> None:
    await serve(setup, _until_told())


async def _record(setup: Setup, options: argparse.Namespace) -> int:
    from .record.recording import record

    lost = await record(setup, _until_told(), options.out, limit_mib=options.max_mib, for_s=options.seconds)
    if lost:
        print(f"pleintemps-edge: {options.out}: {lost} lines are missing", file=sys.stderr)
    return RUN_ERROR if lost else 0


def _until_told() -> asyncio.Event:
    """Set by SIGTERM and Ctrl-C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: 32-bit Pis have no wheel of it."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
