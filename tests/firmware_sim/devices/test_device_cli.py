"""``pleintemps-sim device`` as a program: its help, its orders through a pipe, its errors in one line."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from pleintemps_firmware_sim.cli import main
from pleintemps_firmware_sim.devices.alone.registry import carry_out, kind, kinds

from .alone import made

DOCUMENT = Path(__file__).parents[3] / "docs" / "simulator.md"
LINK = {
    **dict.fromkeys(("nuki", "shelly", "zigbee2mqtt"), ("--broker", "mqtt://127.0.0.1")),
}


def device(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pleintemps_firmware_sim.cli", "device", *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_orders_come_through_a_pipe_and_quit_ends_it(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    done = device("modbus-sound", "--link", str(link), text="level 92\nshout\n\nlevel\nquit\n")
    assert done.returncode == 0 and done.stderr == ""
    first, *answers = done.stdout.splitlines()
    assert first.startswith(f"modbus-sound: serial port {link}, 4800 baud 8N1")
    assert answers[0] == "92.0 dB"
    assert answers[1].startswith("? no order 'shout': there are level, mute")
    assert answers[2:] == ["? say: level DB"]
    assert not link.is_symlink()


def test_what_stands_in_a_links_place_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    for name in ("ld2410", "reed", "microphone"):
        assert main(["device", name, "--link", str(mine)]) == 1
        said = capsys.readouterr()
        assert said.out == "" and said.err.startswith(f"pleintemps-sim: {mine}: something that is no ")
        assert said.err.count("\n") == 1
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("wiegand", "--link", "x", "--d0-pin", "24"), "the lines d0, d1 need a pin each"),
        (("pir", "--link", "x", "--model", "am312", "--hold", "5"), "--hold: am312 has hold 2 s"),
        (("ld2450", "--link", "x", "--see", "1", "2", "z"), "--see: 'z' is no whole number"),
        (("microphone", "--link", "x", "--channel", "2"), "--channel is one of --channels"),
        (("microphone", "--link", "x", "--wav", "/nowhere.wav"), "/nowhere.wav: No such file"),
        (("rtc", "--link", "x", "--clock", "/nowhere"), "no simulated clock at /nowhere"),
    ],
)
def test_a_wrong_value_is_one_line(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["device", *arguments]) in (1, 2)
    err = capsys.readouterr().err
    assert err.startswith(f"pleintemps-sim: {says}") and err.count("\n") == 1


@pytest.mark.parametrize("name", sorted(kinds()))
def test_every_option_and_every_order_says_what_it_is(name: str, tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    kinds()[name].options(parser)
    for action in parser._actions:
        assert action.help, action.option_strings
    alone = made(name, *LINK.get(name, ("--link", str(tmp_path / "link"))))
    told = carry_out(alone, "help")
    for order in alone.orders:
        assert order.what and f"{order.name} {order.usage}".strip() in told
        assert order.least <= order.most
    assert len({order.name for order in alone.orders}) == len(alone.orders)


def test_every_kind_is_in_the_document() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in kinds() if f"| `{name}` |" not in text] == []


def test_a_name_that_is_taken_fails_loudly() -> None:
    with pytest.raises(ValueError, match="ld2410"):
        kind("ld2410", "another", lambda _: None)(lambda _options, _world: made("ld2410"))
