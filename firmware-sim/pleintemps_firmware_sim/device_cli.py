"""``pleintemps-sim device``: one simulated device alone, for any program that speaks with such a device.

While it runs it obeys lines on its standard input; the end of the input does not end it.
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pleintemps_contract.simclock import SimulatedWorld
from pleintemps_contract.world import SystemWorld, World

from .devices.alone.registry import Alone, Kind, carry_out, kinds
from .errors import ControlError, SimulatorError
from .processes import end_on_signals

Say = Callable[[str], None]
_CHUNK: Final = 4096
_LONGEST_LINE: Final = 4096
_EPILOG: Final = """\
While it runs, type orders (one line each, also through a pipe); `help` lists them with what they take,
`quit` ends. The end of the input does not end the device, Ctrl-C does."""


def add_device(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``device`` with a command of its own for each kind."""
    summary = "run one simulated device alone, for any program"
    device = commands.add_parser("device", help=summary, description=f"{summary}.")
    names = device.add_subparsers(title="devices", required=True, metavar="NAME")
    for kind in kinds().values():
        one = names.add_parser(
            kind.name,
            help=kind.summary,
            description=kind.summary,
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        kind.options(one)
        one.add_argument(
            "--clock", type=Path, metavar="SOCKET", help="live by a simulated clock (else the machine's)"
        )
        one.set_defaults(run=_run, kind=kind)


def _run(options: argparse.Namespace) -> int:
    kind: Kind = options.kind
    world: World = SystemWorld() if options.clock is None else SimulatedWorld(options.clock)
    try:
        alone = kind.make(options, world)
    except ValueError as error:
        raise ControlError(str(error)) from error

    def say(text: str) -> None:
        # a device that writes its samples to standard output talks beside it
        print(text, file=sys.stderr if getattr(options, "quiet_stdout", False) else sys.stdout, flush=True)

    async def live() -> None:
        work = asyncio.ensure_future(serve(alone, kind.name, say, follow_input))
        end_on_signals(work)
        await work

    try:
        asyncio.run(live())
    except asyncio.CancelledError:
        return 0
    return 0


async def serve(alone: Alone, name: str, say: Say, follow: Callable[[Callable[[str], None]], None]) -> None:
    """Let the device live and carry out the lines that ``follow`` hands over, until it ends or ``quit``."""

    def ready() -> None:
        say(f"{name}: {alone.where}; `help` lists orders, Ctrl-C ends")
        follow(obey)

    def obey(text: str) -> None:
        if text.strip() == "quit":
            life.cancel()
        elif text.strip():
            try:
                say(carry_out(alone, text))
            except SimulatorError as error:
                say(f"? {error}")

    life = asyncio.ensure_future(alone.run(ready))
    try:
        await asyncio.wait((life,))
        if not life.cancelled():
            life.result()
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


def follow_input(obey: Callable[[str], None]) -> None:
    """Hand each line of standard input to ``obey`` on the running event loop, until it ends.

    A thread reads, because a loop cannot wait for everything that an input may be (a file, /dev/null).
    """
    loop = asyncio.get_running_loop()
    # in the background a terminal's input would stop the whole process: reading then fails instead
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)

    def read() -> None:
        buffer = b""
        try:
            while data := os.read(0, _CHUNK):
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    loop.call_soon_threadsafe(obey, line.decode(errors="replace"))
                buffer = buffer[:_LONGEST_LINE]
        except (OSError, RuntimeError):  # no input; or the loop has ended while we waited
            return

    threading.Thread(target=read, name="orders", daemon=True).start()
