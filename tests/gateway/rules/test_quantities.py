"""What a microphone says beside LAeq moves neither occupancy nor the level of a space."""

import pytest

from pleintemps_contract.units import Quantity
from pleintemps_gateway.engine import Ignored, SpaceNow

from .building import METER, MINUTE, PIR, Day, series

TAKEN = (Quantity.MOTION, Quantity.RADAR, Quantity.CONTACT, Quantity.LEVEL, Quantity.LAEQ)


def a_loud_quarter(*besides: Quantity) -> Day:
    day = Day([PIR, METER, *(series("aside", quantity) for quantity in besides)])
    day.say("hall-pir", 1)
    day.say("hall-meter", 60.0)
    for _ in besides:
        day.say("aside", 2)
    day.run(15 * MINUTE)
    return day


@pytest.mark.parametrize("quantity", [each for each in Quantity if each not in TAKEN])
def test_other_quantities_are_taken_and_move_nothing(quantity: Quantity) -> None:
    day = a_loud_quarter(quantity)
    assert day.of(Ignored) == []
    assert day.of(SpaceNow) == a_loud_quarter().of(SpaceNow)
