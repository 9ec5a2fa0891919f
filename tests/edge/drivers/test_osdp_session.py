"""The dialogue with an OSDP reader without a line between: what goes over it, and what must not come in."""

import ctypes
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import osdp_sys
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract.world import SystemWorld
from pleintemps_edge.drivers import osdp_session
from pleintemps_edge.drivers.osdp_feedback import Buzzer, Led
from pleintemps_edge.drivers.osdp_session import Card, Keys, LocalStatus, Reader, Said, Session
from pleintemps_edge.sensing.osdp import Frame, Verdict, parse
from pleintemps_firmware_sim.devices.osdp import Lamp, OsdpReader, Sounder
from tests.support.osdp_witness import Recorded, Understood, Witness, check, recording, seal, unmarked

KEY = bytes(range(16))
ADDRESS = 0x65
WORLD = SystemWorld()
LIBC: Any = ctypes.CDLL(None)
CARD = b"\x50\x00\x01\x1a\x00\x80\x7b\x1c\xc0"
"""A RAW reply in clear, as in the recording."""


class Pair:
    """A session and its reader; what each sends is kept. ``answer`` may put another reply in the place of the
    reader's.
    """

    def __init__(self, reader: OsdpReader | None, key: bytes = KEY, installing: bool = False) -> None:
        self.reader = reader
        self.sent = bytearray()
        self.wire: list[Recorded] = []
        self.said: list[Said] = []
        self.answer: Callable[[Frame, bytes], bytes] = lambda _command, reply: reply
        self.session = Session(Reader(ADDRESS, key, installing), WORLD, WORLD, self.sent.extend)

    def step(self) -> None:
        self.session.turn()
        command, self.sent[:] = unmarked(bytes(self.sent) or b"\0"), b""
        if (asked := parse(command)) is not None:
            self.wire.append(Recorded("CP", command))
            reply = b""
            if self.reader is not None:
                self.reader.receive(command, 0)
                reply = self.reader.transmit(0)
            reply = self.answer(asked, reply)
            if reply:
                self.wire.append(Recorded("PD", unmarked(reply)))
                self.session.receive(reply)
        else:
            select.select([], [], [], 0.001)  # the library's next command comes with time only
        self.said += self.session.take()

    def until(self, truth: Callable[[], object], seconds: float = 15) -> None:
        end = WORLD.monotonic() + 1000 * seconds
        while not truth():
            assert WORLD.monotonic() < end, "it did not come true"
            self.step()

    def orders(self) -> list[Lamp | Sounder]:
        return self.reader.orders if self.reader else []

    def understood(self, key: bytes = KEY) -> list[Understood]:
        return list(Witness(key).understand(self.wire))


def secure_pair() -> Pair:
    pair = Pair(OsdpReader(KEY, address=ADDRESS))
    pair.until(lambda: pair.session.ready)
    return pair


def test_commands_are_those_of_the_recordings(data_dir: Path) -> None:
    recorded = {each.raw[5]: each.raw[6:-2].hex() for each in recording(data_dir, "frames_plain")}
    pair = secure_pair()
    assert pair.reader is not None
    pair.session.show(Led("green", 10, 10, 3))
    pair.session.show(Buzzer(10, 10, 3))
    pair.until(lambda: len(pair.orders()) == 2)
    sent = {each.id: each.data.hex() for each in pair.understood() if each.sender == "CP"}
    assert recorded[0x69] == "0000020a0a0200" + "3200" + "0000000000", "green, 5 s"
    assert sent[0x69] == "0000020a0a0200" + "3c00" + "0000000000", "the same for 3 times 2 s"
    assert sent[0x6A] == recorded[0x6A] == "00020a0a03"
    for name in (0x61, 0x62):
        assert sent[name] == recorded[name]


def test_the_end_of_light_and_sound() -> None:
    pair = secure_pair()
    pair.session.show(Led("off", 0, 0, 0))
    pair.session.show(Buzzer(0, 0, 0))
    pair.until(lambda: len(pair.orders()) == 2)
    sent = {each.id: each.data.hex() for each in pair.understood() if each.sender == "CP"}
    assert sent[0x69] == "0000010000000000000000000000"
    assert sent[0x6A] == "0001000000"


def test_everything_after_the_handshake_is_proved_and_data_is_never_in_clear() -> None:
    pair = secure_pair()
    assert pair.reader is not None
    pair.reader.press("12345678#")
    pair.reader.card("0" * 25 + "1")
    pair.until(lambda: len(pair.said) == 2)
    assert pair.said == [Keys(b"12345678\r"), Card(26, bytes.fromhex("00000040"))]
    understood = pair.understood()
    first = next(place for place, each in enumerate(understood) if each.proved)
    assert all(each.proved for each in understood[first:])
    assert {each.id for each in understood[:first]} == {0x61, 0x45, 0x62, 0x46, 0x76, 0x77, 0x78}
    assert b"12345678" not in b"".join(frame.raw for frame in pair.wire)


@pytest.mark.parametrize(
    "block",
    [b"", b"\x03\x11\x01", b"\x03\x12\x01", b"\x03\x13\x01", b"\x03\x14\x01", b"\x02\x12", b"\x02\x16"],
)
def test_a_card_that_nothing_proves_is_counted_and_no_card(block: bytes) -> None:
    pair = secure_pair()

    def forge(command: Frame, reply: bytes) -> bytes:
        return seal(0x80 | ADDRESS, command.control & 3, CARD, block) + reply

    pair.answer = forge
    frames = pair.session.frames
    pair.until(lambda: pair.session.forged >= 5)
    assert pair.said == []
    assert pair.session.secure, "the true answers still come through"
    assert pair.session.frames > frames


@pytest.mark.parametrize("bit", [0, 37, 40, 63, 69, 130, 200, 215])
def test_a_key_with_one_bit_turned_on_the_way_is_no_key(bit: int) -> None:
    pair = secure_pair()
    assert pair.reader is not None
    turned: list[bytes] = []

    def turn(_command: Frame, reply: bytes) -> bytes:
        found = parse(unmarked(reply)) if reply else None
        if turned or found is None or found.id != 0x53:
            return reply
        body = bytearray(found.raw[:-2])
        body[bit // 8] ^= 1 << bit % 8
        turned.append(bytes(body) + check(bytes(body)))
        return turned[0]

    pair.answer = turn
    pair.reader.press("1234")
    pair.until(lambda: turned)
    frames = len(pair.wire)
    pair.until(lambda: len(pair.wire) > frames + 6 and pair.session.ready)
    assert pair.said == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=300),
            st.builds(
                lambda code, data, block: (code, data, bytes((len(block) + 1,)) + block if block else b""),
                st.sampled_from([0x40, 0x41, 0x45, 0x46, 0x48, 0x50, 0x53, 0x76, 0x78, 0x79, 0x90]),
                st.binary(max_size=80),
                st.sampled_from([b"", b"\x12\x01", b"\x14\x01", b"\x16", b"\x18"]),
            ),
        ),
        max_size=8,
    )
)
def test_whatever_a_stranger_answers_nothing_is_taken_and_nothing_breaks(answers: list[Any]) -> None:
    pair = Pair(None)

    def strange(command: Frame, _reply: bytes) -> bytes:
        if not answers:
            return b""
        answer = answers.pop()
        if isinstance(answer, bytes):
            return answer
        code, data, block = answer
        return seal(0x80 | ADDRESS, command.control & 3, bytes((code,)) + data, block)

    pair.answer = strange
    for _ in range(30):
        pair.step()
    assert pair.said == []
    assert not pair.session.secure


def test_without_our_judgement_the_library_takes_a_card_that_nothing_proves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(osdp_session, "judge", lambda *_, **__: Verdict(True))
    pair = secure_pair()
    pair.answer = lambda command, _: seal(0x80 | ADDRESS, command.control & 3, CARD, b"\x03\x12\x01")
    pair.until(lambda: Card(26, CARD[5:]) in pair.said)


def test_no_two_sessions_begin_with_the_same_challenge(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(challenges(5)) == 5
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: Unsown())
    assert len(challenges(3)) == 1, "left to itself the library repeats them in every process"


class Unsown:
    """A C library whose ``rand`` has the seed with which every process begins."""

    @staticmethod
    def srand(_seed: int) -> None:
        LIBC.srand(1)


def challenges(count: int) -> set[bytes]:
    """The first challenges of so many sessions, each begun as in a fresh process."""
    found = set()
    for _ in range(count):
        LIBC.srand(1)
        wire = secure_pair().wire
        found.add(next(frame.raw[9:17] for frame in wire if frame.raw[5:7] == b"\x03\x11"))
    return found


def test_a_session_that_is_played_back_opens_nothing() -> None:
    recorded = secure_pair()
    assert recorded.reader is not None
    recorded.reader.press("1")
    recorded.until(lambda: recorded.said)
    replies = [frame.raw for frame in recorded.wire if frame.sender == "PD"]
    pair = Pair(None)
    pair.answer = lambda _command, _reply: replies.pop(0) if replies else b""
    pair.until(lambda: pair.session.fault)
    assert pair.session.fault == "holds another key than ours, or none yet"
    assert not pair.session.secure
    assert pair.said == []


def test_a_reader_that_denies_crc_opens_its_channel_with_crc(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair(OsdpReader(KEY, address=ADDRESS, denies_crc=True))
    pair.until(lambda: pair.session.secure)
    assert all(frame.raw[4] & 4 for frame in pair.wire)
    monkeypatch.setattr(osdp_session, "with_crc", lambda frame: frame.raw)
    pair = Pair(OsdpReader(KEY, address=ADDRESS, denies_crc=True))
    pair.until(lambda: pair.session.secure)
    assert not all(frame.raw[4] & 4 for frame in pair.wire), "the library alone goes over to checksums"


def test_a_reader_without_lamp_and_sounder_is_not_asked_to_show() -> None:
    pair = Pair(OsdpReader(KEY, address=ADDRESS, bare=True))
    pair.until(lambda: pair.session.secure)
    pair.session.show(Led("red", 2, 2, 3))
    pair.session.show(Buzzer(2, 2, 3))
    pair.session.greet()
    pair.until(lambda: LocalStatus(False, False) in pair.said)
    assert not {each.id for each in pair.understood()} & {0x69, 0x6A}


def test_a_command_that_was_refused_is_not_sent_again() -> None:
    pair = secure_pair()
    asked = []

    def refuse(command: Frame, reply: bytes) -> bytes:
        if command.id != 0x64:
            return reply
        asked.append(command)
        return seal(0x80 | ADDRESS, command.control & 3, b"\x41\x03")

    pair.answer = refuse
    pair.session.greet()
    pair.until(lambda: not pair.session.secure)
    pair.until(lambda: pair.session.secure)
    pair.session.greet()
    pair.session.show(Buzzer(1, 1, 1))
    pair.until(lambda: pair.reader and pair.reader.sounder)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("reader", "fault"),
    [
        (OsdpReader(bytes(range(1, 17)), address=ADDRESS), "holds another key than ours, or none yet"),
        (OsdpReader(None, address=ADDRESS), "holds another key than ours, or none yet"),
        (
            OsdpReader(None, address=ADDRESS, clear_only=True),
            "has no secure channel: it answers in clear only",
        ),
    ],
)
def test_other_readers_are_refused_by_name_and_asked_again_soon(reader: OsdpReader, fault: str) -> None:
    pair = Pair(reader)
    begins: list[Frame] = []

    def note(command: Frame, reply: bytes) -> bytes:
        if command.id == 0x61:
            begins.append(command)
        return reply

    pair.answer = note
    pair.until(lambda: len(begins) == 2)  # the library alone would wait 300 s
    assert pair.session.fault == fault
    reader.press("1")
    pair.until(lambda: len(begins) == 3)
    assert not pair.session.secure
    assert pair.said == []


def test_a_reader_that_answers_the_challenge_with_the_default_key_is_refused() -> None:
    pair = Pair(OsdpReader(KEY, address=ADDRESS))

    def default(command: Frame, reply: bytes) -> bytes:
        if command.kind != 0x11:
            return reply
        found = parse(reply)
        assert found is not None
        return seal(found.address, found.control & 3, reply[8:-2], b"\x03\x12\x00")

    pair.answer = default
    pair.until(lambda: pair.session.fault)
    assert pair.session.fault == "answers with the default key, which everybody knows"
    assert not pair.session.secure


class Stuck:
    """A control panel that sleeps, as libosdp does where the wall clock was set back by a day."""

    asleep = False

    def __init__(self, panel: Any) -> None:
        self._panel = panel

    def refresh(self) -> None:
        if not self.asleep:
            self._panel.refresh()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._panel, name)


def test_a_library_that_sleeps_because_the_wall_clock_was_set_back_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Stuck] = []
    real = osdp_sys.ControlPanel

    def panel(info: Any) -> Stuck:
        made.append(Stuck(real(info)))
        return made[-1]

    monkeypatch.setattr(osdp_sys, "ControlPanel", panel)
    pair = secure_pair()
    made[0].asleep = True
    pair.until(lambda: len(made) == 2)
    pair.until(lambda: pair.session.ready)
    assert pair.reader is not None
    pair.reader.press("1")
    pair.until(lambda: pair.said == [Keys(b"1")])
    assert len(made) == 2


def test_errors_of_the_line_come_out_of_the_turn_that_met_them() -> None:
    def broken(_data: bytes) -> None:
        raise OSError(5, "gone")

    session = Session(Reader(ADDRESS, KEY), WORLD, WORLD, broken)
    with pytest.raises(OSError, match="gone"):
        session.turn()
    session.turn()  # the library goes on as if nothing had been said


def test_an_agent_without_such_readers_does_not_load_the_library() -> None:
    code = (
        "import sys; import pleintemps_edge.agent; from pleintemps_edge.drivers.registry import drivers;"
        "drivers(); sys.exit('osdp_sys' in sys.modules or 'osdp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
