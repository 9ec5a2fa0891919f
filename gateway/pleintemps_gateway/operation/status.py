"""``status``: is it running, in a few lines. Takes what the checks find, and counts."""

from collections.abc import Sequence
from typing import Final

import msgspec

from pleintemps_contract.checkup.findings import Finding, Level, days

from .facts import BackupFacts, GatewayFacts, GatewaysFacts, StatusFacts

RUNNING: Final = ("ingest", "web", "broker")


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """``last_backup`` in Unix ms; ``gateways`` where there may be several; ``faults`` has a line for each
    part that does not run.
    """

    version: str
    ingest: bool
    web: bool
    broker: bool
    agents_up: int
    agents_down: int
    last_backup: int | None
    alerts: dict[str, int]
    gateways: list[GatewayFacts]
    faults: list[str]


def status_of(
    counts: StatusFacts, backup: BackupFacts, findings: Sequence[Finding], several: GatewaysFacts
) -> Status:
    """What the findings about running parts, and the counts, come to. Pure."""
    broken = [each for each in findings if each.check in RUNNING and each.level is not Level.OK]
    # a part that could not be looked at has not shown that it runs
    unseen = "processes" in {each.check for each in findings}
    down = {
        each.check for each in broken if each.level is Level.FAIL or each.measured.startswith("could not")
    }
    return Status(
        version=counts.version,
        ingest=not unseen and "ingest" not in down,
        web=not unseen and "web" not in down,
        broker="broker" not in down,
        agents_up=counts.up,
        agents_down=counts.down,
        last_backup=backup.last,
        alerts=counts.alerts,
        gateways=list(several.gateways),
        faults=[f"{each.check}: {each.measured}" for each in findings if each.level is not Level.OK],
    )


def exit_code(status: Status) -> int:
    """0 all runs and every agent is there, 1 something is to be looked at, 2 a part does not run."""
    if not (status.ingest and status.web and status.broker):
        return 2
    return 1 if status.agents_down or status.faults or status.alerts.get("alert") else 0


def describe(status: Status, now: int, several: Sequence[str] = ()) -> str:
    """For a person; ``several`` are lines about the gateways."""

    def runs(part: bool) -> str:
        return "runs" if part else "DOWN"

    alerts = ", ".join(f"{number} {rank}" for rank, number in sorted(status.alerts.items())) or "none"
    backup = "never" if status.last_backup is None else f"{days(now - status.last_backup)} ago"
    lines = [
        f"gateway  version {status.version}: ingest {runs(status.ingest)}, web {runs(status.web)}",
        *several,
        f"broker   {'lets us in' if status.broker else 'DOWN'}",
        f"agents   {status.agents_up} up, {status.agents_down} down",
        f"alerts   {alerts}",
        f"backup   {backup}",
    ]
    return "\n".join([*lines, *(f"ill: {fault}" for fault in status.faults)])
