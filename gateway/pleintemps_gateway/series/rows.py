"""What may leave for the series database: there is no field for a booking, a code or a person.

Times are Unix ms, levels dB or dB(A) as the series' quantity says.
"""

from collections.abc import Sequence

from msgspec import Struct

from pleintemps_contract.agent_messages import ClockSource
from pleintemps_contract.gateway_messages import Occupancy
from pleintemps_contract.onvif import DoorAlarm
from pleintemps_contract.units import Quantity


class Samples(Struct, frozen=True, kw_only=True):
    """Values of one series as received, in columns of one length: ``ats`` (Unix ms) and ``values``."""

    space: str
    agent: str
    series: str
    quantity: Quantity
    ats: Sequence[int]
    values: Sequence[float]


class SpaceState(Struct, frozen=True, kw_only=True):
    """The belief about a space; ``probability`` is that of occupied, absent while unknown."""

    space: str
    at: int
    state: Occupancy
    probability: float | None


class NoiseWindow(Struct, frozen=True, kw_only=True):
    """LAeq over the space's sliding window and the limit in force."""

    space: str
    at: int
    laeq_db: float
    limit_db: float | None


class AlertChange(Struct, frozen=True, kw_only=True):
    """An alert was opened or resolved at ``at``; ``about`` is the slug of its door, agent or device."""

    kind: str
    at: int
    resolved: bool
    space: str | None = None
    about: str | None = None


class DoorAlarmState(Struct, frozen=True, kw_only=True):
    """The alarm of a door from ``at`` on; ``space`` is the one it leads to."""

    door: str
    space: str
    at: int
    alarm: DoorAlarm


class AgentNow(Struct, frozen=True, kw_only=True):
    """An agent as it stands at ``at``; what is not known is absent.

    ``silent_s`` since it was heard of, ``backlog`` records that its last birth told of and that are not
    stored, ``lost`` those that it no longer had, ``ill`` devices that do not report themselves well,
    ``version`` 1002003 for 1.2.3, ``certificate_days`` until its certificate ends.
    """

    agent: str
    at: int
    online: bool
    silent_s: float | None
    backlog: int | None
    lost: int
    ill: int
    clock: ClockSource | None
    clock_trusted: bool | None
    version: float | None
    certificate_days: float | None


class SpaceHour(Struct, frozen=True, kw_only=True):
    """What an hour of a space from ``at`` on was, in ms: known, used, booked, both used and booked."""

    space: str
    at: int
    known_ms: int
    used_ms: int
    booked_ms: int
    both_ms: int


Said = SpaceState | NoiseWindow | AlertChange | DoorAlarmState | AgentNow | SpaceHour
"""What the rules made of readings: a point each."""
Row = Samples | Said
