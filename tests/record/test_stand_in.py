"""Readers whose line is encrypted: their keys and cards are played by a keypad in their place."""

from typing import Any

from pleintemps_contract.agent_messages import ClockSource
from pleintemps_contract.gateway_messages import CredentialKind
from pleintemps_contract.recording import Card, Clock, End, Entry, Header, Key, Line, Right
from pleintemps_firmware_sim.replaying.play import play
from pleintemps_firmware_sim.replaying.reading import Recording
from pleintemps_firmware_sim.replaying.toml import replayable
from pleintemps_firmware_sim.virtual.loop import run

from .place import BEGIN, worth

CONFIG: dict[str, Any] = {
    "site": "school",
    "agent": "hall",
    "devices": [
        {"device": "strike", "driver": "strike", "pin": 5},
        {"device": "pad", "driver": "osdp", "port": "/dev/ttyUSB0", "key_file": "secret"},
        {"device": "ear", "driver": "i2s_microphone", "space": "hall"},
    ],
    "doors": [{"door": "hall", "from": "street", "to": "hall", "lock": "strike", "readers": ["pad"]}],
}


def test_keys_in_one_report_and_a_card_open_the_door() -> None:
    entries: list[Entry] = [
        Clock(t=0, wall=BEGIN, trusted=True, source=ClockSource.NTP),
        Line(t=1, broker="site", up=True),
        *(Key(t=2_000, device="pad", key=key) for key in "3041#"),
        Right(t=2_100, credential="3041", worth=[worth()]),
        Card(t=12_000, device="pad", card="w34:700:41"),
        Right(t=12_050, credential="card:w34:700:41", worth=[worth("cd" * 16, CredentialKind.CARD)]),
        Card(t=14_000, device="pad", card="raw:37:0011223344"),
        Card(t=14_000, device="pad", card="nonsense"),
        End(t=20_000),
    ]
    header = Header(
        format=1, version="1", site="school", agent="hall", boot="0" * 32, begin=BEGIN, config=CONFIG
    )
    played = run(play(Recording(header, entries, False, 0, 20_000)))
    granted = [(at, what[-8:]) for at, what in played.replayed.events if what.startswith("access-granted")]
    assert [grant for _, grant in granted] == ["abababab", "cdcdcdcd"]
    assert 2_000 < granted[0][0] < 3_000
    assert played.left_out == ["ear", "pad"]
    assert not any("device=pad" in what for _, what in played.replayed.events)


def test_a_stand_in_takes_pins_that_nobody_has() -> None:
    config, left_out, stand_ins = replayable(CONFIG)
    assert left_out == ["pad", "ear"]
    assert 5 not in stand_ins["pad"]
    assert len(set(stand_ins["pad"])) == 2
    assert "secret" not in str(config)
    full = dict(CONFIG, devices=[*CONFIG["devices"], *({"device": f"d{n}", "pin": n} for n in range(2, 28))])
    config, _, stand_ins = replayable(full)
    assert stand_ins == {}
    assert config["doors"][0]["readers"] == []
