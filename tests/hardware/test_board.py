"""The pin map against gpiozero's own, and what the check refuses."""

import pytest
from gpiozero.pins.pi import PiBoardInfo

from pleintemps_contract.errors import ConfigError
from pleintemps_hardware.board import Board, PinUse, PortUse, check, load, names

PI_4B = 0xC03112


@pytest.fixture
def board() -> Board:
    return load("raspberry-pi-40")


def test_every_board_loads_under_its_own_name() -> None:
    assert names() == ["raspberry-pi-40"]
    assert [load(name).name for name in names()] == names()


def test_the_header_is_the_one_gpiozero_knows(board: Board) -> None:
    header = PiBoardInfo.from_revision(PI_4B).headers["J8"].pins
    known = {int(pin.name[4:]): number for number, pin in header.items() if "gpio" in pin.interfaces}
    assert {pin.bcm: pin.header for pin in board.pins} == known
    assert len(board.pins) == 28


def test_alternate_functions_are_those_gpiozero_knows(board: Board) -> None:
    header = PiBoardInfo.from_revision(PI_4B).headers["J8"].pins
    for pin in board.pins:
        interfaces = set(header[pin.header].interfaces)
        for function in pin.functions:
            kind = function.split()[0].rstrip("01").lower()
            if kind in ("i2c", "pcm", "pwm", "spi", "uart"):  # the others it does not list
                assert kind in interfaces, (pin.bcm, function)


def test_a_configuration_that_fits_has_no_problem(board: Board) -> None:
    uses: list[PinUse | PortUse] = [
        PinUse("pir", 17),
        PinUse("reed", 22),
        PortUse("radar", "/dev/ttyAMA0"),
        PortUse("meter", "/dev/ttyUSB0"),
    ]
    assert check(board, uses) == []


@pytest.mark.parametrize(
    ("uses", "problem"),
    [
        (
            [PinUse("pir", 28)],
            "pin-unknown: device pir: pin 28 is not on the header of raspberry-pi-40: take another pin",
        ),
        (
            [PinUse("pir", 0)],
            "pin-reserved: device pir: pin 0 (header 27) is kept for ID EEPROM of a HAT: take another pin",
        ),
        (
            [PinUse("pir", 1)],
            "pin-reserved: device pir: pin 1 (header 28) is kept for ID EEPROM of a HAT: take another pin",
        ),
        (
            [PinUse("pir", 17), PinUse("reed", 17)],
            "pin-twice: device reed: pin 17 (header 11) is already taken by pir: take another pin",
        ),
        (
            [PinUse("keypad", 17), PinUse("keypad", 17)],
            "pin-twice: device keypad: pin 17 (header 11) is already taken by keypad: take another pin",
        ),
        (
            [PinUse("reed", 15), PortUse("radar", "/dev/serial0")],
            "pin-twice: device reed: pin 15 (header 10) is already taken by radar (UART0): take another pin",
        ),
        (
            [PortUse("radar", "/dev/ttyAMA0"), PortUse("meter", "/dev/serial0")],
            "port-twice: device meter: port /dev/serial0 is already radar's: take another",
        ),
        (
            [PortUse("radar", "line"), PortUse("meter", "line")],
            "port-twice: device meter: port line is already radar's: take another",
        ),
    ],
)
def test_what_does_not_fit_is_named(board: Board, uses: list[PinUse | PortUse], problem: str) -> None:
    assert check(board, uses) == [problem]


def test_the_serial_pins_are_free_where_no_device_has_the_port(board: Board) -> None:
    assert check(board, [PinUse("reed", 14), PinUse("pir", 15)]) == []


def test_an_unknown_board_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no 'abacus'; there are raspberry-pi-40"):
        load("abacus")
