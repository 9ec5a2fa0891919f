"""Data of others: a type-approved meter's own result, and third octaves beside their LAeq."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from pleintemps_edge.measuring import Wish, measure
from pleintemps_edge.sensing.sound import pcm, wav
from pleintemps_edge.sensing.sound.meter import Meter, levels, merged
from pleintemps_edge.sensing.sound.weighting import a_response

# NTi XL2-TA, type approved: recording and displayed result (0.1 dB), ninoblumer/python-soundlevelmeter
XL2 = [("000", 94.0, 94.0, 97.0), ("003", 90.3, 92.1, 104.8), ("004", 36.4, 38.1, 50.8)]
FULL_SCALE_DB = 128.1


@pytest.mark.soak  # the recordings are large and come with no checkout
@pytest.mark.parametrize(("number", "laeq", "lceq", "lcpeak"), XL2)
def test_a_type_approved_meter_agrees(
    number: str, laeq: float, lceq: float, lcpeak: float, data_dir: Path
) -> None:
    folder = data_dir / "noise" / "slm-test-01"
    found = list(folder.glob(f"*_SLM_{number}_Audio_*.wav"))
    if not found:
        pytest.skip(f"no recording {number} in {folder} (python-soundlevelmeter data/slm-test-01)")
    told = measure(found[0], Wish(FULL_SCALE_DB))
    assert told["LAeq"] == pytest.approx(laeq, abs=0.1)
    assert told["LCeq"] == pytest.approx(lceq, abs=0.1)
    assert told["LCpeak"] == pytest.approx(lcpeak, abs=0.2)


@pytest.mark.soak
def test_each_second_agrees_with_the_log_of_the_type_approved_meter(data_dir: Path) -> None:
    """LCeq and LAFmax of ten seconds of pink noise, as the meter has logged them to 0.1 dB."""
    found = list((data_dir / "noise" / "slm-test-01").glob("*_SLM_003_Audio_*.wav"))
    if not found:
        pytest.skip("no recording 003 (python-soundlevelmeter data/slm-test-01)")
    with found[0].open("rb") as file:
        recording = wav.open_recording(file)
        metering = Meter(recording.rate)
        frames = []
        for portion in wav.read(file, recording, 50_000):
            frames += metering.feed(pcm.decode(portion, recording.form, recording.channels, 0))
        frames += metering.end()
    seconds = [merged(frames[start : start + 8]) for start in range(0, 80, 8)]
    told = [levels(second, metering, FULL_SCALE_DB) for second in seconds if second is not None]
    lceq = [92.2, 92.1, 92.0, 92.1, 92.2, 92.3, 92.0, 92.0, 92.1, 91.9]
    lafmax = [90.4, 90.6, 90.5, 90.6, 90.5, 90.6, 90.5, 90.5, 90.5, 90.6]
    assert [level.LCeq for level in told] == pytest.approx(lceq, abs=0.15)
    assert [level.LAFmax for level in told] == pytest.approx(lafmax, abs=0.15)


@pytest.mark.parametrize("name", ["ref_audio", "test1_near", "test_background"])
def test_weighted_third_octaves_add_up_to_laeq(name: str, data_dir: Path) -> None:
    path = data_dir / "noise" / f"noisesensor-{name}.csv"
    if not path.exists():
        pytest.skip(f"no {path}")
    rows = list(csv.reader(path.read_text().splitlines()))[1:]
    centres = 1000 * 10 ** (np.arange(-17, 12) / 10)
    weights = np.abs(a_response(centres)) ** 2
    sums = [float((weights * 10 ** (np.array(row[5:34], float) / 10)).sum()) for row in rows]
    told = [10 ** (float(row[3]) / 10) for row in rows]
    assert 10 * math.log10(sum(sums) / sum(told)) == pytest.approx(0, abs=0.5)
