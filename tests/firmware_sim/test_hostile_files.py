"""Files that somebody sent, or that a disk has damaged: one clear message and a status, whatever they hold.

All of it through the command line, as a tester gives it. What turns out to be a good file after all is taken
up to its script; playing it is the business of other tests.
"""

import gzip
import itertools
import logging
import re
import resource
from pathlib import Path
from typing import Never

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pleintemps_contract.recording import Edge, End, Header, Line, Right, encode
from pleintemps_firmware_sim.cli import main
from pleintemps_firmware_sim.errors import ChildError
from pleintemps_firmware_sim.scenario import cli as scenario_cli
from pleintemps_firmware_sim.scenario import nodes
from pleintemps_firmware_sim.scenario.loading import Scenario, names
from pleintemps_firmware_sim.scenario.running import VIRTUAL_BEGIN, RunOptions
from pleintemps_firmware_sim.scenario.script import write
from tests.support.laws import examples

SHIPPED = Path(nodes.__file__).parents[1] / "scenarios"
SOME = examples(some=20, many=500)
HEAD = "scenario: x\ntitle: x\nlasts: 1h\n"
MIB = 2**20

WORDS = st.sampled_from(
    [b"9999-12-31T23:59", b"0001-01-01T00:00", b"2026-02-30T10:00", b"400d", b"9999999d", b"-1", b"1e308",
     b".nan", b".inf", b"NaN", b"null", b"~", b"[]", b"{}", b"99999999999999", b"-0.0", b"\x00", b"\x1b[2J",
     b"\xff", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"&a", b"*a", b"<<: *a", b"!!python/object:os.system", b"|",
     b"---", b"'", b'"', b"\t", b"{", b"]", b": ", b"? ", b"choir.start-400d", b"+400d", b"[mon, tue]",
     b"per_day: 1000", b"250ms", b"x" * 5_000, b"9" * 5_000, b"[" * 3_000, b"\n" * 300]
)  # fmt: skip


def planned(scenario: Scenario, _wanted: RunOptions) -> Never:
    """In the place of playing it: everything up to the first act."""
    write(scenario, 1, VIRTUAL_BEGIN)
    raise ChildError("a good file")


@pytest.fixture(autouse=True)
def _nothing_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario_cli, "_virtual", planned)


def refused(file: Path, capsys: pytest.CaptureFixture[str], *before: str) -> str:
    """The one message of a file that is wrong."""
    assert main([*before, str(file)]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1, said.err
    assert str(file) in said.err
    return said.err.replace(str(file), "FILE").rstrip("\n")


def run_or_refused(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["run", str(file), "--virtual-time"])
    said = capsys.readouterr().err
    if status == 1:
        assert said == "pleintemps-sim: a good file\n"
    else:
        assert status == 2
        assert re.fullmatch(rf"{re.escape(str(file))}:[1-9]\d*:[1-9]\d*: [^\n]+\n", said), said


# --- scenarios -------------------------------------------------------------------------------------------


@pytest.mark.law
@SOME
@given(st.sampled_from(names()), st.data())
def test_a_shipped_file_with_anything_done_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, data: st.DataObject
) -> None:
    content = (SHIPPED / f"{name}.yaml").read_bytes()
    for _ in range(data.draw(st.integers(1, 3))):
        words = [found.span() for found in re.finditer(rb"[A-Za-z0-9.:+-]+", content)] or [(0, 0)]
        low, high = data.draw(st.sampled_from(words))
        start, end = data.draw(st.sampled_from(words))
        put = data.draw(st.one_of(WORDS, st.just(content[start:end]), st.just(b"")))
        content = data.draw(st.sampled_from((content[:low] + put + content[high:], content[:low])))
    file = tmp_path / "x.yaml"
    file.write_bytes(content)
    run_or_refused(file, capsys)


@pytest.mark.law
@SOME
@given(st.binary(max_size=300))
@example(b"\x7fELF\x02\x01\x01\x00")
@example(b"\x1f\x8b\x08\x00")
@example("scenario: x".encode("utf-16"))
def test_bytes_that_are_no_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(content)
    run_or_refused(file, capsys)


LAUGHS = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9) if n else 'lol'}]\n" for n in range(9))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "FILE:1:1: the file is empty"),
        (LAUGHS, "FILE:1:5: anchors are not allowed"),
        ("a: *b\n", "FILE:1:4: aliases are not allowed"),
        ("a: !!python/object/apply:os.system [id]\n", "FILE:1:4: tags are not allowed"),
        ("[" * 10_000, "FILE:1:17: more than 16 levels"),
        ("#" * MIB, "bytes are too many"),
        ("scenario: \x1b]0;x\x07\n", "FILE:1:11: character U+001B"),
        (HEAD + "begins: 9999-12-31T23:59\n", "FILE:4:9: 9999-12-31T23:59 is not from 2000 to 2099"),
        (HEAD + "begins: 1969-01-01T00:00\n", "FILE:4:9: 1969-01-01T00:00 is not from 2000 to 2099"),
        (HEAD + "rules: {lead_s: .nan}\n", "FILE:4:17: Expected"),
        (HEAD + "rules: {lead_s: 1e999}\n", "FILE:4:17: Expected"),
        (HEAD + f"rules: {{lead_s: {'9' * 5_000}}}\n", "FILE:4:17: Expected"),
        (HEAD + "bookings: [{booking: b, ics: round.ics}]\n", "round.ics: cannot be read"),
        (HEAD + 'bookings: [{booking: b, ics: "a\\0b"}]\n', "FILE:4:30: "),
        (HEAD + "bookings: [{booking: b, ics: out.ics}]\n", "has to lie beside the scenario"),
        (HEAD + "bookings: [{booking: b, ics: huge.ics}]\n", "more than"),
        (
            HEAD.replace("1h", "400d")
            + "weather:\n"
            + "".join(
                f"  - {{fault: network-loss, target: hall, per_day: 1000, name: n{n}}}\n" for n in range(300)
            ),
            "FILE:5:3: more than 20000 faults",
        ),
    ],
    ids=itertools.count(),
)
def test_a_hostile_scenario_is_one_line_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, says: str
) -> None:
    (tmp_path / "round.ics").symlink_to("round.ics")
    (tmp_path / "out.ics").symlink_to("/etc/passwd")
    (tmp_path / "huge.ics").write_bytes(b"x" * MIB)
    file = tmp_path / "x.yaml"
    file.write_text(content)
    said = refused(file, capsys, "run", "--virtual-time")
    assert re.match(r"FILE:[1-9]\d*:[1-9]\d*: ", said)
    assert says in said


@pytest.mark.parametrize("command", [("run",), ("replay", "recording"), ("conform", "--config")])
def test_what_is_no_file_to_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    (tmp_path / "round.yaml").symlink_to("round.yaml")
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "folder.yaml").mkdir()
    for name, says in (
        ("round.yaml", "symbolic links"),
        ("gone.yaml", "No such file"),
        ("folder.yaml", "Is a directory"),
    ):
        assert says in refused(tmp_path / name, capsys, *command)


@pytest.mark.parametrize("command", [("run",), ("replay", "recording"), ("conform", "--config")])
def test_a_file_without_an_end_is_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(tmp_path / "zero.yaml", capsys, *command)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024, "KiB"


# --- recordings ------------------------------------------------------------------------------------------

CONFIG = {"site": "a", "agent": "b", "devices": [{"device": "eye", "driver": "pir", "space": "s", "pin": 22}]}
RECORDING = [
    encode(Header(format=1, version="1", site="a", agent="b", boot="0" * 32, begin=1_767_340_800_000,
                  config=CONFIG)),
    encode(Line(t=5, broker="site", up=True)),
    encode(Edge(t=40, pin=22, level=1, us=7)),
    encode(Right(t=46, credential="1", worth=[])),
    encode(End(t=90)),
]  # fmt: skip
VALUES = st.sampled_from(
    [b"0", b"-1", b"9007199254740993", b"18446744073709551616", b"1e308", b"1e400", b"NaN", b"null", b"true",
     b"[]", b"{}", b"[[{}]]", b'""', b'"\\u0000"', b'"\\ud800"', b'"../../x"', b"253402300799999",
     b"2678400001", b'"' + b"z" * 3_000 + b'"', b"[" * 3_000, b"9" * 5_000,
     b'{"driver":{}}', b'[{"driver":[]}]']
)  # fmt: skip


@pytest.mark.law
@SOME
@given(st.data())
def test_a_recording_with_any_value_in_any_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    lines = list(RECORDING)
    place = data.draw(st.integers(0, len(lines) - 1))
    values = list(re.finditer(rb'(?<=[:\[,])(?:-?[0-9.]+|"[^"]*"|true|\[[^]]*\]|\{[^}]*\})', lines[place]))
    low, high = values[data.draw(st.integers(0, len(values) - 1))].span()
    lines[place] = lines[place][:low] + data.draw(VALUES) + lines[place][high:]
    file = tmp_path / "x.rec"
    file.write_bytes(gzip.compress(b"".join(lines)))
    logging.disable(logging.CRITICAL)  # what the agent logs is no message of ours
    try:
        status = main(["replay", "recording", str(file)])
    finally:
        logging.disable(logging.NOTSET)
    said = capsys.readouterr().err
    assert status in (0, 1, 2)
    if status:
        assert said.count("\n") <= 1
    if status == 2:
        assert said.startswith(f"pleintemps-sim: {file}: ")


# --- configurations --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "missing required field `site`"),
        (f"a = {'9' * 5_000}\n", "not TOML"),
        (f"a = {'[' * 50_000}\n", "not TOML"),
        ("a = 1\na = 2\n", "not TOML"),
        ("site = nan\n", "site"),
        ("\x00", "not TOML"),
        ("#" * 17 * MIB, "more than"),
    ],
    ids=itertools.count(),
)
@pytest.mark.parametrize("command", [("conform", "--config"), ("replay", "recording", "GOOD", "--config")])
def test_a_hostile_configuration_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, says: str, command: tuple[str, ...]
) -> None:
    good, file = tmp_path / "x.rec", tmp_path / "edge.toml"
    good.write_bytes(gzip.compress(b"".join(RECORDING)))
    file.write_text(content)
    assert says in refused(file, capsys, *(str(good) if each == "GOOD" else each for each in command))
