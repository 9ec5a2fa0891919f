"""``pleintemps-edge meter``: formats, channels, options, and files that are none."""

import json
import math
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pleintemps_edge.cli import main

from .tones import pink, sine, wav_bytes, write_wav

TONE = sine(1_000, 3, 48_000, 0.1).astype(np.float64)
KEYS = {"LAeq", "LCeq", "LAFmax", "LCpeak", "L10", "L50", "L90", "octaves", "duration_s"}


def told(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert main(["meter", str(path), "--full-scale-db", "120", "--json", *options]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    found: dict[str, Any] = json.loads(printed.out)
    return found


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(("bits", "floating"), [(16, False), (24, False), (32, False), (32, True)])
def test_every_format_has_the_level_of_its_tone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bits: int, floating: bool, extensible: bool
) -> None:
    data = wav_bytes(TONE, 48_000, bits, floating=floating, extensible=extensible)
    found = told(write_wav(tmp_path / "tone.wav", data), capsys)
    assert set(found) >= KEYS
    # a tone of a tenth of full scale: 20 dB down, and a sine's 3.01
    assert found["LAeq"] == pytest.approx(120 - 20 - 3.01, abs=0.02)
    assert found["LCpeak"] == pytest.approx(100, abs=0.4)  # it begins at once, which is a small peak
    assert found["octaves"]["1000"] == pytest.approx(96.99, abs=0.05)
    assert found["duration_s"] == 3
    assert found["overload"] is False and found["under_floor"] is None


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 96_000, 192_000])
def test_every_usual_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: int) -> None:
    data = wav_bytes(sine(1_000, 2, rate, 0.1).astype(np.float64), rate)
    found = told(write_wav(tmp_path / "tone.wav", data), capsys)
    assert found["LAeq"] == pytest.approx(96.99, abs=0.03)
    assert list(found["octaves"])[:5] == ["125", "250", "500", "1000", "2000"]
    assert ("4000" in found["octaves"]) is (rate >= 16_000)


def test_the_first_channel_or_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_wav(tmp_path / "two.wav", wav_bytes(np.stack([TONE, TONE / 10], axis=1), 48_000, 24))
    assert told(path, capsys)["LAeq"] == pytest.approx(96.99, abs=0.02)
    assert told(path, capsys, "--channel", "2")["LAeq"] == pytest.approx(76.99, abs=0.02)
    for channel in ("0", "3"):
        assert main(["meter", str(path), "--full-scale-db", "120", "--channel", channel]) == 2
        assert f"has 2 channels, not {channel}" in capsys.readouterr().err


def test_flags_and_series(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loud = write_wav(tmp_path / "loud.wav", wav_bytes(TONE * 10, 48_000))
    assert told(loud, capsys)["overload"] is True
    quiet = write_wav(tmp_path / "quiet.wav", wav_bytes(TONE * 1e-3, 48_000, 24))
    assert told(quiet, capsys, "--noise-floor-db", "33")["under_floor"] is True
    assert told(quiet, capsys, "--noise-floor-db", "30")["under_floor"] is False
    seconds = told(loud, capsys, "--series", "1")["series"]
    eighths = told(loud, capsys, "--series", "0.125")["series"]
    assert (len(seconds), len(eighths)) == (3, 24)
    energy = sum(10 ** (level / 10) for level in eighths[8:16]) / 8
    assert 10 * math.log10(energy) == pytest.approx(seconds[1], abs=0.01)


def test_words_for_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_wav(tmp_path / "tone.wav", wav_bytes(TONE * 10, 48_000))
    assert main(["meter", str(path), "--full-scale-db", "120"]) == 0
    printed = capsys.readouterr().out
    assert "LAeq     117.0 dB(A)" in printed
    assert "overloaded" in printed
    silent = write_wav(tmp_path / "silent.wav", wav_bytes(TONE * 0, 48_000))
    assert main(["meter", str(silent), "--full-scale-db", "120"]) == 0
    assert "LAeq     silence" in capsys.readouterr().out


def test_a_stream_whose_header_knows_no_length_is_read_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = wav_bytes(TONE, 48_000)
    place = data.index(b"data") + 4
    path = write_wav(tmp_path / "stream.wav", data[:place] + b"\xff\xff\xff\xff" + data[place + 4 :])
    assert told(path, capsys)["duration_s"] == 3


def _long(size: int) -> bytes:
    """The tone as RF64 with 64-bit lengths, an odd unknown chunk before and another behind."""
    good = wav_bytes(TONE, 48_000, 24)
    at = good.index(b"data")
    sizes = struct.pack("<IQQQI", 28, len(good), size, len(TONE), 0)
    head = b"RF64\xff\xff\xff\xffWAVEds64" + sizes + b"junk\5\0\0\0abcde\0"
    return head + good[12:at] + b"data\xff\xff\xff\xff" + good[at + 8 :] + b"LIST\4\0\0\0abcd"


def test_a_file_with_lengths_of_64_bits_ends_where_they_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(write_wav(tmp_path / "long.wav", _long(3 * len(TONE))), capsys)
    assert found["duration_s"] == 3
    assert found["LAeq"] == pytest.approx(96.99, abs=0.02)


def _broken() -> dict[str, bytes]:
    good = wav_bytes(TONE, 48_000)
    at = good.index(b"fmt ") + 8
    data = good.index(b"data")

    def with_format(offset: int, form: str, value: int) -> bytes:
        changed = bytearray(good)
        struct.pack_into(form, changed, at + offset, value)
        return bytes(changed)

    def with_size(size: int) -> bytes:
        return good[: data + 4] + struct.pack("<I", size) + good[data + 8 :]

    nan = wav_bytes(np.full(48_000, np.nan), 48_000, 32, floating=True)
    return {
        "empty": b"",
        "foreign": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "aiff": b"FORM" + bytes(100),
        "head only": good[:12],
        "no data": good[:data],
        "no samples": good[:data] + b"data\0\0\0\0",
        "cut off": good[: len(good) // 2],
        "cut off in a sample": good[:-1],
        "a header that promises 1 GB": with_size(2**30),
        "a header that promises nothing": with_size(0),
        "a chunk of 4 GB": good[:12] + b"junk\xf0\xff\xff\xff" + good[12:],
        "a format of 4 GB": good[:12] + b"fmt \xf0\xff\xff\xff" + good[12:],
        "a long file that promises 2^62": _long(2**62),
        "big endian": b"RIFX" + good[4:],
        "too short": wav_bytes(TONE[:100], 48_000),
        "mp3 in wav": with_format(0, "<H", 0x55),
        "8 bits": with_format(14, "<H", 8),
        "no channels": with_format(2, "<H", 0),
        "wrong frame size": with_format(12, "<H", 7),
        "rate 0": with_format(4, "<I", 0),
        "rate beyond": with_format(4, "<I", 384_000),
        "not a number": nan,
        "data before format": good[:12] + good[data:],
    }


@pytest.mark.parametrize("name", _broken())
def test_a_file_that_cannot_be_measured_is_one_line_and_2(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_wav(tmp_path / "broken.wav", _broken()[name])
    assert main(["meter", str(path), "--full-scale-db", "120", "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"pleintemps-edge: {path}: ")
    assert printed.err.count("\n") == 1


def test_no_file_and_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path / "none.wav", tmp_path):
        assert main(["meter", str(path), "--full-scale-db", "120"]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", ["loud", "nan", "1e9"])
def test_a_full_scale_that_is_none_is_2(text: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["meter", str(tmp_path / "a.wav"), "--full-scale-db", text])
    assert caught.value.code == 2


SMALL = wav_bytes(pink(0.2, 8_000).astype(np.float64), 8_000, 16, extensible=True)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=8),
    length=st.integers(0, len(SMALL)),
    whole=st.booleans(),
)
def test_damaged_files_are_measured_or_refused(
    changes: list[tuple[int, int]], length: int, whole: bool, tmp_path: Path
) -> None:
    data = bytearray(SMALL if whole else SMALL[:length])
    for place, value in changes:
        if place < len(data):
            data[place] = value
    path = write_wav(tmp_path / "fuzzed.wav", bytes(data))
    assert main(["meter", str(path), "--full-scale-db", "120", "--json"]) in (0, 2)


def test_a_long_recording_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """Ten minutes, 10 MB on disk, in a process of its own that says its highest memory in kB."""
    program = (
        "import resource, sys; from pleintemps_edge.cli import main; code = main(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
    )
    highest = []
    for seconds in (2, 600):
        path = tmp_path / f"{seconds}.wav"
        data = wav_bytes(np.zeros(0), 8_000)
        head = bytearray(data)
        struct.pack_into("<I", head, len(data) - 4, seconds * 16_000)
        with path.open("wb") as file:
            file.write(head)
            tone = (sine(1_000, 1, 8_000, 0.1) * 32_767).astype("<i2").tobytes()
            for _ in range(seconds):
                file.write(tone)
        done = subprocess.run(
            [sys.executable, "-c", program, "meter", str(path), "--full-scale-db", "120", "--json"],
            check=True,
            capture_output=True,
            text=True,
        )
        highest.append(int(done.stdout.splitlines()[-1]))
    assert highest[1] - highest[0] < 8_000
