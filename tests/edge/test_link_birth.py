"""A birth always fits into one message, and tells until when the agent's certificate is good."""

import datetime
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from pleintemps_contract.agent_messages import (
    Birth,
    ClockSource,
    DeviceInfo,
    DoorInfo,
    Health,
    JournalPosition,
    SeriesInfo,
    Stream,
)
from pleintemps_contract.onvif import DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_contract.wire import MAX_PAYLOAD, encode
from pleintemps_edge.errors import SetupError
from pleintemps_edge.link.birth import RESERVE, certificate_until, fit, refuse_if_too_large


def birth(devices: int, doors: int, name: str, detail: str) -> Birth:
    return Birth(
        boot="b" * 32,
        version="0.1.0",
        at=1_700_000_000_000,
        clock=ClockSource.SIMULATED,
        clock_trusted=False,
        nonce="c" * 32,
        devices=[
            DeviceInfo(
                device=f"{name}-{number:03}",
                driver="modbus_sound",
                health=Health.OK if number % 2 else Health.ERROR,
                detail=detail,
            )
            for number in range(devices)
        ],
        doors=[
            DoorInfo(
                door=f"{name}-{number:03}",
                mode=DoorMode.LOCKED,
                physical=DoorPhysicalState.CLOSED,
                lock=LockPhysicalState.LOCKED,
                alarm=DoorAlarm.NORMAL,
            )
            for number in range(doors)
        ],
        series=[
            SeriesInfo(
                series=f"{name}-{number:03}",
                device=f"{name}-{number:03}",
                space="hall",
                quantity=Quantity.CONTACT,
                kind=SeriesKind.STATE,
                max_silence_s=90,
            )
            for number in range(devices)
        ],
        journals=[JournalPosition(journal="d" * 32, stream=Stream.EVENTS, first=1, next=2)],
    )


def grown(small: Birth) -> Birth:
    """The same agent on its longest day: every mode, number and name of the contract at its longest."""
    doors = [
        msgspec.structs.replace(
            door,
            mode=DoorMode.LOCKED_DOWN,
            physical=DoorPhysicalState.UNKNOWN,
            lock=LockPhysicalState.UNLOCKED,
            alarm=DoorAlarm.OPEN_TOO_LONG,
            fire=True,
        )
        for door in small.doors
    ]
    journals = [
        JournalPosition(journal="d" * 32, stream=stream, first=2**63 - 1, next=2**63 - 1) for stream in Stream
    ]
    return msgspec.structs.replace(small, doors=doors, journals=journals, keys=["a" * 16] * 2)


@pytest.mark.parametrize("detail", ["x" * 200, "é" * 200, "\x00" * 200, '"' * 200])
def test_a_birth_with_256_devices_fits(detail: str) -> None:
    whole = birth(256, 64, "gym", detail)
    assert len(encode(whole)) > MAX_PAYLOAD
    refuse_if_too_large(whole)
    sent = fit(grown(whole))
    assert len(encode(sent)) <= MAX_PAYLOAD
    assert [each.device for each in sent.devices] == [each.device for each in whole.devices]
    assert sent.series == whole.series
    # what is ill keeps more of its words than what is well
    well, ill = sent.devices[1].detail, sent.devices[0].detail
    assert len(well) <= len(ill)
    assert all(detail.startswith(each.detail.removesuffix("…")) for each in sent.devices)


def test_details_of_ill_devices_go_last() -> None:
    sent = fit(birth(160, 1, "gym", "é" * 200))
    assert sent.devices[1].detail == ""
    assert sent.devices[0].detail == "é" * 200


def test_a_birth_that_fits_is_left_as_it_is() -> None:
    whole = birth(20, 2, "gym", "x" * 200)
    assert fit(whole) is whole


def test_names_that_fill_the_birth_are_refused_at_the_start() -> None:
    whole = birth(256, 64, "a-very-long-name-of-a-device-indeed", "")
    with pytest.raises(SetupError, match=f"{MAX_PAYLOAD - RESERVE} fit: use shorter ones"):
        refuse_if_too_large(whole)


def test_the_end_of_the_certificate_is_told(tmp_path: Path) -> None:
    assert certificate_until(None) is None
    assert certificate_until(tmp_path) is None
    (tmp_path / "agent.crt").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert certificate_until(tmp_path) is None
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    name = x509.Name([])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365))
        .sign(key, None)
    )
    (tmp_path / "agent.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    assert certificate_until(tmp_path) == 1_798_761_600_000
