"""Samples of sound cards and recordings: interleaved, little-endian, to 1 at full scale."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from .filters import Samples

Format = Literal["S16_LE", "S24_3LE", "S32_LE", "FLOAT_LE"]
"""The names that ALSA gives to 16 bits, 24 bits in three bytes, 32 bits, and 32-bit floating point."""
WIDTH: Final = {"S16_LE": 2, "S24_3LE": 3, "S32_LE": 4, "FLOAT_LE": 4}


def decode(data: bytes, form: Format, channels: int, channel: int) -> Samples:
    """One channel (0 is the first) of whole sample frames. What is no number becomes infinite."""
    frames = len(data) // (WIDTH[form] * channels)
    raw = data[: frames * WIDTH[form] * channels]
    found: NDArray[np.float32]
    if form == "S24_3LE":
        octets = np.frombuffer(raw, np.uint8).reshape(frames, channels, 3)[:, channel]
        wide = np.zeros((frames, 4), np.uint8)
        wide[:, 1:] = octets
        found = wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    elif form == "FLOAT_LE":
        found = np.frombuffer(raw, "<f4").reshape(frames, channels)[:, channel].astype(np.float32)
        found = np.where(np.isnan(found), np.float32(np.inf), found)
    else:
        kind, full = ("<i2", 2**15) if form == "S16_LE" else ("<i4", 2**31)
        found = np.frombuffer(raw, kind).reshape(frames, channels)[:, channel].astype(np.float32)
        found /= np.float32(full)
    return found
