"""The sound meter against the exchanges of real ones."""

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.devices.modbus_sound import ModbusSoundMeter, crc16, seal

READ_ONE = bytes.fromhex("01030000 0001 840A")


def ask(meter: ModbusSoundMeter, request: bytes, now: int = 1_000) -> bytes:
    meter.receive(request, now)
    return meter.transmit(now + 200)


def test_the_documented_exchanges() -> None:
    meter = ModbusSoundMeter()
    meter.hear(52.3)
    assert ask(meter, READ_ONE) == bytes.fromhex("010302020B F8E3")
    assert seal(bytes.fromhex("010300000002")) == bytes.fromhex("010300000002C40B")


def test_two_registers_as_some_readers_ask() -> None:
    meter = ModbusSoundMeter()
    meter.hear(61.0)
    assert ask(meter, bytes.fromhex("010300000002C40B")) == seal(bytes.fromhex("010304 0262 0000"))


def test_address_and_baud_registers() -> None:
    meter = ModbusSoundMeter(address=7)
    assert ask(meter, seal(bytes.fromhex("070307D00002"))) == seal(bytes.fromhex("070304 0007 0001"))


def test_an_answer_takes_its_time() -> None:
    meter = ModbusSoundMeter(delay_ms=100)
    meter.receive(READ_ONE, 1_000)
    # 8 + 3.5 + 7 characters of 10 bits at 4800 baud are 38.5 ms
    assert meter.due() == 1_139
    assert meter.transmit(1_138) == b""
    assert meter.transmit(1_139)


def test_exceptions() -> None:
    meter = ModbusSoundMeter()
    assert ask(meter, seal(bytes.fromhex("010400000001"))) == seal(bytes.fromhex("018401"))
    assert ask(meter, seal(bytes.fromhex("010300100001")), 2_000) == seal(bytes.fromhex("018302"))
    assert ask(meter, seal(bytes.fromhex("010300000000")), 3_000) == seal(bytes.fromhex("018303"))


def test_silent_for_others_for_damage_and_without_supply() -> None:
    meter = ModbusSoundMeter()
    assert ask(meter, seal(bytes.fromhex("020300000001"))) == b""
    assert ask(meter, READ_ONE[:-1] + b"\x00", 2_000) == b""
    meter.mute(True)
    assert ask(meter, READ_ONE, 3_000) == b""
    meter.mute(False)
    assert ask(meter, READ_ONE, 4_000)


def test_half_a_request_is_forgotten_after_silence() -> None:
    meter = ModbusSoundMeter()
    meter.receive(READ_ONE[:5], 1_000)
    assert ask(meter, READ_ONE, 1_100)


def test_a_request_in_pieces() -> None:
    meter = ModbusSoundMeter()
    for place, byte in enumerate(READ_ONE):
        meter.receive(bytes([byte]), 1_000 + 2 * place)
    assert meter.transmit(1_200)


@given(st.floats(-50, 300))
def test_what_is_shown_is_within_the_meters_range(level: float) -> None:
    meter = ModbusSoundMeter()
    meter.hear(level)
    answer = ask(meter, READ_ONE)
    shown = int.from_bytes(answer[3:5], "big") / 10
    assert shown == round(min(130.0, max(30.0, level)) * 10) / 10


@given(st.binary(max_size=40))
def test_a_sealed_frame_has_no_remainder(body: bytes) -> None:
    assert crc16(seal(body)) == 0
