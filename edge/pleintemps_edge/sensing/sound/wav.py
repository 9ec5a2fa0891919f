"""WAV files: RIFF and RF64 with 16, 24 or 32-bit integers or 32-bit floating point. No numpy.

Sources: Microsoft "Multiple channel audio data and WAVE files" (extensible formats), EBU Tech 3306 (RF64).
"""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from pleintemps_edge.errors import RecordingError

if TYPE_CHECKING:
    from .pcm import Format

_EXTENSIBLE: Final = 0xFFFE
_SUBFORMAT_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
_UNKNOWN_SIZE: Final = 0xFFFFFFFF
_MAX_HEADERS: Final = 1_000
RATES: Final = (8_000, 192_000)


class Recording(NamedTuple):
    """What a file says of its samples; ``size`` is their bytes, None if only its end says how many."""

    rate: int
    channels: int
    form: "Format"
    frame_bytes: int
    size: int | None


def open_recording(file: BinaryIO) -> Recording:
    """Read up to the first sample; raises RecordingError."""
    head = file.read(12)
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        raise RecordingError("not a WAV file")
    form: Recording | None = None
    long_size: int | None = None
    for _ in range(_MAX_HEADERS):
        header = file.read(8)
        if len(header) < 8:
            raise RecordingError("ends before its samples")
        name, size = header[:4], int.from_bytes(header[4:], "little")
        if name == b"data":
            if form is None:
                raise RecordingError("samples before their format")
            if size == _UNKNOWN_SIZE:
                return form._replace(size=long_size)
            return form._replace(size=size)
        if name in (b"fmt ", b"ds64"):
            if size > 65_536:
                raise RecordingError("damaged: a header is too long")
            body = _exactly(file, size)
            if name == b"fmt ":
                form = _format(body)
            elif size >= 16:
                long_size = int.from_bytes(body[8:16], "little")
        else:
            _skip(file, size)
        _skip(file, size % 2)
    raise RecordingError("damaged: too many headers")


def read(file: BinaryIO, recording: Recording, frames: int) -> Iterator[bytes]:
    """Portions of at most ``frames`` sample frames; raises RecordingError if some are missing."""
    left = recording.size
    while left is None or left >= recording.frame_bytes:
        wanted = frames * recording.frame_bytes
        data = file.read(wanted if left is None else min(wanted, left - left % recording.frame_bytes))
        whole = len(data) - len(data) % recording.frame_bytes
        if left is None:
            if not whole:
                return
        elif not whole:
            raise RecordingError("ends before its last sample: cut off or damaged")
        else:
            left -= len(data)
        yield data[:whole]
        if whole < len(data) and left is not None:
            raise RecordingError("ends before its last sample: cut off or damaged")


def _format(body: bytes) -> Recording:
    if len(body) < 16:
        raise RecordingError("damaged: its format is too short")
    tag, channels, rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == _EXTENSIBLE:
        if len(body) < 40 or body[26:40] != _SUBFORMAT_TAIL:
            raise RecordingError("a format that is neither PCM nor floating point")
        tag = int.from_bytes(body[24:26], "little")
    form: Format
    match tag, bits:
        case 1, 16:
            form = "S16_LE"
        case 1, 24:
            form = "S24_3LE"
        case 1, 32:
            form = "S32_LE"
        case 3, 32:
            form = "FLOAT_LE"
        case ((1 | 3), _):
            raise RecordingError(f"{bits}-bit samples; want 16, 24 or 32 bits, or 32-bit floating point")
        case _:
            raise RecordingError(f"compressed or unknown format {tag:#06x}; want PCM or floating point")
    if not 1 <= channels <= 64 or frame_bytes != channels * bits // 8:
        raise RecordingError("damaged: channels and sizes do not fit together")
    if not RATES[0] <= rate <= RATES[1]:
        raise RecordingError(f"{rate} samples a second; want {RATES[0]} to {RATES[1]}")
    return Recording(rate, channels, form, frame_bytes, None)


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise RecordingError("ends before its samples")
    return data


def _skip(file: BinaryIO, size: int) -> None:
    while size > 0:
        data = file.read(min(size, 65_536))
        if not data:
            raise RecordingError("ends before its samples")
        size -= len(data)
