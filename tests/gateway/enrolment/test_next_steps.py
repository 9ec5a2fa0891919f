"""What ``init`` says comes next: services where they are for this very file, else commands."""

from pathlib import Path

import pytest

from pleintemps_gateway import systemd
from pleintemps_gateway.enrolment.cli import next_steps
from pleintemps_gateway.enrolment.units import BROKER, GATEWAY, runs_on
from tests.gateway.house import build

UNITS = Path(systemd.__file__).parent
PACKAGED = Path("/etc/pleintemps/gateway.toml")
ITS_BROKER = Path("/var/lib/pleintemps-gateway/keys/broker/mosquitto.conf")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with systemd and the package's units."""
    made = tmp_path / "root"
    for folder in ("run/systemd/system", "etc/systemd/system", "usr/lib/systemd/system"):
        (made / folder).mkdir(parents=True)
    for unit in (GATEWAY, BROKER):
        (made / "usr/lib/systemd/system" / unit).write_text((UNITS / unit).read_text())
    return made


def test_the_packages_units_run_on_the_packages_files_and_on_no_others(root: Path) -> None:
    assert runs_on(GATEWAY, PACKAGED, root) and runs_on(BROKER, ITS_BROKER, root)
    assert not runs_on(GATEWAY, Path("/etc/pleintemps/gateway.tom"), root)
    assert not runs_on(BROKER, PACKAGED, root)


def test_without_systemd_without_units_or_masked_nothing_is_said_of_them(root: Path) -> None:
    (root / "etc/systemd/system" / BROKER).symlink_to("/dev/null")
    assert not runs_on(BROKER, ITS_BROKER, root) and runs_on(GATEWAY, PACKAGED, root)
    (root / "run/systemd/system").rmdir()
    assert not runs_on(GATEWAY, PACKAGED, root)
    assert not runs_on(GATEWAY, PACKAGED, root / "empty")


def test_init_names_what_starts_it_here(tmp_path: Path, root: Path) -> None:
    (tmp_path / "house").mkdir()
    house = build(tmp_path / "house", "", store=False)
    steps = next_steps(house.config, house.file, {}, root)
    assert f"next: start the gateway: pleintemps-gateway run --config {house.file}" in steps
    text = (UNITS / GATEWAY).read_text().replace(str(PACKAGED), str(house.file))
    (root / "etc/systemd/system" / GATEWAY).write_text(text)  # the owner's own copy
    steps = next_steps(house.config, house.file, {}, root)
    assert any(step.startswith(f"next: start the gateway: systemctl start {GATEWAY}") for step in steps)
    assert not any("pleintemps-gateway run" in step for step in steps)
