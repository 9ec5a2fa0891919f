"""The command ``selftest``: the agent's self test on simulated devices, each one broken if wanted."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pleintemps_contract.commissioning import DeviceResult, Prompt, Report
    from pleintemps_firmware_sim.conform.setup import Setup

FAILED: Final = 1


def add_selftest(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Give the command line this command."""
    command = commands.add_parser(
        "selftest",
        help="the agent's self test on simulated devices, with simulated hands",
        description="Run pleintemps-edge's self test of this configuration with a simulated counterpart of"
        " each device, in virtual time (real time while an OSDP reader is tested). Exit status: 0 nothing"
        " fails, or exactly what was broken; 1 it is otherwise, 2 the file is wrong.",
    )
    command.add_argument("--config", type=Path, required=True, metavar="edge.toml")
    command.add_argument(
        "--break",
        dest="broken",
        metavar="DEVICE[=FAULT]",
        help="break this device; `all`: each in turn with each of its faults, `each`: with the usual one",
    )
    command.add_argument("--faults", action="store_true", help="list what can be broken")
    command.add_argument("--only", nargs="+", default=[], metavar="DEVICE", help="test these alone")
    command.add_argument("--lang", choices=("fr", "en"), default="en", help="of texts and report (en)")
    command.add_argument("--out", type=Path, metavar="DIR", help="write the signed report here")
    command.add_argument("--json", action="store_true", help="one JSON line for each run")
    command.set_defaults(run=_selftest)


def _selftest(options: argparse.Namespace) -> int:
    from pleintemps_firmware_sim.conform.setup import Setup

    from .breaking import faults
    from .kit import RTC

    setup = Setup.read(options.config)
    devices = [*setup.devices, RTC]
    if options.faults:
        for device in devices:
            print(f"{device}: {', '.join(faults(setup, device)) or '-'}")
        return 0
    if options.broken not in ("all", "each"):
        return _one(setup, options, options.broken)
    status = 0
    readers = setup.of("osdp")
    for device in devices:
        known = list(faults(setup, device))
        for fault in known if options.broken == "all" else known[:1]:
            # an OSDP reader takes real seconds: it is there when its own turn has come
            only = [each for each in devices if each == device or each not in readers]
            status |= _one(setup, options, f"{device}={fault}", only)
    return status


def _one(setup: "Setup", options: argparse.Namespace, broken: str | None, only: "Sequence[str]" = ()) -> int:
    from pleintemps_contract.commissioning import Order

    from .breaking import named
    from .running import Wish, run

    several = options.broken in ("all", "each")
    stream = sys.stderr if options.json else sys.stdout

    def told(prompt: "Prompt") -> None:
        if not several:
            print(f"{prompt.number:3} {prompt.text}", file=stream)

    def found(result: "DeviceResult") -> None:
        if not several:
            _print(result, stream)

    target = named(setup, broken) if broken else None
    wish = Wish(
        order=Order(language=options.lang, only=tuple(options.only or only)),
        broken=target,
        out=options.out,
        told=told,
        found=found,
    )
    logging.disable(logging.CRITICAL)  # what the drivers at the bench log is no word to the tester
    try:
        report = run(setup, wish)
    finally:
        logging.disable(logging.NOTSET)
    right = report.broken == ([target[0]] if target else [])
    if options.json:
        print(json.dumps({"broken": broken or "", "found": report.broken, "right": right}), flush=True)
    else:
        print(_summary(report, broken, right), flush=True)
    return 0 if right else FAILED


def _print(result: "DeviceResult", stream: Any) -> None:
    print(f"    {result.verdict:7} {result.device} ({result.driver})", file=stream)
    for each in result.measurements:
        place = f" {each.where}" if each.where else ""
        print(f"            {each.name}{place} {each.value:g} {each.unit} {each.limit}".rstrip(), file=stream)
    for finding in result.findings:
        print(f"            {finding.verdict}: {finding.text}. {finding.advice}".rstrip(), file=stream)


def _summary(report: "Report", broken: str | None, right: bool) -> str:
    found = ", ".join(report.broken) or "nothing"
    reasons = "; ".join(
        finding.text for each in report.devices if each.device in report.broken for finding in each.findings
    )
    what = f"{broken}: " if broken else ""
    return f"{what}{len(report.devices)} tested, broken: {found}{f' ({reasons})' if reasons else ''}" + (
        "" if right else " - WRONG"
    )
