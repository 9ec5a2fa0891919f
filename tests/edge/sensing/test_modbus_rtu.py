"""Modbus RTU from the master's side: vectors, faults, round trips against an independent framing."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU

from pleintemps_edge.sensing.modbus_rtu import Refusal, Registers, Request, answer, crc16, why_not
from tests.captures import load

CAPTURES = load("modbus-sound-sensor")
READ = Request(1, 0)
ANSWER = CAPTURES["answer 52.3 dB"]

requests = st.builds(
    Request, address=st.integers(1, 247), register=st.integers(0, 0xFFFF), count=st.integers(1, 125)
)


def framed(body: bytes) -> bytes:
    return body + crc16(body)


def test_the_makers_vectors() -> None:
    assert READ.encode() == CAPTURES["request 1 register"]
    assert Request(1, 0, 2).encode() == CAPTURES["request 2 registers"]
    assert answer(READ, ANSWER) == Registers((523,))


@given(st.binary(min_size=1, max_size=64))
def test_the_crc_is_the_one_pymodbus_computes(data: bytes) -> None:
    assert int.from_bytes(crc16(data), "big") == FramerRTU.compute_CRC(data)


@given(requests, st.data())
def test_any_answer_is_read_back_after_any_echo(request: Request, data: st.DataObject) -> None:
    values = tuple(
        data.draw(st.lists(st.integers(0, 0xFFFF), min_size=request.count, max_size=request.count))
    )
    body = b"".join(value.to_bytes(2, "big") for value in values)
    sent = framed(bytes([request.address, 3, len(body)]) + body) if len(body) < 256 else b""
    assume(sent)
    echo = data.draw(st.sampled_from([b"", request.encode()]))
    assert answer(request, echo + sent) == Registers(values)
    assert all(answer(request, echo + sent[:end]) is None for end in range(len(sent)))


@pytest.mark.parametrize("code", [1, 2, 3, 4, 6, 99])
def test_an_exception_is_told_with_its_code(code: int) -> None:
    found = answer(READ, framed(bytes([1, 0x83, code])))
    assert found == Refusal(code)
    assert f"{code:02X}" in found.reason


def test_the_exception_of_a_wrong_register_has_a_name() -> None:
    assert Refusal(2).reason == "exception 02 (illegal register)"


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("no answer", b""),
        ("no answer", READ.encode()),
        ("4 of 7 bytes", ANSWER[:4]),
        ("4 of 7 bytes", READ.encode() + ANSWER[:4]),
        ("bad CRC", ANSWER[:-1] + b"\x00"),
        ("answer from address 2, not 1", framed(bytes([2, 3, 2, 2, 11]))),
    ],
)
def test_no_answer_has_a_reason(reason: str, data: bytes) -> None:
    assert answer(READ, data) is None
    assert why_not(READ, data) == reason


@pytest.mark.parametrize("before", [b"\x00", b"\xff\x01", framed(bytes([2, 3, 2, 2, 11]))])
def test_noise_and_the_answers_of_others_do_not_hide_ours(before: bytes) -> None:
    assert answer(READ, before + ANSWER) == Registers((523,))


@given(requests, st.binary(max_size=40))
def test_garbage_never_raises(request: Request, data: bytes) -> None:
    if answer(request, data) is None:
        assert why_not(request, data)
