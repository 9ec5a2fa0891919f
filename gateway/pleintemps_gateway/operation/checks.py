"""The table of checks: one row each, in the order of the page."""

from functools import partial
from typing import Final

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_contract.checkup import machine
from pleintemps_contract.checkup.broker import judge_broker
from pleintemps_contract.checkup.findings import Check
from pleintemps_contract.errors import ContractError
from pleintemps_gateway.errors import GatewayError

from . import gateways, readers, rules
from .readers import Place

FAULTS: Final = (OSError, ContractError, GatewayError, SQLAlchemyError, msgspec.MsgspecError)
"""What keeps a check from looking; anything else is our own mistake."""
_RENEW: Final = "pleintemps-gateway init --config FILE makes what ends anew (docs/security.md)"

CHECKS: Final[tuple[Check[Place], ...]] = (
    Check("config", readers.read_config, rules.judge_config),
    Check("clock", readers.read_clock, machine.judge_clock),
    Check("time-zones", readers.read_zones, machine.judge_zones),
    Check("disk", readers.read_disk, machine.judge_disk),
    Check("secrets", readers.read_secrets, machine.judge_secrets),
    Check("store", readers.read_store, rules.judge_store),
    Check("processes", readers.read_processes, rules.judge_processes),
    Check("gateways", gateways.read_gateways, gateways.judge_gateways),
    Check("broker", readers.read_gateway_broker, judge_broker),
    Check("certificate", readers.read_certificates, partial(machine.judge_certificates, renew=_RENEW)),
    Check("agents", readers.read_agents, rules.judge_agents),
    Check("feeds", readers.read_feeds, rules.judge_feeds),
    Check("messages", readers.read_messages, rules.judge_messages),
    Check("backup", readers.read_backup, rules.judge_backup),
    Check("updates", readers.read_updates, rules.judge_updates),
)
