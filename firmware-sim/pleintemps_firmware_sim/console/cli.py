"""The commands that give orders to a running building; all of them come from the table of acts."""

import argparse
from pathlib import Path

from .acts import ACTS, ActRow, Order, Text

_WORDS = (
    "press", "card", "push", "leave", "force", "prop", "unprop", "jam", "free", "enter", "exit", "noise",
    "quiet", "fire", "fire-over", "unplug", "plug", "cut", "power",
)  # fmt: skip
"""Commands of their own; ``do`` knows all the others too."""
_SHORT = {"seconds": "--for"}
"""Options that are not called as their field."""
_DATA = "data folder of what runs (else: of the one demo that runs)"


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
