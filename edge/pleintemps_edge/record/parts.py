"""What a recording looks at besides an agent's rims."""

from collections.abc import Sequence
from typing import NamedTuple

from pleintemps_edge.access.desk import Desk
from pleintemps_edge.clock import Clock
from pleintemps_edge.drivers.base import SeriesSpec
from pleintemps_edge.journal.events import EventJournal
from pleintemps_edge.journal.samples import SampleJournal
from pleintemps_edge.metering import Metering
from pleintemps_edge.routing import Router


class Parts(NamedTuple):
    """Of one agent; ``boot`` is the true one."""

    boot: str
    events: EventJournal
    samples: SampleJournal
    desk: Desk
    clock: Clock
    metering: Metering
    series: Sequence[SeriesSpec]
    router: Router
