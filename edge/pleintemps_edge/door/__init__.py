"""One door: pure rules from (state, event, now) to (state, effects)."""

from .rules import initial, transition
from .states import (
    Closed,
    CodeAccepted,
    Commanded,
    ContactLost,
    DoorEvent,
    DoorState,
    Effect,
    Opened,
    Plan,
    PlanChanged,
    Record,
    Refuse,
    Release,
    Secure,
    Tick,
    Wake,
)

__all__ = [
    "Closed",
    "CodeAccepted",
    "Commanded",
    "ContactLost",
    "DoorEvent",
    "DoorState",
    "Effect",
    "Opened",
    "Plan",
    "PlanChanged",
    "Record",
    "Refuse",
    "Release",
    "Secure",
    "Tick",
    "Wake",
    "initial",
    "transition",
]
