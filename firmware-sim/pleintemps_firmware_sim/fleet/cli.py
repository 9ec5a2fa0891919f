"""``pleintemps-sim fleet``: its options, and what it prints."""

import argparse
import json
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.keyfiles import load_agent_keys
from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.errors import ControlError

from .driver import Fleet, FleetOptions
from .plan import MOST_PER_AGENT, AgentPlan, FleetPlan

INCOMPLETE: Final = 1
_SPARE_FILES: Final = 64


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = float(text)
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{low:g} to {high:g}")
        return number

    return read


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{low} to {high}")
        return number

    return read


def add_fleet(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command ``fleet``."""
    text = "load a gateway with thousands of light agents, and count what became of it"
    fleet = commands.add_parser("fleet", help=text, description=text[0].upper() + text[1:] + ".")
    add = fleet.add_argument
    add("--sites", type=_whole(1, 1_000), default=1, metavar="N", help="sites (1)")
    add("--spaces", type=_whole(1, 20_000), default=20, metavar="M", help="spaces of each site (20)")
    add(
        "--per-agent",
        type=_whole(1, MOST_PER_AGENT),
        default=4,
        metavar="N",
        help="spaces of one agent, each with a door and three sensors (4)",
    )
    add(
        "--rate",
        type=_number(0.001, 100),
        default=1.0,
        metavar="R",
        help="readings a second and sensor (1)",
    )
    add("--for", type=_number(0, 1e7), dest="seconds", default=60.0, metavar="S", help="seconds (60)")
    add("--broker", default="mqtt://127.0.0.1:1883", metavar="URL", help="mqtt://127.0.0.1:1883")
    add(
        "--keys",
        type=Path,
        metavar="DIR",
        help="the gateway's key folder: signatures are checked, else none is",
    )
    add("--sessions", type=_whole(0, 20_000), default=0, metavar="N", help="lines that all share (one each)")
    add("--seed", type=int, default=1, help="of the people and of the faults (1)")
    add("--day", type=_number(1, 1_440), default=1_440, metavar="MIN", help="minutes of a day (1440)")
    add("--backlog", type=_number(0, 86_400), default=0, metavar="S", help="recorded before the first line")
    add("--drain", type=_number(0, 3_600), default=30, metavar="S", help="wait for the last receipts (30)")
    add("--hold", type=_whole(1, 1_000_000), default=4_096, metavar="N", help="batches an agent holds (4096)")
    add("--lose", type=_number(0, 0.9), default=0, metavar="P", help="lose this share of batches")
    add("--reconnect", type=_number(0, 60), default=0, metavar="R", help="cut every line R times a minute")
    add("--kill", type=_number(0, 60), default=0, metavar="R", help="cut every power R times a minute")
    add(
        "--receipts",
        choices=("gateway", "broker"),
        default="gateway",
        help="broker: its acknowledgements count, where there is no gateway",
    )
    add("--dry", action="store_true", help="make everything as fast as it goes, without any network")
    add(
        "--write-config",
        type=Path,
        metavar="DIR",
        help="write gateway.toml and calendars for this fleet, and end",
    )
    add("--no-bookings", action="store_true", help="with --write-config: without calendars")
    add("--web-port", type=_whole(1, 65_535), default=8_080, metavar="N", help="with --write-config (8080)")
    add("--json", action="store_true", help="nothing but the JSON line on standard output")
    fleet.set_defaults(run=run_fleet)


def run_fleet(options: argparse.Namespace) -> int:
    """Exit status 0 if everything committed was receipted, 1 if something was lost or left over."""
    plan = FleetPlan(options.sites, options.spaces, options.per_agent)
    world, day_ms = SystemWorld(), round(options.day * 60_000)
    if options.write_config is not None:
        from .installing import write

        config = write(
            options.write_config,
            plan,
            mqtt_url=options.broker,
            web_port=options.web_port,
            seed=options.seed,
            day_ms=day_ms,
            booked=not options.no_bookings,
            now=world.now(),
        )
        print(f"{config}: now run `pleintemps-gateway init --demo --config {config}`")
        return 0
    wanted = FleetOptions(
        plan=plan,
        rate=options.rate,
        seconds=options.seconds,
        backlog_s=options.backlog,
        sessions=options.sessions,
        seed=options.seed,
        day_ms=day_ms,
        drain_s=options.drain,
        capacity=options.hold,
        lose=options.lose,
        cut=options.reconnect,
        kill=options.kill,
        by_puback=options.receipts == "broker",
    )
    address = _address(options.broker)
    fleet = Fleet(wanted, world, _keys(options.keys))
    if options.dry:
        found = fleet.dry()
    else:
        _allow_files(options.sessions or len(fleet.agents))
        found = fleet.run(address, _stopped())
    found["signatures"] = "unchecked" if options.keys is None or options.dry else "checked"
    if not options.json:
        _tell(found)
    print(json.dumps(found), flush=True)
    left = found["waiting"]["readings"] or found["waiting"]["events"] or found["lost"]["readings"]
    return INCOMPLETE if left else 0


def _address(url: str) -> tuple[str, int]:
    """Host and port; raises ControlError for what is no ``mqtt://host:port``."""
    parts = urlsplit(url)
    try:
        port = parts.port or 1_883
    except ValueError as error:
        raise ControlError(f"--broker: {error}") from error
    if parts.scheme != "mqtt" or not parts.hostname:
        raise ControlError(f"--broker: mqtt://HOST:PORT wanted, not {url!r}; a fleet speaks no TLS")
    return parts.hostname, port


def _keys(folder: Path | None) -> Callable[[AgentPlan], TrustedKeys | None]:
    if folder is None:
        return lambda _plan: None

    def load(plan: AgentPlan) -> TrustedKeys:
        own = folder / "agents" / plan.agent
        found = load_agent_keys(own)
        if (found.site, found.agent) != (plan.site, plan.agent):
            raise KeyFileError(f"{own}: of agent {found.agent!r} of site {found.site!r}: another fleet's")
        return found.trusted

    return load


def _allow_files(lines: int) -> None:
    """Every line is an open file: raise our own limit as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = lines + _SPARE_FILES
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise ControlError(f"{lines} lines need {wanted} open files, {hard} are allowed: use --sessions")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _stopped() -> Callable[[], bool]:
    """Whether SIGINT or SIGTERM has come: the report is made all the same."""
    told: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda sign, _frame: told.append(sign))
    return lambda: bool(told)


def _tell(found: dict[str, Any]) -> None:
    sent, waits = found["sent"], found["receipt_ms"]
    for line in (
        f"{found['agents']} agents with {found['spaces']} spaces on {found['sessions']} lines,"
        f" {found['seconds']:g} s",
        f"committed  {found['readings']} readings in {found['batches']} batches, {found['events']} events",
        f"sent       {sent['messages']} messages, {sent['again']} again, {sent['dropped']} lost on purpose,"
        f" {sent['bytes']} bytes",
        f"receipted  {found['receipted']['readings']} readings, {found['receipted']['events']} events;"
        f" p50 {waits['p50']} ms, p99 {waits['p99']} ms",
        f"waiting    {found['waiting']['readings']} readings, {found['waiting']['events']} events",
        f"lost       {found['lost']['readings']} readings",
    ):
        print(line, file=sys.stdout)
