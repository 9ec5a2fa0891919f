"""What hangs on the agent at the bench, one rig for each thing that a person or a fault can move."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pleintemps_contract.world import World
from pleintemps_firmware_sim.devices.contact import Contact
from pleintemps_firmware_sim.devices.door import Push
from pleintemps_firmware_sim.devices.lock import MECHANISMS, Doorway
from pleintemps_firmware_sim.devices.nuki import DoorSensor, NukiLock, State
from pleintemps_firmware_sim.devices.pir import BLOCK_MS, Pir, PirOnPin
from pleintemps_firmware_sim.devices.shelly import ShellyRelay
from pleintemps_firmware_sim.devices.wiegand import WiegandReader
from pleintemps_firmware_sim.devices.zigbee2mqtt import UNLOCKED, Zigbee2MqttLock
from pleintemps_firmware_sim.virtual.broker import MemoryBroker
from pleintemps_firmware_sim.virtual.pins import MemoryBoard

from .wiring import OnBroker, Wired

Table = Mapping[str, Any]
CLOSER_MS: Final = 2_000
LOW_PERCENT: Final = 5
HOLD_MS: Final = 4_000
WARM_UP_MS: Final = 60_000
_HANDLE_MS: Final = 500
_FREE: Final = frozenset({State.UNLOCKED, State.UNLATCHED, State.UNLATCHING})


class DoorRig:
    """Lock, leaf and contact of one door."""

    def __init__(
        self,
        lock: Table,
        contact: Table | None,
        board: MemoryBoard,
        building: MemoryBroker,
        world: World,
    ) -> None:
        self._world = world
        self._board = board
        magnet = lock.get("wiring") == "energise-to-lock"
        self.way = Doorway(MECHANISMS["maglock" if magnet else "strike"], closer_ms=CLOSER_MS)
        self.radio = _radio(lock)
        self.broker: OnBroker | None = None
        self.contact = dict(contact or {})
        self.pins: dict[str, int] = {}
        flipped = set()
        if lock.get("driver") == "strike":
            self.pins["drive"] = int(lock["pin"])
            flipped |= {"drive"} if lock.get("energise", "high") == "low" else set()
            if (bolt := lock.get("bolt_pin")) is not None:
                self.pins["sense"] = bolt
                flipped |= {"sense"} if lock.get("locked_when", "low") == "high" else set()
        if self.contact.get("driver") == "reed":
            self.pins["reed"] = int(self.contact["pin"])
            flipped |= {"reed"} if self.contact.get("open_when", "high") == "low" else set()
        self.frees: list[int] = []
        """Monotonic ms at which its lock let go."""
        self._free = self.released
        self._open = False
        self.wired = Wired(self.way, self.pins, board, world, flipped, self.watch)
        self.wired.wire()
        if self.radio is not None:
            self.broker = OnBroker(self.radio, building, world, self._follow_radio)

    @property
    def released(self) -> bool:
        """Whoever pulls gets in."""
        return self.way.lock.released

    @property
    def open(self) -> bool:
        return self.way.door.open

    def push(self) -> bool:
        """Try the handle from outside; whether the leaf opened."""
        return self._moved(self.way.push(self._world.monotonic())) is Push.OPENED

    def force(self) -> None:
        """Break it open."""
        self._moved(self.way.force(self._world.monotonic()))

    def leave(self) -> None:
        """Open it from inside."""
        self._moved(self.way.leave(self._world.monotonic()))

    def hold(self, held: bool) -> None:
        """A wedge under the leaf, or its removal."""
        self.way.hold(held, self._world.monotonic())
        self.wired.poke()

    def jam(self, jammed: bool) -> None:
        """The bolt does not move, or does again."""
        if isinstance(self.radio, NukiLock | Zigbee2MqttLock):
            self.radio.jammed = jammed
        self.way.jam(jammed, self._world.monotonic())
        self.wired.poke()

    def drain(self) -> None:
        """Its battery is nearly empty."""
        now = self._world.monotonic()
        if isinstance(self.radio, NukiLock):
            self.radio.drain(now)
        elif isinstance(self.radio, Zigbee2MqttLock):
            self.radio.battery(LOW_PERCENT, now)
        if self.broker is not None:
            self.broker.poke()

    def watch(self) -> None:
        """Notice what lock and leaf have done by now."""
        if self.released and not self._free:
            self.frees.append(self._world.monotonic())
        self._free = self.released
        if self.open != self._open:
            self._open = self.open
            if isinstance(self.radio, NukiLock) and self.broker is not None:
                seen = DoorSensor.OPEN if self.open else DoorSensor.CLOSED
                self.radio.swing(seen, self._world.monotonic())
                self.broker.poke()

    def _moved(self, push: Push) -> Push:
        self.wired.poke()
        return push

    def _follow_radio(self) -> None:
        match self.radio:
            case NukiLock(state=state):
                level = int(state in _FREE)
            case Zigbee2MqttLock(lock_state=lock_state):
                level = int(lock_state == UNLOCKED)
            case ShellyRelay(output=output):
                level = int(output)
            case _:
                return
        self.way.driven("drive", level, self._world.monotonic())
        self.wired.poke()


def _radio(lock: Table) -> NukiLock | Zigbee2MqttLock | ShellyRelay | None:
    match lock.get("driver"):
        case "nuki":
            return NukiLock(str(lock.get("lock_id")), base=str(lock.get("base", "nuki")))
        case "zigbee2mqtt":
            return Zigbee2MqttLock(str(lock.get("name")), base=str(lock.get("base", "zigbee2mqtt")))
        case "shelly":
            return ShellyRelay(str(lock.get("prefix")))
    return None


class ContactRig:
    """A button, a handle, a fire loop, a housing: at rest it is not ``active``."""

    def __init__(self, table: Table, board: MemoryBoard, world: World) -> None:
        driver = str(table.get("driver"))
        pressed_when = "low" if driver in ("rex", "lockdown_button") else "high"
        rests_closed = driver in ("fire", "tamper")
        self._rests_closed = rests_closed
        self._table = table
        self._board = board
        self._world = world
        self.pin = int(table["pin"])
        self._core = Contact(closed=rests_closed)
        usual = table.get("active_when", pressed_when) == pressed_when
        self.wired = Wired(self._core, {"contact": self.pin}, board, world, () if usual else {"contact"})
        self.wired.wire()

    def act(self, active: bool) -> None:
        """Press or let go; alarm or rest."""
        self._core.move(active is not self._rests_closed, self._world.monotonic())
        self.wired.poke()

    def flap(self, hertz: int, milliseconds: int) -> None:
        self._core.flap(self._world.monotonic(), hertz, milliseconds)
        self.wired.poke()

    def worn(self, bounce_ns: tuple[int, ...]) -> None:
        """From now on it bounces so."""
        self._core.bounce_ns = bounce_ns

    def cut(self) -> bool:
        """The wire is off: the resistor decides; False where there is none."""
        return cut(self._table, self.pin, self._board)

    def mend(self) -> None:
        self._board.stick(self.pin, None)


def cut(table: Table, pin: int, board: MemoryBoard) -> bool:
    """Cut the wire of ``pin``; False if no resistor is configured, so that the level is anything."""
    pull = table.get("pull", "up")
    if pull == "none":
        return False
    board.stick(pin, int(pull == "up"))
    return True


class KeypadRig:
    """A Wiegand reader with fingers and cards."""

    def __init__(self, table: Table, board: MemoryBoard, world: World) -> None:
        bits = int(table.get("bits", 4))
        self.cards: list[int] = list(table.get("cards", []))
        self._world = world
        self._board = board
        self._pins = {"d0": int(table["d0"]), "d1": int(table["d1"])}
        self.core = WiegandReader(8 if bits == 8 else 4, swapped=bool(table.get("swap_star_hash", False)))
        self.wired = Wired(self.core, self._pins, board, world)
        self.wired.wire()

    async def press(self, keys: str) -> None:
        """Return when the last key has been pressed."""
        self.core.press(keys, self._world.monotonic())
        await self._sent()

    async def card(self, bits: int, facility: int, number: int) -> None:
        self.core.card(34 if bits == 34 else 26, facility, number, self._world.monotonic())
        await self._sent()

    async def frame(self, bits: str) -> None:
        """Any bits."""
        self.core.frame(bits, self._world.monotonic())
        await self._sent()

    async def _sent(self) -> None:
        self.wired.poke()
        while (due := self.core.due()) is not None:
            await self._world.sleep_until(due)
            self.wired.poke()


class PirRig:
    """A motion detector as HC-SR501; powered with the agent where the configuration gives it a warm-up."""

    def __init__(self, table: Table, board: MemoryBoard, world: World) -> None:
        self.warms = bool(table.get("warm_up_s", 60.0))
        self.pin = int(table["pin"])
        self.active = int(table.get("motion_when", "high") == "high")
        self._world = world
        self._board = board
        self.core = PirOnPin(self._pir(), world.monotonic())
        self.wired = Wired(self.core, {"out": self.pin}, board, world, () if self.active else {"out"})
        self.wired.wire()
        self.wired.poke()

    def _pir(self) -> Pir:
        warm_up = WARM_UP_MS if self.warms else 0
        return Pir(
            self._world.monotonic(),
            hold_ms=HOLD_MS,
            block_ms=BLOCK_MS,
            warm_up_ms=warm_up,
            false_pulses=3 if self.warms else 0,
        )

    def move(self, milliseconds: int = 0) -> None:
        """Somebody moves before it."""
        self.core.move(self._world.monotonic(), milliseconds)
        self.wired.poke()


class PanelRig:
    """The building's alarm: does what it is asked after a second."""

    def __init__(
        self, table: Table, board: MemoryBoard, later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self._table = table
        self._board = board
        self._later = later
        self.is_set = False
        self._on = int(table.get("energise", "high") == "high")
        self._show()
        if (ready := table.get("ready_pin")) is not None:
            board.drive(ready, int(table.get("ready_when", "low") == "high"))
        if (alarm := table.get("alarm_pin")) is not None:
            board.drive(alarm, int(table.get("alarm_when", "high") != "high"))

    def put(self, is_set: bool) -> None:
        """Somebody sets or unsets it at its own panel."""
        self.is_set = is_set
        self._show()

    def driven(self, pin: int, level: int | None) -> None:
        if self._table.get("ask", "pulse") == "level":
            if pin == self._table["set_pin"]:
                self._later(1.0, lambda: self.put(level == self._on))
        elif level == self._on and pin in (self._table["set_pin"], self._table.get("unset_pin")):
            wanted = pin == self._table["set_pin"]
            self._later(1.0, lambda: self.put(wanted))

    def _show(self) -> None:
        high = self._table.get("set_when", "high") == "high"
        self._board.drive(int(self._table["state_pin"]), int(self.is_set == high))


class PressedRig(ContactRig):
    """An exit button or inside handle."""

    async def leave(self, door: DoorRig) -> None:
        """Press, open, let go."""
        self.act(True)
        await self._world.sleep_until(self._world.monotonic() + _HANDLE_MS // 2)
        door.leave()
        await self._world.sleep_until(self._world.monotonic() + _HANDLE_MS // 2)
        self.act(False)
