"""A site for the tests of the rules, and a gateway's day in a few calls."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from pleintemps_contract.agent_messages import Event, EventRecord, SeriesInfo
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_gateway.config import DoorConfig, RulesConfig, SiteConfig, SpaceConfig
from pleintemps_gateway.engine import Alert, AlertOpened, AlertResolved, Booking, Output, SiteEngine
from pleintemps_gateway.noise.settings import NoiseConfig

T = TypeVar("T")

NOON = 1_790_000_000_000 // 86_400_000 * 86_400_000 + 10 * 3_600_000
"""10:00 UTC of a day of September 2026: noon in Paris, no quiet hour."""
SECOND = 1000
MINUTE = 60_000
HOUR = 60 * MINUTE
BOOT = "0" * 32

SITE = SiteConfig(
    site="saint-aubin",
    name="Saint-Aubin",
    spaces=[
        SpaceConfig(space="hall", name="Hall", noise=NoiseConfig(window_s=60, warn_first_s=0)),
        SpaceConfig(space="class", name="Class"),
        SpaceConfig(space="yard", name="Yard", bookable=False),
    ],
    doors=[DoorConfig(door="hall", name="Hall", agent="entrance", from_="yard", to="hall")],
    rules=RulesConfig(),
)


def series(
    name: str,
    quantity: Quantity,
    space: str = "hall",
    max_silence_s: int = 90,
    device: str | None = None,
) -> SeriesInfo:
    states = (Quantity.MOTION, Quantity.RADAR, Quantity.CONTACT, Quantity.RANGE)
    kind = SeriesKind.STATE if quantity in states else SeriesKind.LEVEL
    return SeriesInfo(
        series=name,
        device=device or name,
        space=space,
        quantity=quantity,
        kind=kind,
        max_silence_s=max_silence_s,
    )


PIR = series("hall-pir", Quantity.MOTION)
RADAR = series("hall-radar", Quantity.RADAR)
METER = series("hall-meter", Quantity.LEVEL)
REED = series("hall-reed", Quantity.CONTACT)


class Day:
    """An engine whose agent repeats its states every 30 s, and a clock that ticks each second."""

    def __init__(
        self,
        infos: Iterable[SeriesInfo] = (),
        site: SiteConfig = SITE,
        now: int = NOON,
        tick_ms: int = SECOND,
    ) -> None:
        self.now = now
        self.site = site
        self.tick_ms = tick_ms
        self.ids = 0
        self.engine = SiteEngine(site, now, self.new_id)
        self.outputs: list[Output] = []
        self.held: dict[str, float] = {}
        self.told: list[tuple[str, int, float]] = []
        self.infos = list(infos)
        self.engine.on_series("entrance", self.infos)
        self.alive = True

    def new_id(self) -> str:
        self.ids += 1
        return f"{self.ids:032x}"

    def say(self, name: str, value: float, at: int | None = None) -> None:
        """A sensor changes (and keeps its value)."""
        self.held[name] = value
        self.tell(name, value, self.now if at is None else at)

    def tell(self, name: str, value: float, at: int) -> None:
        self.told.append((name, at, value))
        self.engine.on_samples("entrance", {name: [(at, value)]})

    def mute(self, *names: str) -> None:
        """These series say nothing any more."""
        for name in names:
            self.held.pop(name, None)

    def event(self, event: Event, at: int | None = None) -> None:
        record = EventRecord(
            seq=1, at=self.now if at is None else at, trusted=True, monotonic=0, boot=BOOT, event=event
        )
        self.engine.on_event("entrance", record)

    def run(self, milliseconds: int) -> list[Output]:
        """Let time pass; the outputs of that time."""
        found: list[Output] = []
        end = self.now + milliseconds
        while self.now < end:
            self.now = min(self.now + self.tick_ms, end)
            if self.alive:
                self.engine.on_agent("entrance", True, self.now)
            for name, value in self.held.items():
                is_level = any(i.series == name and i.kind is SeriesKind.LEVEL for i in self.infos)
                if is_level or self.now // (30 * SECOND) != (self.now - self.tick_ms) // (30 * SECOND):
                    self.tell(name, value, self.now)
            found += self.engine.tick(self.now)
        self.outputs += found
        return found

    def of(self, kind: type[T]) -> list[T]:
        return [output for output in self.outputs if isinstance(output, kind)]

    def standing(self) -> list[Alert]:
        """Alerts opened and not resolved, by what was put out."""
        found: dict[str, Alert] = {}
        for output in self.outputs:
            if isinstance(output, AlertOpened):
                assert output.alert.subject not in found, "opened twice"
                found[output.alert.subject] = output.alert
            elif isinstance(output, AlertResolved):
                del found[output.alert.subject]
        return list(found.values())

    def subjects(self) -> list[str]:
        return [alert.subject for alert in self.standing()]


def booking(
    start: int, end: int, name: str = "1", space: str = "hall", cancelled: bool = False, title: str = "Choir"
) -> Booking:
    return Booking(
        booking=name.rjust(32, "0"), space=space, title=title, start=start, end=end, cancelled=cancelled
    )


def with_rules(site: SiteConfig = SITE, **changes: float | str) -> SiteConfig:
    return replace(site, rules=replace(site.rules, **changes))


def only(found: Sequence[T]) -> T:
    assert len(found) == 1, found
    return found[0]
