"""What goes into a birth beside what the agent holds: the end of its certificate, and no more than fits.

A birth is one message of 64 KiB. What varies, the devices' details, is shortened until it fits, those of
devices that are well first. Names are never left out: a configuration whose names alone do not fit is
refused at the start.
"""

from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509

from pleintemps_contract.agent_messages import Birth, DeviceInfo, Health
from pleintemps_contract.keyfiles import own_certificate
from pleintemps_contract.wire import MAX_PAYLOAD, encode
from pleintemps_edge.errors import SetupError

RESERVE: Final = 4_096
"""What modes, numbers and grants may add to a birth after the start."""
_STEPS: Final = ((0, 200), (0, 100), (0, 50), (0, 20), (0, 0))
"""Characters of a detail: of devices that are well, of the others."""


def certificate_until(folder: Path | None) -> int | None:
    """The end of the own certificate in ``folder`` (Unix ms), None without one that can be read."""
    if folder is None:
        return None
    try:
        certificate = x509.load_pem_x509_certificate(own_certificate(folder)[0].read_bytes())
    except (OSError, ValueError):
        return None  # the line says what is wrong when it needs it
    return max(0, round(certificate.not_valid_after_utc.timestamp() * 1000))


def fit(birth: Birth) -> Birth:
    """``birth`` with details that are short enough for one message."""
    fitting = birth
    for well, ill in _STEPS:
        if len(encode(fitting)) <= MAX_PAYLOAD:
            break
        devices = [_shorten(device, well if device.health is Health.OK else ill) for device in birth.devices]
        fitting = msgspec.structs.replace(birth, devices=devices)
    return fitting


def _shorten(device: DeviceInfo, length: int) -> DeviceInfo:
    if len(device.detail) <= length:
        return device
    detail = f"{device.detail[: length - 1]}…" if length else ""
    return msgspec.structs.replace(device, detail=detail)


def refuse_if_too_large(birth: Birth) -> None:
    """Raises SetupError if the names of ``birth`` leave no room for the rest."""
    bare = msgspec.structs.replace(birth, devices=[_shorten(device, 0) for device in birth.devices])
    size, room = len(encode(bare)), MAX_PAYLOAD - RESERVE
    if size > room:
        raise SetupError(
            f"devices: the names of devices, doors and series take {size} bytes of a birth, {room} fit:"
            " use shorter ones, or a second agent"
        )
