"""Lines that are lawful one by one and make no sense together: the replay ends, with a report."""

import gzip
from pathlib import Path

import pytest

from pleintemps_contract.agent_messages import ClockSource, Stream
from pleintemps_contract.gateway_messages import CredentialKind, DoorTimings, Window
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.recording import (
    Building,
    Bytes,
    Card,
    Clock,
    Edge,
    End,
    Entry,
    Header,
    Key,
    Line,
    Openings,
    Ordered,
    Port,
    Receipted,
    Right,
    Strange,
    Timings,
    Token,
    Worth,
    encode,
)
from pleintemps_firmware_sim import cli

from .place import BEGIN, worth

DOORS = [f"door-{number}" for number in range(64)]
MANY = [Window(start=at * 10, end=at * 10 + 5) for at in range(8_192)]
WIDE = Worth(id="0" * 32, kind=CredentialKind.CODE, doors=DOORS, windows=MANY[:600])
CONFIG = {
    "site": "school",
    "agent": "hall",
    "devices": [
        {"device": "strike", "driver": "strike", "pin": 5},
        {"device": "eye", "driver": "pir", "space": "hall", "pin": 22},
        {"device": "radar", "driver": "ld2410", "space": "hall", "port": "../../etc/passwd"},
        {"device": "meter", "driver": "modbus_sound", "space": "hall", "port": "m", "baud": 9600,
         "address": 1, "register": 0, "scale": 0.1, "quantity": "level"},
    ],
    "doors": [{"door": "hall", "from": "street", "to": "hall", "lock": "strike"}],
}  # fmt: skip
NASTY: list[Entry] = [
    Clock(t=10, wall=0, trusted=False, source=ClockSource.NONE),
    Clock(t=20, wall=253_402_300_799_999, trusted=True, source=ClockSource.GATEWAY),
    Clock(t=30, wall=BEGIN, trusted=True, source=ClockSource.RTC),
    Port(t=5, port="m", state="lost"),
    Port(t=6, port="m", state="refused"),
    Port(t=7, port="nowhere", state="open"),
    Bytes(t=8, port="../../etc/passwd", to=True, data=b"\xf4\xf3\xf2\xf1" * 1_000),
    Bytes(t=8, port="m", to=True, data=b"an answer to nothing"),
    Bytes(t=9, port="m", to=False, data=b""),
    *(Edge(t=t, pin=22, level=1, us=us) for t, us in ((40, -(2**50)), (41, 2**50), (42, 0), (42, 0))),
    Edge(t=43, pin=53, level=0, us=1),
    Edge(t=43, pin=5, level=1, us=1),
    Edge(t=43, pin=5, level=1, us=1, out=True),
    Token(t=44, port="m"),
    Token(t=44, port="radar", right=worth()),
    Key(t=45, device="nobody", key="#"),
    Card(t=45, device="nobody", card=":::"),
    Right(t=46, credential="", worth=[worth(), worth()]),
    Right(t=47, credential="card:\0é", worth=[]),
    *(Right(t=48 + n, credential="1", worth=[worth(f"{n:032x}")] * (n % 3)) for n in range(9)),
    Right(t=60, credential="2", worth=[Worth(id="0" * 32, kind=CredentialKind.CODE, doors=[], windows=MANY)]),
    Right(t=60, credential="3", worth=[WIDE] * 20),
    Openings(t=61, grants=0, doors={"nowhere": (MANY[:9], True), "hall": ([], False)}),
    Openings(t=62, grants=0, doors={door: (MANY[:300], True) for door in DOORS}),
    *(Line(t=70 + n, broker="site", up=n % 3 > 0) for n in range(9)),
    Line(t=70, broker="building", up=False),
    Building(t=71, to=True, topic="#/+/\0", payload="{", retained=True),
    *(Receipted(t=80, stream=each, now=now) for each in Stream for now in (None, 0, 253_402_300_799_999)),
    *(
        Ordered(t=200 + n, id="0" * 32, door="hall", action=action, issued=0, expires=BEGIN * 2,
                counter=1 + n, epoch=2**53 * (n % 2), retained=n % 3 == 0)
        for n, action in enumerate(DoorAction)
    ),
    Timings(t=300, epoch=2**53, revision=2**53, doors={"nowhere": DoorTimings()}),
    *(Strange(t=301, channel=channel, why=why)
      for channel in ("events", "gateway", "grants/page", "state", "")
      for why in ("bad-header", "undecodable", "?")),
    End(t=4_000),
]  # fmt: skip


@pytest.mark.parametrize("building", [False, True])
def test_a_recording_of_nonsense_ends(
    tmp_path: Path, building: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    config = CONFIG | ({"building": {"url": "mqtt://nobody"}} if building else {})
    header = Header(format=1, version="", site="x", agent="y", boot="0" * 32, begin=BEGIN, config=config)
    file = tmp_path / "x.rec"
    file.write_bytes(gzip.compress(encode(header) + b"".join(encode(entry) for entry in NASTY)))
    assert cli.main(["replay", "recording", str(file), "--report", str(tmp_path / "x.html")]) == 1
    assert "different" in capsys.readouterr().out
