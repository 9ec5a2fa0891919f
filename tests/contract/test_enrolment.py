"""What agents and the gateway's desk say to each other, byte by byte: agents of an earlier version go on."""

from typing import get_args

import msgspec
import pytest

from pleintemps_contract.enrolment import (
    Answer,
    AskAuthority,
    Authority,
    Confirm,
    Confirmed,
    Denied,
    Enrol,
    Enrolled,
    Renew,
    Renewed,
    Request,
)

PEM = "-----BEGIN X-----"
LINES: dict[bytes, msgspec.Struct] = {
    b'{"type":"authority"}': AskAuthority(),
    b'{"type":"enrol","token":"PTE1.x","request":"-----BEGIN X-----"}': Enrol(token="PTE1.x", request=PEM),
    b'{"type":"renew","request":"-----BEGIN X-----"}': Renew(request=PEM),
    b'{"type":"confirm"}': Confirm(),
    b'{"type":"authority","certificate":"-----BEGIN X-----","now":7}': Authority(certificate=PEM, now=7),
    b'{"type":"enrolled","site":"ecole","agent":"entrance","purpose":"production","pepper":"cA==",'
    b'"gateway_keys":["aw=="],"certificate":"-----BEGIN X-----","broker":"mqtts://b:8883"}': Enrolled(
        site="ecole",
        agent="entrance",
        purpose="production",
        pepper="cA==",
        gateway_keys=["aw=="],
        certificate=PEM,
        broker="mqtts://b:8883",
    ),
    b'{"type":"renewed","certificate":"-----BEGIN X-----"}': Renewed(certificate=PEM),
    b'{"type":"confirmed"}': Confirmed(),
    b'{"type":"denied","reason":"wait","wait_s":3}': Denied(reason="wait", wait_s=3),
}


@pytest.mark.parametrize("line", LINES)
def test_each_line_is_what_it_was_and_takes_more_fields(line: bytes) -> None:
    message = LINES[line]
    assert msgspec.json.encode(message) == line
    kind = Request if type(message) in get_args(Request) else Answer
    assert msgspec.json.decode(line, type=kind) == message
    assert msgspec.json.decode(line[:-1] + b',"of-tomorrow":[1]}', type=kind) == message


def test_nothing_is_left_out() -> None:
    assert {type(message) for message in LINES.values()} == {*get_args(Request), *get_args(Answer)}
