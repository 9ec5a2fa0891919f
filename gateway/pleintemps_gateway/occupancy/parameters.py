"""What the sensors and people are assumed to do: one table for all rooms.

Rates are per second, triples stand for (vacant, occupied and active, occupied and still). ``docs/rules.md``
gives the source of each figure."""

from typing import Final, NamedTuple


class PerState(NamedTuple):
    """One figure per hidden state."""

    vacant: float
    active: float
    still: float


def every(vacant_s: float, active_s: float, still_s: float) -> PerState:
    """Rates from mean times between happenings, in seconds."""
    return PerState(1 / vacant_s, 1 / active_s, 1 / still_s)


# People: how a room changes by itself.
ARRIVE: Final = 1 / 7_200
"""Vacant to active: a visit every two hours."""
LEAVE_ACTIVE: Final = 1 / 2_400
"""Active to vacant: people get up before they go, so a room empties from the active state."""
LEAVE_STILL: Final = 1 / 7_200
"""Still to vacant without a movement that a sensor saw."""
SETTLE: Final = 1 / 240
"""Active to still."""
STIR: Final = 1 / 240
"""Still to active."""
PRIOR: Final = PerState(0.8, 0.1, 0.1)
"""A room nobody knows anything about yet."""
AFTER_DOOR: Final = PerState(0.5, 0.4, 0.1)
"""Somebody passed the door, in or out."""

# PIR as a two-valued process: how often it rises when low, how soon it falls when high.
PIR_RISES: Final = every(14_400, 20, 170)
"""False triggers every four hours; somebody active every 20 s, somebody still every 170 s."""
PIR_FALLS: Final = every(20, 60, 25)
"""Hold time of a single trigger, prolonged by people who keep moving."""

# LD2410: 0 nobody, 2 still, 1 and 3 moving. "Leaves" is how soon a reported state ends.
RADAR_NOBODY_ENDS: Final = every(3_600, 4, 5)
RADAR_MOVING_ENDS: Final = every(3, 20, 4)
RADAR_STILL_ENDS: Final = every(15, 5, 60)
RADAR_TO_NOBODY: Final = every(5, 120, 60)
"""How soon presence is lost: the no-one delay of 5 s when vacant, a lost target when not."""
RADAR_TO_MOVING: Final = every(3_600, 2, 20)
RADAR_TO_STILL: Final = every(3_600, 8, 8)

RADAR_SPEAKS_S: Final = 20.0
"""A radar state tells nearly all it can within 20 s; what follows is one long confirmation."""
RADAR_CONFIRMS: Final = (0.05, 0.5)
"""Weight of that confirmation: of nobody (a target out of sight stays out of sight), of somebody."""

MAX_STEP_LLR: Final = 6.0
"""No single change of one sensor multiplies odds by more than e^6 (403)."""
FLOOR: Final = PerState(0.005, 0.005, 0.002)
"""Belief never falls below: evidence can always cross the threshold both ways."""
OCCUPIED_ABOVE: Final = 0.6
VACANT_BELOW: Final = 0.4
"""Between the two the last state stays."""

LOUD_LLR: Final = 0.5
"""From this logarithm of a ratio on a level is named as what tells of somebody."""
DOOR_WEIGHT: Final = 0.5
"""Share of the belief that one passage of a door lets go."""
DOOR_APART_MS: Final = 30_000
"""Edges of a door closer than this are one passage."""
LONE_MS: Final = 60_000
"""A sensor that is high by itself is not suspected before."""
BRANCH_STEP_S: Final = 15.0
"""Steps in which the time since a sensor stuck is lived through again without it."""
SURE_ODDS: Final = 3.0
"""Logarithm of the odds (95 %) from which a sensor is stuck beyond doubt; from 0 on it is no evidence."""
STUCK_LEVELS: Final = 10
"""A level that stays the same this often while somebody moves, or tells of somebody, is no evidence."""
STUCK_TOLD_MS: Final = 30 * 60_000
"""A stuck sensor is reported once it has been so for this long."""
FIRST_DAY_MS: Final = 12 * 3_600_000
"""So much must have been measured in a room before the others are believed against a stuck sensor."""
RHYTHM_MS: Final = 2 * 3_600_000
"""A series that is stale this soon tells at a rhythm, not on change only."""
STALE_FACTOR: Final = 2
"""A series is stale after this many times its ``max_silence_s``."""
UNKNOWN_AFTER_MS: Final = 15 * 60_000
"""Without any live evidence for this long the state is unknown."""
GRID_MS: Final = 5_000
"""Belief moves in steps that end at whole multiples of this, so that the moments of asking do not change
it."""
REORDER_MS: Final = 30_000
"""Samples that come up to this much after their time give exactly the in-order result."""
FORGET_MS: Final = 6 * 3_600_000
"""After a gap this long the belief starts again from the prior."""
