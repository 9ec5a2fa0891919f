"""Overlap-save: one forward transform of a block serves the A, C and octave filters.

The filters have finite length: the analogue responses over 0.2 s, by when their slowest part (20.6 Hz, twice)
has fallen by 160 dB, and 0.1 s ahead of time for the zero-phase octave bands. Blocks have a fixed place in
the stream, so what comes out does not depend on the portions that samples come in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .weighting import a_response, c_response, octave_edges, octave_power

Samples = NDArray[np.float32]
PEAK_RATE: Final = 2
"""The C-weighted signal comes at so many times the rate, so that peaks between samples are seen."""
_LENGTH_S: Final = 0.3
_AHEAD_S: Final = 0.1
_TAPER_S: Final = 0.005
_GRID: Final = 256
"""Blocks begin at multiples of this: octave bands are computed at down to 1/256 of the rate."""
_SKIRT: Final = 3.2
"""An octave band is 80 dB down at so many times its upper edge."""
_LIMIT: Final = 0.45


@dataclass(frozen=True, slots=True)
class Block:
    """Filtered samples ``start`` to ``start + len(a)`` of the stream.

    ``c`` comes at twice the rate with one spare value at each end; an octave band is
    (``step``, its values at every ``step``-th sample).
    """

    start: int
    a: Samples
    c: Samples
    octaves: tuple[tuple[int, Samples], ...]


def octaves_of(rate: int, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """Those bands that lie below 0.45 of ``rate`` (Hz) as a whole."""
    return tuple(nominal for nominal in wanted if octave_edges(nominal)[1] <= _LIMIT * rate)


class FilterBank:
    """Feed it samples, take its blocks, end it. ``rate`` in Hz, ``octaves`` by nominal centre."""

    def __init__(self, rate: int, octaves: tuple[int, ...]) -> None:
        hop = 2 * _GRID
        while hop < _LENGTH_S * rate:
            hop *= 2
        self.hop = hop
        self._size = 2 * hop
        self._first = hop - _GRID  # the first output of a block that no sample wraps around into
        self._ahead = round(_AHEAD_S * rate / _GRID) * _GRID
        hertz = np.linspace(0.0, rate / 2, self._size + 1)
        self._a = self._spectrum(_without_step(a_response(hertz)), rate)
        self._c = self._spectrum(_without_step(c_response(hertz)), rate) * np.float32(PEAK_RATE)
        self._c[-1] /= PEAK_RATE  # the highest frequency of the block is split between two of the longer one
        self._octaves = []
        for nominal in octaves:
            step = 1
            while step < _GRID and rate / (4 * step) >= _SKIRT * octave_edges(nominal)[1]:
                step *= 2
            band = self._spectrum(np.sqrt(octave_power(hertz, nominal)).astype(np.complex128), rate)
            self._octaves.append((step, band[: hop // step + 1] / np.float32(step)))
        self._waiting = np.zeros(self._size, np.float32)
        self._held = self._first - self._ahead
        self._start = 0

    def _spectrum(self, response: NDArray[np.complex128], rate: int) -> NDArray[np.complex64]:
        """The response of the finite filter that is next to ``response``, late by ``_ahead`` samples."""
        impulse = np.roll(np.fft.irfft(response), self._ahead)[: self._first]
        taper = round(_TAPER_S * rate)
        edge = 0.5 - 0.5 * np.cos(np.pi * (np.arange(taper) + 0.5) / taper)
        impulse[:taper] *= edge
        impulse[-taper:] *= edge[::-1]
        return np.fft.rfft(impulse, self._size).astype(np.complex64)

    def feed(self, samples: Samples) -> Iterator[Block]:
        """Take ``samples`` (1 is full scale) and give each block that is complete."""
        taken = 0
        while taken < len(samples):
            part = samples[taken : taken + self._size - self._held]
            self._waiting[self._held : self._held + len(part)] = part
            self._held += len(part)
            taken += len(part)
            if self._held == self._size:
                yield self._block()
                self._waiting[: self.hop] = self._waiting[self.hop :]
                self._held = self.hop

    def end(self) -> Iterator[Block]:
        """The blocks that need samples from after the end, which are silence."""
        yield from self.feed(np.zeros(self.hop + self._ahead + _GRID, np.float32))

    def _block(self) -> Block:
        spectrum = np.fft.rfft(self._waiting).astype(np.complex64, copy=False)
        first, last = self._first, self._first + self.hop
        octaves = []
        for step, band in self._octaves:
            signal = _signal(spectrum[: len(band)] * band, self._size // step)
            octaves.append((step, signal[first // step : last // step]))
        c = _signal(spectrum * self._c, PEAK_RATE * self._size)
        block = Block(
            start=self._start,
            a=_signal(spectrum * self._a, self._size)[first:last],
            c=c[PEAK_RATE * first - 1 : PEAK_RATE * last + 1],
            octaves=tuple(octaves),
        )
        self._start += self.hop
        return block


def _signal(spectrum: NDArray[np.complex64], size: int) -> Samples:
    return np.fft.irfft(spectrum, size).astype(np.float32, copy=False)


def _without_step(response: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """``response`` with a delay of half a sample or less, so that it is real at the highest frequency.

    A filter of real samples cannot be anything else there; a step of the phase would ring for ever.
    """
    delay = np.angle(response[-1]) / np.pi
    delay -= round(delay)
    turned: NDArray[np.complex128] = response * np.exp(-1j * np.pi * delay * np.linspace(0, 1, len(response)))
    turned[-1] = turned[-1].real
    return turned
