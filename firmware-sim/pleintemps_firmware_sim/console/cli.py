"""Commands for testers: console, page, orders (all from the table of acts), bytes read as frames."""

import argparse
import asyncio
import sys
from pathlib import Path

from pleintemps_firmware_sim.errors import ControlError

from .acts import ACTS, ActRow, Order, Text

_WORDS = (
    "press", "card", "push", "leave", "force", "prop", "unprop", "jam", "free", "enter", "exit", "noise",
    "quiet", "fire", "fire-over", "unplug", "plug", "cut", "power",
)  # fmt: skip
"""Commands of their own; ``do`` knows all the others too."""
_PROTOCOLS = ("ld2410", "ld2450", "modbus", "osdp")
_SHORT = {"seconds": "--for"}
"""Options that are not called as their field."""
_DATA = "data folder of what runs (else: of the one demo that runs)"


def add_console(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``console``, ``panel`` and ``decode``."""
    summary = "see a running building on this terminal and act on it by keys"
    console = commands.add_parser("console", help=summary, description=f"{summary}; `?` shows the keys.")
    console.add_argument("--data", type=Path, metavar="DIR", help=_DATA)
    console.set_defaults(run=_console)

    summary = "the console as a page for a tester with a tablet"
    panel = commands.add_parser("panel", help=summary, description=f"{summary}.")
    panel.add_argument("--data", type=Path, metavar="DIR", help=_DATA)
    panel.add_argument("--port", type=_port, default=8090, help="0 to 65535, 0 is a free one (8090)")
    panel.add_argument(
        "--bind",
        metavar="ADDRESS",
        help="listen there, not on this machine only; the page wants a token then",
    )
    panel.set_defaults(run=_panel)

    summary = "read bytes as frames of a device's protocol"
    frames = commands.add_parser("decode", help=summary, description=f"{summary}, one line each.")
    frames.add_argument("protocol", choices=_PROTOCOLS)
    frames.add_argument("hex", nargs="*", help="bytes in hexadecimal digits (else: on standard input)")
    frames.add_argument("--to-device", action="store_true", help="the other side sent them")
    frames.set_defaults(run=_decode)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("0 to 65535")
    return port


def _console(options: argparse.Namespace) -> int:
    from pleintemps_contract.world import SystemWorld
    from pleintemps_firmware_sim import control

    from .app import Console

    data = options.data if options.data is not None else control.find()
    if not data.is_dir():
        raise ControlError(f"{data} is no folder")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ControlError("the console needs a terminal; `pleintemps-sim panel` is the same as a page")
    console = Console(data, SystemWorld())
    console.run()
    return console.return_code or 0


def _panel(options: argparse.Namespace) -> int:
    from pleintemps_contract.world import SystemWorld
    from pleintemps_firmware_sim import control
    from pleintemps_firmware_sim.processes import end_on_signals

    from . import panel

    data = options.data if options.data is not None else control.find()
    token = None if options.bind is None else panel.make_token(SystemWorld())
    with panel.listen(options.bind or panel.HERE, options.port) as listener:
        print(panel.address_of(listener, token), flush=True)

        async def live() -> None:
            work = asyncio.ensure_future(panel.serve(data, listener, token))
            end_on_signals(work)
            await work

        try:
            asyncio.run(live())
        except asyncio.CancelledError:
            return 0
    return 0


def _decode(options: argparse.Namespace) -> int:
    from .frames import decode

    text = " ".join(options.hex) if options.hex else sys.stdin.read()
    try:
        data = bytes.fromhex(text)
    except ValueError as error:
        raise ControlError(f"bytes are pairs of hexadecimal digits: {error}") from error
    frames = decode(options.protocol, data, out=not options.to_device)
    for frame in frames:
        fields = " ".join(f"{name}={value}" for name, value in frame.fields.items())
        print(" ".join(part for part in (frame.name, fields, f"[{frame.raw.hex(' ')}]") if part))
    return 0 if all(frame.ok for frame in frames) else 1


def add_orders(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add a command for each act that everybody needs, and ``do`` for every act."""
    for act in _WORDS:
        _add_act(commands, act, ACTS[act])
    summary = "do any act of the table to a running building: every fault, and its end"
    every = commands.add_parser("do", help=summary, description=f"{summary}.")
    acts = every.add_subparsers(title="acts", required=True, metavar="ACT")
    for act, row in ACTS.items():
        _add_act(acts, act, row)


def _add_act(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", act: str, row: ActRow) -> None:
    order = commands.add_parser(act, help=f"{row.goal}: {row.says}", description=f"{row.goal}: {row.says}.")
    order.add_argument(
        "--data", type=Path, metavar="DIR", help="data folder of what runs (else: the one demo)"
    )
    if row.goal == "building":
        order.set_defaults(target="building")
    else:
        order.add_argument("target", metavar=row.goal.upper(), help="its name")
    for name, field in row.takes.items():
        if isinstance(field, Text) and field.default is None:
            order.add_argument(name, metavar=name.upper(), help=field.says)
        elif isinstance(field, Text):
            order.add_argument(f"--{name}", help=f"{field.says} ({field.default})")
        else:
            option = _SHORT.get(name, f"--{name.replace('_', '-')}")
            says = f"{field.says} ({field.default:g})"
            order.add_argument(option, dest=name, type=float, metavar="N", help=says.replace("%", "%%"))
    order.set_defaults(run=_give, act=act)


def _give(options: argparse.Namespace) -> int:
    from pleintemps_firmware_sim import control

    taken = {name: getattr(options, name) for name in ACTS[options.act].takes}
    values = {name: value for name, value in taken.items() if value is not None}
    data = options.data if options.data is not None else control.find()
    print(control.send(data, Order(act=options.act, target=options.target, values=values)))
    return 0
