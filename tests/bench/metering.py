"""Processor time of one microphone of 48 kHz: bytes in, levels out, as a share of one core.

The agent's own path for a microphone (decode, A, C and octave filters, time weightings, peaks, percentiles,
range) on noise in the portions that ``arecord`` writes. Processor time of the process, all threads, over
the time that the samples last; memory is what numpy and the meter add to a process.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Final

RATE: Final = 48_000
PORTION_MS: Final = 125
LIMIT: Final = 3.0


def resident_mb() -> float:
    """VmRSS of this process in MB (10^6 bytes)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=30, help="of sound in each run")
    options = parser.parse_args()
    from pleintemps_edge.drivers.i2s_microphone import I2sMicrophoneConfig, sound

    before = resident_mb()
    import numpy as np

    from pleintemps_edge.sensing.sound.session import Session

    config = I2sMicrophoneConfig(device="mic", driver="i2s_microphone", space="hall", rate=RATE)
    # white noise, 36 dB below full scale
    portion = (np.frombuffer(os.urandom(4 * RATE * PORTION_MS // 1000), "<i4") >> 6).tobytes()
    portions = options.seconds * 1000 // PORTION_MS
    Session(sound(config, 0.0)).feed(portion * 16)
    runs, values, after = [], 0, 0.0
    for _ in range(max(5, options.runs)):
        session = Session(sound(config, 0.0))
        start = time.process_time()
        values = sum(len(session.feed(portion)) for _ in range(portions))
        runs.append(100 * (time.process_time() - start) / options.seconds)
        after = resident_mb()
    print(
        json.dumps(
            {
                "core_percent": round(statistics.median(runs), 3),
                "core_percent_worst": round(max(runs), 3),
                "limit": LIMIT,
                "ratio": round(statistics.median(runs) / LIMIT, 3),
                "runs": len(runs),
                "seconds": options.seconds,
                "rate": RATE,
                "portion_ms": PORTION_MS,
                "block_samples": session.meter.block,
                "values_per_s": round(values / options.seconds, 2),
                "numpy_and_meter_mb": round(after - before, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
