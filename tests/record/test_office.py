"""What the gateway and its enemies said, tokens, grants that came later, a clock that leapt: played again."""

import gzip
from pathlib import Path

from pleintemps_contract.agent_messages import Stream
from pleintemps_contract.gateway_messages import DoorTimings, Window
from pleintemps_contract.onvif import DoorAction
from pleintemps_contract.recording import Events, Openings, Ordered, Receipted, Right, Strange, Timings, Token
from pleintemps_firmware_sim.replaying.diff import compare
from pleintemps_firmware_sim.replaying.play import play
from pleintemps_firmware_sim.replaying.reading import read
from pleintemps_firmware_sim.virtual.loop import run

from .place import BEGIN, LATE_CODE, Place, recorded, worth

NAME = "Marie"


async def day(place: Place) -> None:
    """A code before it is granted and after; guesses until the door waits; commands good and bad."""
    office = place.office
    await place.type(f"{LATE_CODE}#")
    office.learn([Right(t=0, credential=LATE_CODE, worth=[worth("ef" * 16)])])
    office.publish()
    await place.passes(3)
    await place.type(f"{LATE_CODE}#")
    await place.passes(8)
    for guess in range(8):
        await place.type(f"{guess}{guess}#")
        await place.passes(0.5)
    await place.passes(40)
    now = place.world.now()
    order = Ordered(
        t=0,
        id="12" * 16,
        door="hall",
        action=DoorAction.UNLOCK,
        issued=now,
        expires=now + 9_000,
        counter=1,
        epoch=1,
    )
    office.order(order)
    await place.passes(2)
    office.order(order)
    office.order(
        Ordered(
            t=0, id="34" * 16, door="hall", action=DoorAction.LOCK, issued=now, expires=now + 9_000,
            counter=2, epoch=1, own=False,
        )
    )  # fmt: skip
    for why in ("no-envelope", "bad-header", "unknown-key", "bad-signature", "undecodable"):
        office.strange(Strange(t=0, channel="command", why=why))
    await place.passes(2)
    now = place.world.now()
    office.order(
        Ordered(
            t=0,
            id="56" * 16,
            door="hall",
            action=DoorAction.LOCK,
            issued=now,
            expires=now + 9_000,
            counter=3,
            epoch=1,
        )
    )
    timings = DoorTimings(open_ms=7_000, pre_alarm_ms=1_000)
    office.timings(Timings(t=0, epoch=1, revision=9, doors={"hall": timings}))
    await place.passes(1)
    place.board.drive(6, 1)
    await place.passes(9)
    place.board.drive(6, 0)
    place.scan(NAME.encode() + b"\r")
    place.scan(office.text(Token(t=0, port="", right=worth("78" * 16))))
    await place.passes(7)
    window = Window(start=place.world.now() + 3_000, end=place.world.now() + 8_000)
    office.learn([Openings(t=0, grants=1, doors={"hall": ([window], False)})])
    office.publish()
    await place.passes(15)
    place.world.step(90_000)
    await place.passes(5)


def test_a_day_with_a_gateway_is_the_same_again(tmp_path: Path) -> None:
    file = run(recorded(tmp_path, day))
    recording = read(file)
    lines = recording.entries
    kinds = [type(line) for line in lines]
    assert kinds.count(Ordered) == 4
    assert [line.why for line in lines if isinstance(line, Strange)] == [
        "no-envelope", "bad-header", "unknown-key", "bad-signature", "undecodable",
    ]  # fmt: skip
    assert [line.right is None for line in lines if isinstance(line, Token)] == [True, False]
    assert {line.stream for line in lines if isinstance(line, Receipted)} == set(Stream)
    played = run(play(recording))
    report = compare(played.recorded, played.replayed)
    assert report.events.differences == []
    assert report.same
    told = {type(each.event).__name__ for line in lines if isinstance(line, Events) for each in line.records}
    assert told >= {"CommandExecuted", "MessageRefused", "FreeOpeningChanged", "DoorAlarmChanged"}
    reasons = [what for _, what in played.replayed.events if what.startswith("access-refused")]
    assert any("throttled" in what for what in reasons)
    assert sum(what.startswith("access-granted") for _, what in played.replayed.events) == 2
    text = gzip.decompress(file.read_bytes())
    for secret in (LATE_CODE, NAME, "PT1.", "ef" * 16, "12" * 16, "56" * 16, "78" * 16):
        assert secret.encode() not in text, secret
    assert recording.header.begin + 1_000 > BEGIN
