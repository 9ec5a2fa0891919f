"""Frames that are cut, split, glued and flipped on their way, and readers that live with it."""

import asyncio
from pathlib import Path

import pytest
from aio_ld2410 import LD2410
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_edge.sensing import ld2410 as agents_ld2410
from pleintemps_edge.sensing import ld2450 as agents_ld2450
from pleintemps_firmware_sim.devices.alone.registry import carry_out
from pleintemps_firmware_sim.devices.ld2410 import Ld2410, Scene, Target
from pleintemps_firmware_sim.devices.ld2450 import Ld2450, encode_report
from pleintemps_firmware_sim.devices.ld2450 import Target as Mover
from pleintemps_firmware_sim.devices.line_faults import SPLIT_MS, FaultyLine, LineFault

from .alone import made, running

FRAME = encode_report([Mover(500, 2_000, -40)])


def spoilt(*faults: LineFault) -> tuple[FaultyLine, Ld2450]:
    radar = Ld2450(0)
    radar.see([Mover(500, 2_000, -40)], 0)
    line = FaultyLine(radar)
    for fault in faults:
        line.spoil(fault, 1)
    return line, radar


@pytest.mark.parametrize(
    ("fault", "first", "second"),
    [
        (LineFault.CUT, FRAME[:15], FRAME),
        (LineFault.HEADLESS, FRAME[15:], FRAME),
        (LineFault.BAD_TAIL, FRAME[:-1] + b"\x33", FRAME),
        (LineFault.GLUE, b"", FRAME + FRAME),
        (LineFault.DROP, b"", FRAME),
        (LineFault.TWICE, FRAME + FRAME, FRAME),
    ],
)
def test_each_fault_is_used_up_by_one_frame(fault: LineFault, first: bytes, second: bytes) -> None:
    line, _ = spoilt(fault)
    assert [line.transmit(100), line.transmit(200)] == [first, second]


def test_a_split_frame_comes_in_two_parts() -> None:
    line, _ = spoilt(LineFault.SPLIT)
    assert line.transmit(100) == FRAME[:15]
    assert line.due() == 100 + SPLIT_MS
    assert line.transmit(100 + SPLIT_MS) == FRAME[15:]
    line.spoil(LineFault.SPLIT, 1)
    line.transmit(200)
    assert line.transmit(300) == FRAME[15:] + FRAME, "a late reader finds all in order"


@given(st.lists(st.sampled_from(LineFault), max_size=12))
def test_the_agents_reader_finds_what_comes_after_any_faults(faults: list[LineFault]) -> None:
    line, _ = spoilt(*faults)
    reader = agents_ld2450.Reader()
    found = []
    for now in range(100, 100 * (len(faults) + 4), 20):
        found += reader.feed(line.transmit(now))
    assert found[-2:] == [(agents_ld2450.Target(500, 2_000, -40),)] * 2


@given(st.lists(st.tuples(st.integers(0, 599), st.booleans()), max_size=3))
def test_the_agent_reads_the_radar_as_it_is_meant(scene: list[tuple[int, bool]]) -> None:
    radar = Ld2410(0)
    radar.see(Scene(tuple(Target(*one) for one in scene)))
    [report] = agents_ld2410.Reader().feed(radar.transmit(100))
    moving = min((far for far, moves in scene if moves), default=None)
    assert (report.moving.distance_cm if report.moving else None) == moving
    assert report.status & 1 == int(moving is not None)


@given(
    st.lists(
        st.builds(Mover, st.integers(-900, 900), st.integers(600, 5_900), st.integers(-500, 500)), max_size=3
    )
)
def test_the_agent_reads_the_tracker_as_it_is_meant(targets: list[Mover]) -> None:
    [found] = agents_ld2450.Reader().feed(encode_report(targets))
    assert [(one.x_mm, one.y_mm, one.speed) for one in found] == [
        (one.x_mm, one.y_mm, one.speed) for one in targets
    ]


def test_aio_ld2410_gets_over_a_spoilt_line(tmp_path: Path) -> None:
    link = tmp_path / "radar"
    radar = made("ld2410", "--link", str(link), "--distance", "150", "--moving")

    async def main() -> None:
        async with running(radar), LD2410(str(link)) as client:
            for fault in ("headless", "split", "twice", "glue"):
                carry_out(radar, f"spoil {fault} 1")
            for _ in range(6):
                assert (await client.get_next_report()).basic.moving_distance == 150

    asyncio.run(asyncio.wait_for(main(), 20))
