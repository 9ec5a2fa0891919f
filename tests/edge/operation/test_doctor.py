"""The agent's doctor: each rule, and the page of a real folder with a real broker."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pleintemps_contract.agent_messages import DeviceInfo, Health, JournalPosition, StorageInfo, Stream
from pleintemps_contract.checkup.findings import Finding, Level, exit_code
from pleintemps_contract.configfile import load_toml
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.cli import main
from pleintemps_edge.config import EdgeConfig
from pleintemps_edge.operation import readers, rules
from pleintemps_edge.operation.facts import PiFacts, RtcFacts, RunFacts, SetupFacts, TimeFacts
from pleintemps_edge.rtc import VL_BACKUP_EMPTY, RtcReading
from tests.edge.actors import write_setup
from tests.edge.test_status import WELL
from tests.support.broker import Mosquitto

NOW = 1_795_400_000_000
RUNS = RunFacts("0.1.0", WELL)
RTC = RtcFacts("/dev/rtc0", 1)


def runs(**changes: Any) -> RunFacts:
    return RunFacts("0.1.0", msgspec.structs.replace(WELL, **changes))


ILL = [DeviceInfo(device="hall-pir", driver="pir", health=Health.SILENT)]
FULL = [StorageInfo(stream=Stream.EVENTS, health=Health.ERROR, detail="no disk: full")]
MANY = [JournalPosition(journal="a" * 32, stream=Stream.EVENTS, first=3, next=4_003)]
CASES: list[tuple[Any, Any, Level, str]] = [
    (rules.judge_setup, SetupFacts(()), Level.OK, "fits together"),
    (rules.judge_setup, SetupFacts(("door hall: no lock",)), Level.FAIL, "no lock"),
    (rules.judge_run, RUNS, Level.OK, "1 doors"),
    (rules.judge_run, RunFacts("0.2.0", WELL), Level.WARN, "installed is 0.2.0"),
    (rules.judge_run, RunFacts("0.1.0", None, "no socket"), Level.FAIL, "no socket"),
    (rules.judge_time, TimeFacts("system", False, "rtc", True), Level.OK, "by rtc"),
    (rules.judge_time, TimeFacts("system", True, "none", False), Level.FAIL, "not trusted"),
    (rules.judge_time, TimeFacts("simulated", True, "simulated", True), Level.WARN, "simulated"),
    (rules.judge_time, TimeFacts("system", True, None, None), Level.OK, "NTP"),
    (rules.judge_time, TimeFacts("system", False, None, None), Level.FAIL, "no time server"),
    (rules.judge_rtc, RtcFacts("", 1), Level.WARN, "none"),
    (rules.judge_rtc, RtcFacts("", 0), Level.OK, "none"),
    (rules.judge_rtc, RTC, Level.OK, "runs"),
    (rules.judge_rtc, RtcFacts("/dev/rtc0", 1, off_ms=900), Level.OK, "right"),
    (rules.judge_rtc, RtcFacts("/dev/rtc0", 1, answered=False), Level.FAIL, "cannot be asked"),
    (rules.judge_rtc, RtcFacts("/dev/rtc0", 1, runs=False), Level.FAIL, "stopped"),
    (rules.judge_rtc, RtcFacts("/dev/rtc0", 1, low=True), Level.FAIL, "battery"),
    (rules.judge_rtc, RtcFacts("/dev/rtc0", 1, off_ms=-30_000), Level.WARN, "off by -30 s"),
    (rules.judge_journal, RUNS, Level.OK, "7 records wait"),
    (rules.judge_journal, runs(journals=MANY), Level.WARN, "4000 records"),
    (rules.judge_journal, runs(storage=FULL), Level.FAIL, "no disk: full"),
    (rules.judge_devices, RUNS, Level.OK, "1, all well"),
    (rules.judge_devices, runs(devices=ILL), Level.WARN, "hall-pir: silent"),
    (rules.judge_pi, PiFacts(None, None), Level.OK, "no Raspberry Pi"),
    (rules.judge_pi, PiFacts(0, 51.0), Level.OK, "51 °C"),
    (rules.judge_pi, PiFacts(0x50000, 60.0), Level.WARN, "was too weak, it was throttled"),
    (rules.judge_pi, PiFacts(0x50005, 60.0), Level.FAIL, "the supply is too weak"),
    (rules.judge_pi, PiFacts(0, 84.0), Level.WARN, "84 °C"),
]


@pytest.mark.parametrize(("judge", "facts", "level", "said"), CASES)
def test_each_rule(judge: Any, facts: Any, level: Level, said: str) -> None:
    found: list[Finding] = list(judge(facts))
    assert any(said in each.measured for each in found if each.level is level)
    assert exit_code(found) == list(Level).index(level)
    assert all(bool(each.todo) == (each.level is not Level.OK) for each in found)


class Chip:
    def __init__(self, reading: RtcReading) -> None:
        self._reading = reading

    def read(self) -> RtcReading:
        return self._reading

    def set(self, at: int) -> bool:
        raise AssertionError(f"nobody may set it to {at}")


@pytest.mark.parametrize(
    ("reading", "facts"),
    [
        (RtcReading(NOW + 1_000), RtcFacts("/dev/rtc0", 1, off_ms=1_000)),
        (RtcReading(None), RtcFacts("/dev/rtc0", 1, runs=False)),
        (RtcReading(None, answered=False), RtcFacts("/dev/rtc0", 1, answered=False, runs=False)),
        (RtcReading(NOW, VL_BACKUP_EMPTY), RtcFacts("/dev/rtc0", 1, low=True, off_ms=0)),
    ],
)
def test_the_chip_is_asked_and_never_set(reading: RtcReading, facts: RtcFacts) -> None:
    assert readers.rtc_facts(Chip(reading), "/dev/rtc0", 1, NOW) == facts


def test_what_the_firmware_tells(tmp_path: Path) -> None:
    file = write_setup(tmp_path, 1883)
    place = readers.Place(file, load_toml(file, EdgeConfig), ManualWorld(NOW), tmp_path / "sys")
    assert readers.read_pi(place) == PiFacts(None, None)
    flags = tmp_path / "sys" / "devices/platform/soc/soc:firmware/get_throttled"
    heat = tmp_path / "sys" / "class/thermal/thermal_zone0/temp"
    for path, text in ((flags, "50005\n"), (heat, "61234\n")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert readers.read_pi(place) == PiFacts(0x50005, 61.234)


def test_the_page_of_an_agent_that_does_not_run(
    tmp_path: Path, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_setup(tmp_path, mosquitto.port)
    (tmp_path / "keys" / "identity.json").chmod(0o644)
    assert main(["doctor", "--config", str(file), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    lines = {each["check"]: f"{each['level']} {each['measured']}" for each in told["findings"]}
    assert lines["agent"].startswith("fail none is running")
    assert lines["broker"] == f"ok 127.0.0.1:{mosquitto.port} lets us in"
    assert "identity.json" in lines["secrets"]
    assert "ours 0.0 MB" in lines["disk"]  # it never ran: there is no state folder
    assert main(["doctor", "--config", str(file)]) == 2
    assert "-> systemctl status pleintemps-edge" in capsys.readouterr().out
    file.write_text("site = 3")
    assert main(["doctor", "--config", str(file)]) == 2
    assert "site" in capsys.readouterr().err
