"""Whatever a file holds: a recording, or one clear message."""

import gzip
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pleintemps_contract import recording
from pleintemps_contract.recording import MAX_LINE, End, Gap, Header, Line, encode
from pleintemps_firmware_sim import cli
from pleintemps_firmware_sim.errors import DatasetError
from pleintemps_firmware_sim.replaying.reading import MAX_SILENCE_MS, read

HEADER = encode(
    Header(format=1, version="1", site="a", agent="b", boot="0" * 32, begin=0, config={"site": "a"})
)
UP = encode(Line(t=5, broker="site", up=True))
WHOLE = HEADER + UP + encode(Gap(t=7, lines=3)) + encode(End(t=9))
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _file(folder: Path, data: bytes) -> Path:
    file = folder / "x.rec"
    file.write_bytes(data)
    return file


def test_a_whole_one(tmp_path: Path) -> None:
    found = read(_file(tmp_path, gzip.compress(WHOLE)))
    assert (found.length, found.cut, found.lost, len(found.entries)) == (9, False, 3, 3)


def test_lines_are_put_in_order_of_time(tmp_path: Path) -> None:
    found = read(_file(tmp_path, gzip.compress(HEADER + encode(End(t=9)) + UP)))
    assert [entry.t for entry in found.entries] == [5, 9]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"not gzip at all", "gzip"),
        (gzip.compress(b""), "empty"),
        (gzip.compress(HEADER[:40]), "empty"),
        (gzip.compress(b"[]\n"), "line 1"),
        (gzip.compress(b"\xff\xfe\n"), "line 1"),
        (gzip.compress(b"[" * 200_000 + b"\n"), "line 1"),
        (gzip.compress(HEADER + b'{"k":"line","t":-1,"broker":"site","up":true}\n'), "line 2"),
        (gzip.compress(HEADER + b'{"k":"nonsense","t":1}\n'), "line 2"),
        (gzip.compress(HEADER + b'{"k":"end","t":1e300}\n'), "line 2"),
        (gzip.compress(HEADER + b'{"k":"bytes","t":1,"port":"p","to":true,"data":"***"}\n'), "line 2"),
        (gzip.compress(HEADER + encode(End(t=recording.MAX_LINE * 2**19))), "31 days"),
        (gzip.compress(HEADER + encode(End(t=MAX_SILENCE_MS + 1))), "nothing between 0 ms and 21600001 ms"),
        (gzip.compress(HEADER + b" " * (MAX_LINE + 1)), "more than"),
        (gzip.compress(HEADER + UP * 5_000)[:60] + b"\0" * 99, "damaged"),
    ],
    # not by the bytes: they hold the moment, and workers that count seconds apart would name other tests
    ids=lambda each: each if isinstance(each, str) else "file",
)
def test_what_is_no_recording_is_said_in_a_line(
    tmp_path: Path, data: bytes, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _file(tmp_path, data)
    assert cli.main(["replay", "recording", str(file)]) == 2
    said = capsys.readouterr().err
    assert word in said
    assert str(file) in said
    assert said.count("\n") == 1


def test_a_bomb_is_given_up_early(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    bomb = packer.compress(HEADER) + b"".join(packer.compress(b"\0" * 2**20) for _ in range(64))
    with pytest.raises(DatasetError, match="a line of more than"):
        read(_file(tmp_path, bomb + packer.flush()))


def test_more_lines_than_any_recording_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pleintemps_firmware_sim.replaying.reading.MAX_LINES", 100)
    with pytest.raises(DatasetError, match="100 lines"):
        read(_file(tmp_path, gzip.compress(HEADER + UP * 200)))


def test_no_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", "recording", str(tmp_path / "none")]) == 2
    assert "No such file" in capsys.readouterr().err


@QUICK
@given(st.integers(0, len(gzip.compress(WHOLE))))
def test_cut_anywhere_it_is_read_up_to_there_or_refused(tmp_path: Path, length: int) -> None:
    try:
        found = read(_file(tmp_path, gzip.compress(WHOLE)[:length]))
    except DatasetError:
        return
    assert found.header.site == "a"
    assert found.cut == (not any(isinstance(entry, End) for entry in found.entries))


@QUICK
@example(b"\x1f\x8b")
@given(st.binary(max_size=400))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    for content in (data, gzip.compress(data), gzip.compress(HEADER + data + b"\n")):
        try:
            read(_file(tmp_path, content))
        except DatasetError as error:
            assert "\n" not in str(error)


@QUICK
@given(st.integers(0, 2_000), st.integers(0, 255))
def test_any_byte_of_it_another(tmp_path: Path, place: int, value: int) -> None:
    content = bytearray(gzip.compress(WHOLE))
    content[place % len(content)] = value
    try:
        read(_file(tmp_path, bytes(content)))
    except DatasetError as error:
        assert "\n" not in str(error)
