"""What stands at the other end of a serial line: what to listen for, what to ask, what an answer means. Pure.

    listens   256000 baud              reports of the radars LD2410 and LD2450, which speak by themselves
    asks      4800, 9600, 19200 baud   Modbus RTU, addresses 1 to 16: function 03, register 0
    asks      9600 to 230400 baud      OSDP, all (7F) and 0 to 3: ID; a reader says what it is

It listens before it speaks, and a line on which somebody speaks is not asked anything. Nothing is written to
a device. Which meters, speeds and addresses are usual: reference sensors 4, access protocols 2.
"""

from binascii import crc_hqx
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pleintemps_edge.sensing import ld2410, ld2450
from pleintemps_edge.sensing.modbus_rtu import Refusal, Registers, Request, answer
from pleintemps_edge.sensing.osdp import Deframer

Kind = Literal["ld2410", "ld2450", "modbus_sound", "modbus", "osdp", "talks", "silent"]

LISTEN_MS: Final = 1_500
ANSWER_MS: Final = 150
RADAR_BAUD: Final = 256_000
MODBUS_BAUDS: Final = (4_800, 9_600, 19_200)
MODBUS_ADDRESSES: Final = range(1, 17)
OSDP_BAUDS: Final = (9_600, 19_200, 38_400, 57_600, 115_200, 230_400)
OSDP_ALL: Final = 0x7F
OSDP_ADDRESSES: Final = (OSDP_ALL, 0, 1, 2, 3)
_ID: Final = 0x61
_ID_BYTES: Final = 9
_PDID: Final = 0x45
_CHARACTER_BITS: Final = 10
_LOUD: Final = (300, 1_300)
"""30 to 130 dB in tenths, as a sound meter has in register 0."""
_REPORTS: Final = 2


@dataclass(frozen=True, slots=True)
class Found:
    """What stands there: ``baud`` and ``address`` are its own, 0 where it has none."""

    kind: Kind
    baud: int = 0
    address: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """Open at ``baud``, say ``ask`` (nothing: listen), wait ``wait_ms``."""

    baud: int
    ask: bytes = b""
    wait_ms: int = LISTEN_MS
    address: int = 0
    protocol: Literal["radar", "modbus", "osdp"] = "radar"


def listening() -> Probe:
    """The first probe of every line."""
    return Probe(RADAR_BAUD)


def asking() -> Iterator[list[Probe]]:
    """The probes that speak, those of one speed together."""
    for baud in MODBUS_BAUDS:
        yield modbus(baud)
    for baud in OSDP_BAUDS:
        yield osdp(baud, OSDP_ADDRESSES)


def modbus(baud: int) -> list[Probe]:
    """The probes for Modbus devices."""
    asks = {address: Request(address, 0).encode() for address in MODBUS_ADDRESSES}
    return [
        Probe(baud, ask, _wait_ms(baud, 2 * len(ask)), address, "modbus") for address, ask in asks.items()
    ]


def osdp(baud: int, addresses: Iterable[int]) -> list[Probe]:
    """The probes for OSDP readers at these addresses."""
    asks = {address: identify(address) for address in addresses}
    return [Probe(baud, ask, _wait_ms(baud, 3 * len(ask)), address, "osdp") for address, ask in asks.items()]


def named(found: Sequence[Found]) -> tuple[Found, ...]:
    """``found``, each device once, by its own address where one is known beside that of all."""
    own = [each for each in found if (each.kind, each.address) != ("osdp", OSDP_ALL)]
    return tuple(dict.fromkeys(own or found))


def unnamed(found: Sequence[Found]) -> list[Probe]:
    """The further probes where a reader has answered to the address of all only."""
    only = named(found)
    if len(only) == 1 and (only[0].kind, only[0].address) == ("osdp", OSDP_ALL):
        return osdp(only[0].baud, range(max(OSDP_ADDRESSES[1:]) + 1, OSDP_ALL))
    return []


def _wait_ms(baud: int, characters: int) -> int:
    """For a device to think, and for so many characters to pass."""
    return ANSWER_MS + -(-characters * _CHARACTER_BITS * 1000 // baud)


def identify(address: int) -> bytes:
    """OSDP: who are you, with the sequence number 0 that begins a dialogue and a CRC."""
    body = bytes((0x53, address, _ID_BYTES, 0, 0x04, _ID, 0))
    return b"\xff" + body + crc_hqx(body, 0x1D0F).to_bytes(2, "little")


def heard(probe: Probe, data: bytes) -> Found | None:
    """What ``data``, all that came in the probe's time, says; None for nothing of use."""
    if probe.protocol == "radar":
        return _radar(data)
    if probe.protocol == "modbus":
        return _modbus(probe, data)
    return _osdp(probe, data)


def _radar(data: bytes) -> Found | None:
    first = ld2410.Reader().feed(data)
    if len(first) >= _REPORTS:
        return Found("ld2410", RADAR_BAUD, detail=f"{len(first)} reports")
    second = ld2450.Reader().feed(data)
    if len(second) >= _REPORTS:
        return Found("ld2450", RADAR_BAUD, detail=f"{len(second)} reports")
    return None


def _modbus(probe: Probe, data: bytes) -> Found | None:
    found = answer(Request(probe.address, 0), data)
    if isinstance(found, Registers):
        value = found.values[0]
        if _LOUD[0] <= value <= _LOUD[1]:
            return Found("modbus_sound", probe.baud, probe.address, f"register 0 says {value / 10:.1f} dB")
        return Found("modbus", probe.baud, probe.address, f"register 0 says {value}")
    if isinstance(found, Refusal):
        return Found("modbus", probe.baud, probe.address, found.reason)
    return None


def _osdp(probe: Probe, data: bytes) -> Found | None:
    for frame in Deframer().feed(data):
        if frame.is_reply:
            told = "in clear" if frame.id == _PDID else f"reply {frame.id:02X}"
            return Found("osdp", probe.baud, frame.address & 0x7F, told)
    return None


def conclude(found: Sequence[Found], noise: int) -> tuple[Found, ...]:
    """All that was found on one line, or that it talks and nobody understands it, or is silent."""
    if found:
        return tuple(found)
    if noise:
        return (Found("talks", detail=f"{noise} bytes at {RADAR_BAUD} baud that are no radar's"),)
    return (Found("silent", detail="nothing speaks, nothing answers"),)
