"""The self test on simulated devices with simulated hands: all well, and one device broken at a time."""

from pathlib import Path

import pytest

from pleintemps_contract.commissioning import Order, Report, Verdict
from pleintemps_edge.commissioning.report import prove
from pleintemps_edge.errors import CommissioningError
from pleintemps_firmware_sim.conform.setup import Setup
from pleintemps_firmware_sim.selftest.breaking import faults, named
from pleintemps_firmware_sim.selftest.kit import RTC
from pleintemps_firmware_sim.selftest.running import Wish, run

EVERYTHING = Path(__file__).parents[2] / "firmware_sim" / "conform" / "everything.toml"
SETUP = Setup.read(EVERYTHING)
OSDP = "office-osdp"
CHEAP = tuple(each for each in [*SETUP.devices, RTC] if each not in (OSDP, "mic"))
EVERY_FAULT = [f"{device}={fault}" for device in [*SETUP.devices, RTC] for fault in faults(SETUP, device)]


def bench(broken: str | None = None, only: tuple[str, ...] = CHEAP, out: Path | None = None) -> Report:
    wish = Wish(
        order=Order(language="en", only=only), broken=named(SETUP, broken) if broken else None, out=out
    )
    return run(SETUP, wish)


def test_a_kit_that_is_well_passes_and_its_report_is_signed(tmp_path: Path) -> None:
    report = bench(out=tmp_path)
    assert report.complete
    assert {each.device: each.verdict for each in report.devices} == dict.fromkeys(
        [each.device for each in report.devices], Verdict.PASS
    )
    assert {each.device for each in report.devices} == set(CHEAP)
    page, data = sorted(tmp_path.iterdir())
    assert prove(data.read_bytes()).report == report
    assert prove(page.read_bytes()).report == report
    with pytest.raises(CommissioningError, match="changed"):
        prove(data.read_bytes().replace(b'"verdict":"pass"', b'"verdict":"fail"', 1))
    with pytest.raises(CommissioningError, match="page"):
        prove(page.read_bytes().replace(b"gate-reed", b"gate-read", 1))


@pytest.mark.parametrize(
    "broken", ["gate-pad=reversed", "gate-strike=jammed", "store-reed=bounce", "agent.rtc=silent"]
)
def test_a_broken_device_is_named_and_no_other(broken: str) -> None:
    assert bench(broken).broken == [broken.partition("=")[0]]


@pytest.mark.soak
@pytest.mark.parametrize("broken", EVERY_FAULT)
def test_each_device_broken_in_turn(broken: str) -> None:
    device = broken.partition("=")[0]
    report = bench(broken, (*CHEAP, device) if device not in CHEAP else CHEAP)
    assert report.broken == [device]


@pytest.mark.soak
def test_everything_with_its_osdp_reader_and_microphone() -> None:
    report = bench(only=())
    assert report.broken == []
    assert report.verdict is Verdict.PASS
