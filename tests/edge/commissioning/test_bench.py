"""The self test on simulated kits with simulated hands: all well, and one device broken at a time."""

from importlib import resources
from pathlib import Path
from typing import Final

import pytest

from pleintemps_contract.commissioning import Ask, Order, Prompt, Report, Verdict
from pleintemps_edge.commissioning.report import prove
from pleintemps_edge.errors import CommissioningError
from pleintemps_firmware_sim.conform.setup import Setup
from pleintemps_firmware_sim.selftest.breaking import faults, named
from pleintemps_firmware_sim.selftest.kit import RTC, Kit
from pleintemps_firmware_sim.selftest.running import Wish, run

EXAMPLES = Path(str(resources.files("pleintemps_hardware.examples")))
DOOR, ROOM = "door-unit-magnet", "room-unit-meter"
KITS: Final = {
    path.stem: Setup.read(path)
    for path in [
        *sorted(EXAMPLES.glob("*.toml")),
        Path(__file__).parents[2] / "firmware_sim" / "conform" / "everything.toml",
    ]
}
EVERY_FAULT: Final = [
    (name, f"{device}={fault}")
    for name, kit in KITS.items()
    for device in [*kit.devices, RTC]
    for fault in faults(kit, device)
]


def bench(name: str, broken: str | None = None, out: Path | None = None, language: str = "en") -> Report:
    kit = KITS[name]
    # an OSDP reader takes real seconds: it is tested where it is broken, and in the long runs
    device = broken.partition("=")[0] if broken else ""
    only = [each for each in [*kit.devices, RTC] if kit.driver(each) != "osdp" or each == device]
    order = Order(language=language, only=tuple(only))
    return run(kit, Wish(order=order, broken=named(kit, broken) if broken else None, out=out))


@pytest.mark.parametrize("name", [DOOR, ROOM])
def test_a_kit_that_is_well_passes_and_its_report_is_signed(name: str, tmp_path: Path) -> None:
    report = bench(name, out=tmp_path, language="fr")
    assert report.complete
    assert {each.device: each.verdict for each in report.devices} == dict.fromkeys(
        [*KITS[name].devices, RTC], Verdict.PASS
    )
    page, data = sorted(tmp_path.iterdir())
    assert prove(data.read_bytes()).report == report
    assert prove(page.read_bytes()).report == report
    with pytest.raises(CommissioningError, match="changed"):
        prove(data.read_bytes().replace(b'"verdict":"pass"', b'"verdict":"fail"', 1))
    with pytest.raises(CommissioningError, match="page"):
        prove(page.read_bytes().replace(b"</h1>", b"!</h1>", 1))


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        (DOOR, "office-keypad=reversed"),
        (DOOR, "office-magnet=uncut"),
        (DOOR, "agent.rtc=silent"),
        (ROOM, "canteen-radar=garbage"),
        (ROOM, "canteen-meter=wrong-level"),
    ],
)
def test_a_broken_device_is_named_and_no_other(name: str, broken: str) -> None:
    assert bench(name, broken).broken == [broken.partition("=")[0]]


def test_ctrl_c_secures_the_lock_and_keeps_what_was_found() -> None:
    held: list[bool] = []
    prompts: list[Prompt] = []

    def look(kit: Kit) -> None:
        held.append(not kit.doors["office"].released)

    wish = Wish(
        order=Order(only=("office-contact", "office-magnet")),
        stop_at=Ask.ENTRANCE,
        after=look,
        told=prompts.append,
    )
    report = run(KITS[DOOR], wish)
    assert held == [True]
    assert prompts[-1].ask is Ask.ENTRANCE
    assert not report.complete
    assert [each.device for each in report.devices] == ["office-contact", "office-magnet"]
    assert [each.verdict for each in report.devices] == [Verdict.PASS, Verdict.SKIPPED]
    assert [each.code for each in report.devices[1].findings] == ["interrupted"]


@pytest.mark.soak
def test_nothing_that_was_typed_or_read_stands_in_the_report(tmp_path: Path) -> None:
    run(KITS["everything"], Wish(order=Order(only=("gym-pad", "gym-qr", "gate-pad")), out=tmp_path))
    page, data = sorted(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (b"123#", b"4567890", b"123:45678", b"PT1."):
        assert secret not in page
        assert secret not in data


@pytest.mark.soak
@pytest.mark.parametrize(("name", "broken"), EVERY_FAULT, ids=lambda each: each)
def test_each_device_of_each_kit_broken_in_turn(name: str, broken: str) -> None:
    assert bench(name, broken).broken == [broken.partition("=")[0]]


@pytest.mark.soak
@pytest.mark.parametrize("name", KITS)
def test_every_kit_with_its_osdp_reader_passes(name: str) -> None:
    report = run(KITS[name], Wish(order=Order(language="en")))
    assert report.broken == []
    assert report.verdict is Verdict.PASS
