"""DS3231 clock chip: its registers, its battery, and the flag that says that the oscillator has stopped.

    00-06  seconds minutes hours weekday day month+century year, BCD    0E control   0F status (OSF is bit 7)
    07-0D  alarms, kept and not compared                                10 aging     11-12 temperature

Maxim, DS3231 data sheet, tables 1 and 2. Without supply and battery the oscillator stops and the chip
forgets: it starts anew on 1 January 2000 with OSF set. Times in monotonic milliseconds, the chip's own in
Unix ms.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

ADDRESS: Final = 0x68
REGISTERS: Final = 0x13
CONTROL: Final = 0x0E
STATUS: Final = 0x0F
TEMPERATURE: Final = 0x11
OSF: Final = 0x80
_EOSC: Final = 0x80
_CONTROL_RESET: Final = 0x1C
_EN32: Final = 0x08
_TWELVE: Final = 0x40
_PM: Final = 0x20
_CENTURY: Final = 0x80
_CLOCK: Final = 7
_BIRTH_MS: Final = 946_684_800_000
"""1 January 2000, where a chip begins that has lost its time."""
_LAST_MS: Final = 7_258_118_399_999
"""The end of 2199: two digits and a century."""


class Ds3231:
    """Has supply and a good battery at first, and the time ``at``; ``ppm`` is how much it runs fast."""

    def __init__(self, at: int, now: int, *, ppm: float = 0.0) -> None:
        self._at = min(_LAST_MS, max(_BIRTH_MS, at))
        self._since = now
        self._ppm = ppm
        self._supplied = True
        self._battery = True
        self._twelve = False
        self._weekday_offset = 0
        self._celsius = 25.0
        self._registers = bytearray(REGISTERS)
        self._pointer = 0
        self._latched = bytes(_CLOCK)
        self._reset_registers()
        self._registers[STATUS] = _EN32

    @property
    def stopped(self) -> bool:
        """OSF: since it was last cleared the oscillator has stopped, for however short."""
        return bool(self._registers[STATUS] & OSF)

    @property
    def runs(self) -> bool:
        """The oscillator runs now."""
        return self._supplied or (self._battery and not self._registers[CONTROL] & _EOSC)

    def time(self, now: int) -> int:
        """What its registers say, Unix ms."""
        if not self.runs:
            return self._at
        passed = (now - self._since) * (1 + self._ppm / 1_000_000)
        return min(_LAST_MS, self._at + int(passed))

    def set_time(self, at: int, now: int) -> None:
        """As by writing its registers; the flag stays."""
        self._at, self._since = min(_LAST_MS, max(_BIRTH_MS, at)), now

    def clear_stopped(self) -> None:
        self._registers[STATUS] &= ~OSF

    def drift(self, ppm: float, now: int) -> None:
        """From now on it runs so much fast."""
        self._keep(now)
        self._ppm = ppm

    def stop(self) -> None:
        """The oscillator has stopped for a moment."""
        self._registers[STATUS] |= OSF

    def supply(self, on: bool, now: int) -> None:
        """Switch its main supply."""
        self._keep(now)
        self._supplied = on
        self._lose()

    def battery(self, good: bool, now: int) -> None:
        """Put a battery in, or take it out."""
        self._keep(now)
        self._battery = good
        self._lose()

    def warm(self, celsius: float) -> None:
        """Its temperature, to a quarter of a degree."""
        self._celsius = min(85.0, max(-40.0, celsius))

    # --- the bus --------------------------------------------------------------------------------------

    def write(self, data: bytes, now: int) -> bool:
        """One write transfer: register, then values; False where nobody acknowledges."""
        if not self._supplied:
            return False
        if data:
            self._pointer = data[0] % REGISTERS
            self._latch(now)
        clock = bytearray(self._latched)
        changed = False
        for value in data[1:]:
            if self._pointer < _CLOCK:
                clock[self._pointer] = value
                changed = True
            elif self._pointer == STATUS:
                old = self._registers[STATUS]
                # OSF and the alarms' flags can be cleared, not set
                self._registers[STATUS] = old & value & 0x83 | value & _EN32
            elif self._pointer < TEMPERATURE:
                self._registers[self._pointer] = value
            self._pointer = (self._pointer + 1) % REGISTERS
        if changed:
            self._take(bytes(clock), now)
        return True

    def read(self, count: int, now: int) -> bytes | None:
        """One read transfer from where the last one ended; None where nobody acknowledges."""
        if not self._supplied:
            return None
        self._latch(now)
        found = bytearray()
        for _ in range(count):
            found.append(self._value(self._pointer))
            self._pointer = (self._pointer + 1) % REGISTERS
            if self._pointer == 0:
                self._latch(now)
        return bytes(found)

    def _value(self, register: int) -> int:
        if register < _CLOCK:
            return self._latched[register]
        if register >= TEMPERATURE:
            quarters = round(self._celsius * 4) & 0x3FF
            return quarters >> 2 if register == TEMPERATURE else (quarters & 3) << 6
        return self._registers[register]

    def _latch(self, now: int) -> None:
        """What the clock registers show during this transfer."""
        then = datetime.fromtimestamp(self.time(now) // 1_000, UTC)
        hours = _bcd(then.hour)
        if self._twelve:
            hours = _TWELVE | (_PM if then.hour >= 12 else 0) | _bcd(then.hour % 12 or 12)
        weekday = (then.toordinal() + self._weekday_offset) % 7 + 1
        month = _bcd(then.month) | (_CENTURY if then.year >= 2100 else 0)
        values = (_bcd(then.second), _bcd(then.minute), hours, weekday, _bcd(then.day), month)
        self._latched = bytes((*values, _bcd(then.year % 100)))

    def _take(self, clock: bytes, now: int) -> None:
        """Set the time from the registers; what no calendar knows is where a chip begins."""
        second, minute, hours, weekday, day, month, year = clock
        self._twelve = bool(hours & _TWELVE)
        hour = (
            _number(hours & 0x1F) % 12 + (12 if hours & _PM else 0) if self._twelve else _number(hours & 0x3F)
        )
        century = 2100 if month & _CENTURY else 2000
        try:
            then = datetime(
                century + _number(year),
                _number(month & 0x1F),
                _number(day & 0x3F),
                hour,
                _number(minute & 0x7F),
                _number(second & 0x7F),
                tzinfo=UTC,
            )
        except ValueError:
            then = datetime.fromtimestamp(_BIRTH_MS // 1_000, UTC)
        self._weekday_offset = ((weekday & 7) - 1 - then.toordinal()) % 7
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        self.set_time((then - epoch) // timedelta(milliseconds=1), now)

    def _keep(self, now: int) -> None:
        self._at, self._since = self.time(now), now

    def _lose(self) -> None:
        """The oscillator stops without current; without any the chip forgets."""
        if not self.runs:
            self._registers[STATUS] |= OSF
        if not self._supplied and not self._battery:
            self._at = _BIRTH_MS
            self._reset_registers()

    def _reset_registers(self) -> None:
        self._registers[:] = bytes(REGISTERS)
        self._registers[CONTROL] = _CONTROL_RESET
        self._registers[STATUS] = OSF | _EN32
        self._twelve = False
        self._weekday_offset = 0
        self._pointer = 0


def _bcd(number: int) -> int:
    return number // 10 << 4 | number % 10


def _number(bcd: int) -> int:
    return (bcd >> 4) * 10 + (bcd & 0x0F)
