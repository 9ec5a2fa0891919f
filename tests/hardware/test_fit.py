"""Configurations on a kit, as the agent checks them: the examples fit, one change is refused by name."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from pleintemps_contract.errors import ConfigError
from pleintemps_edge.config import load
from pleintemps_edge.drivers import registry
from pleintemps_edge.errors import SetupError
from pleintemps_hardware import kit
from pleintemps_hardware.board import PinUse, check
from pleintemps_hardware.board import load as load_board
from pleintemps_hardware.checks import fit
from pleintemps_hardware.checks.fit import DeviceUse, Use
from tests.edge.actors import write_setup

EXAMPLES = sorted(
    file.name
    for file in resources.files("pleintemps_hardware.examples").iterdir()
    if file.name.endswith(".toml")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fit")
    write_setup(folder, 1883)
    return folder


def problems(folder: Path, example: str, *changes: tuple[str, str]) -> list[str]:
    """What the agent says of an example with ``changes`` (old, new), without the name of its file."""
    text = resources.files("pleintemps_hardware.examples").joinpath(example).read_text("utf-8")
    for name in ("gate", "office", "hall", "canteen"):
        text = text.replace(f'agent = "{name}"', 'agent = "entrance"').replace(f"keys/agents/{name}", "keys")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "edge.toml"
    path.write_text(text)
    try:
        load(path)
    except SetupError as error:
        return [problem.removeprefix(f"{path}: ") for problem in error.problems]
    return []


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_fit(folder: Path, example: str) -> None:
    assert len(EXAMPLES) == 5
    assert problems(folder, example) == []


DOOR, MAGNET = "door-unit.toml", "door-unit-magnet.toml"
ROOM, METER = "room-unit.toml", "room-unit-meter.toml"
SECOND_READER = '[[devices]]\ndevice = "pad"\ndriver = "wiegand"\nd0 = 23\nd1 = 24\n\n[[doors]]'
PANEL = '[[devices]]\ndevice = "panel"\ndriver = "intrusion_panel"\nask = "level"\n'
UNKNOWN_PANEL = PANEL + "set_pin = {}\nstate_pin = 21\n\n[[doors]]"


REFUSED = [
    ("pin-unknown", DOOR, "pin = 26", "pin = 29"),
    ("pin-reserved", DOOR, "pin = 26", "pin = 1"),
    ("pin-twice", ROOM, "pin = 12", "pin = 17"),
    ("port-twice", METER, "/dev/ttyUSB0", "/dev/ttyAMA0"),
    ("wrong-terminal", DOOR, "pin = 26", "pin = 21"),
    ("wrong-terminal", DOOR, "pin = 22", "pin = 25"),
    ("wrong-terminal", MAGNET, "d0 = 23", "d0 = 12"),
    ("wrong-terminal", DOOR, "[[doors]]", UNKNOWN_PANEL.format(2)),
    ("wrong-port", METER, "/dev/ttyUSB0", "/dev/ttyS1"),
    ("wrong-port", ROOM, "/dev/ttyAMA0", "/dev/ttyS0"),
    ("wrong-level", DOOR, "pin = 16", 'pin = 16\nactive_when = "low"'),
    ("wrong-level", DOOR, "bolt_pin = 6", 'bolt_pin = 6\nlocked_when = "high"'),
    ("wrong-level", DOOR, "pin = 5", 'pin = 5\nactive_when = "high"'),
    ("wrong-level", ROOM, "pin = 12", 'pin = 12\nenergise = "low"'),
    ("wrong-level", MAGNET, "led = 25", 'led = 25\nactive = "high"'),
    ("wrong-pull", DOOR, "pin = 22", 'pin = 22\npull = "down"'),
    ("wrong-pull", DOOR, "pin = 26", 'pin = 26\npull = "none"'),  # the kit has no resistor there
    ("wrong-lock", DOOR, "pin = 27", 'pin = 27\nenergise = "low"'),
    ("wrong-lock", MAGNET, 'energise = "low"', 'energise = "high"'),
    ("no-variant", DOOR, "[[doors]]", SECOND_READER),
    ("magnet-unread", MAGNET, 'fire = "office-fire"', ""),
    ("magnet-unread", MAGNET, 'exit = "office-exit"\nexit_releases = true', ""),
    ("rtc-unused", DOOR, 'rtc = "/dev/rtc0"', ""),
    ("wiegand-at-street", MAGNET, 'from = "hall"', 'from = "street"'),
]


@pytest.mark.parametrize(("rule", "example", "old", "new"), REFUSED)
def test_one_change_is_refused_by_name(folder: Path, rule: str, example: str, old: str, new: str) -> None:
    found = problems(folder, example, (old, new))
    assert {problem.partition(":")[0] for problem in found} == {rule}


def test_every_rule_of_fit_is_shown_above() -> None:
    shown = {rule for rule, *_ in REFUSED}
    assert {rule.name for rule in fit.RULES} <= shown


def test_a_pull_of_the_pin_is_not_needed_beside_the_kits_own(folder: Path) -> None:
    assert problems(folder, DOOR, ("pin = 22", 'pin = 22\npull = "none"')) == []


def test_a_simulated_line_is_a_port_of_any_kit(folder: Path) -> None:
    assert problems(folder, ROOM, ("/dev/ttyAMA0", "sim/hall-radar")) == []


def test_a_device_that_no_kit_knows_may_have_free_pins(folder: Path) -> None:
    assert problems(folder, DOOR, ("[[doors]]", UNKNOWN_PANEL.format(4))) == []


def test_a_profile_of_ones_own_is_read_beside_the_configuration(folder: Path) -> None:
    own = folder / "our-door.toml"
    own.write_text(kit.text("door-unit"))
    assert problems(folder, DOOR, ('"door-unit"', '"our-door.toml"')) == []
    own.write_text(kit.text("door-unit").replace("handle = true", "handle = false"))
    (problem,) = problems(folder, DOOR, ('"door-unit"', '"our-door.toml"'))
    assert problem.startswith("strike-handle: strike stays locked")
    own.write_text(kit.text("door-unit").replace("handle = true", "handel = true"))
    (problem,) = problems(folder, DOOR, ('"door-unit"', '"our-door.toml"'))
    assert str(own) in problem
    assert "handel" in problem
    own.unlink()
    (problem,) = problems(folder, DOOR, ('"door-unit"', '"our-door.toml"'))
    assert "our-door.toml: No such file" in problem


def test_an_exemption_lets_a_wiegand_reader_out(folder: Path) -> None:
    reason = 'reason = "the mayor has decided so, 3 May 2026"'
    rows = f'[[exemptions]]\nrule = "wiegand-at-street"\npart = "keypad"\n{reason}\n'
    (folder / "our-door.toml").write_text(kit.text("door-unit") + rows)
    street = ('from = "hall"', 'from = "street"')
    assert problems(folder, MAGNET, street, ('"door-unit"', '"our-door.toml"')) == []


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("pin-twice", '"door-unit + room-unit"', '"door-unit + own.toml"'),
        ("name-twice", '"door-unit + room-unit"', '"door-unit + own.toml"'),
        ("wrong-terminal", "pin = 26", "pin = 21"),
        ("wrong-terminal", "pin = 12", "pin = 25"),
        ("wrong-level", "pin = 12", 'pin = 12\nenergise = "low"'),
        ("rtc-unused", 'rtc = "/dev/rtc0"', ""),
    ],
)
def test_two_kits_on_one_board_are_one(folder: Path, rule: str, old: str, new: str) -> None:
    own = kit.text("room-unit")
    own = own.replace("pin = 17", "pin = 22") if rule == "pin-twice" else own.replace('"X5.5"', '"X2.5"')
    (folder / "own.toml").write_text(own)
    found = problems(folder, "door-and-room.toml", (old, new))
    assert {problem.partition(":")[0] for problem in found} == {rule}


def test_kits_for_different_boards_are_not_put_together(folder: Path) -> None:
    own = kit.text("room-unit").replace('supply = "PS1"\namps = 2.0', 'supply = "PS3"\namps = 2.0')
    (folder / "own.toml").write_text(own)
    (problem,) = problems(folder, "door-and-room.toml", ('"door-unit + room-unit"', '"door-unit + own.toml"'))
    assert "door-unit and room-unit want different boards" in problem


BOARD = load_board("raspberry-pi-40")
DOOR_UNIT = kit.load("door-unit", Path())


def test_no_device_of_the_door_unit_fits_anywhere_else() -> None:
    """Every device on every other pin of the header, one at a time."""
    text = resources.files("pleintemps_hardware.examples").joinpath(MAGNET).read_text("utf-8")
    tables = tomllib.loads(text)["devices"]
    moved = 0
    for number, table in enumerate(tables):
        for key in (key for key, value in table.items() if type(value) is int):
            for pin in {pin.bcm for pin in BOARD.pins} - {table[key]}:
                found = wired([*tables[:number], {**table, key: pin}, *tables[number + 1 :]])
                assert found, (table["device"], key, pin)
                moved += 1
    assert moved == 10 * 27
    assert wired(tables) == []


def wired(tables: list[dict[str, Any]]) -> list[str]:
    """What the door unit says of these devices."""
    try:
        devices = [registry.read(table) for table in tables]
    except ConfigError as error:
        return [str(error)]
    uses = [PinUse(each.device, pin) for each in devices for pin in each.pins()]
    kept = tuple(DeviceUse(each.device, each.driver, asdict(each), each.pins()) for each in devices)
    return [*check(BOARD, uses), *map(str, fit.check(DOOR_UNIT, BOARD, Use(kept, (), "/dev/rtc0")))]


def test_an_unknown_board_names_boards_and_kits(folder: Path) -> None:
    (problem,) = problems(folder, DOOR, ('"door-unit"', '"abacus"'))
    assert "'abacus'; there are raspberry-pi-40, door-unit, room-unit" in problem


def test_the_table_has_every_pin_and_port_that_a_driver_of_a_kit_takes() -> None:
    """A driver's new key that names a pin must not slip past the kits."""
    drivers = {driver for driver, _ in fit.ROLES}
    for driver in drivers:
        keys = {field for field in registry.drivers()[driver].config.__struct_fields__}
        pins = {key for name, key in fit.ROLES if name == driver}
        assert pins <= keys
        assert {key for key in keys if key == "pin" or key.endswith("_pin")} <= pins
    with_port = {name for name, each in registry.drivers().items() if "port" in each.config.__struct_fields__}
    assert set(fit.PORT_ROLES) == with_port
    with_pins = {name for name, each in registry.drivers().items() if "pin" in each.config.__struct_fields__}
    assert with_pins <= drivers
    for table in (fit._LEVELS, fit._PULLS):
        assert set(table) <= set(fit.ROLES)
        assert all(
            key in registry.drivers()[driver].config.__struct_fields__ for (driver, _), key in table.items()
        )
