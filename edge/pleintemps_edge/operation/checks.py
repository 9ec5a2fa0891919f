"""The table of the agent's checks: one row each, in the order of the page."""

from functools import partial
from typing import Final

from pleintemps_contract.checkup import machine
from pleintemps_contract.checkup.broker import judge_broker
from pleintemps_contract.checkup.findings import Check
from pleintemps_contract.errors import ContractError
from pleintemps_edge.errors import EdgeError

from . import readers, rules
from .readers import Place

FAULTS: Final = (OSError, ContractError, EdgeError, ValueError)
"""What keeps a check from looking."""
_RENEW: Final = "it renews its own while the gateway's desk answers; else: pleintemps-edge enrol --again"

CHECKS: Final[tuple[Check[Place], ...]] = (
    Check("config", readers.read_setup, rules.judge_setup),
    Check("agent", readers.read_run, rules.judge_run),
    Check("clock", readers.read_time, rules.judge_time),
    Check("clock-chip", readers.read_rtc, rules.judge_rtc),
    Check("disk", readers.read_disk, machine.judge_disk),
    Check("journal", readers.read_run, rules.judge_journal),
    Check("secrets", readers.read_secrets, machine.judge_secrets),
    Check("broker", readers.read_site_broker, judge_broker),
    Check("certificate", readers.read_certificates, partial(machine.judge_certificates, renew=_RENEW)),
    Check("devices", readers.read_run, rules.judge_devices),
    Check("machine", readers.read_pi, rules.judge_pi),
)
