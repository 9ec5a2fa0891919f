"""The names of quantities on the wire: a gateway and an agent of different age must mean the same."""

import msgspec

from pleintemps_contract.agent_messages import SeriesInfo
from pleintemps_contract.units import OCTAVES, Quantity, SeriesKind

NAMES = [
    *("motion", "radar", "targets"),
    *("contact", "level", "LAeq", "LAFmax", "LCeq", "LCpeak", "L10", "L50", "L90"),
    *("Leq-125", "Leq-250", "Leq-500", "Leq-1000", "Leq-2000", "Leq-4000", "range"),
]


def test_quantities_have_these_names() -> None:
    assert [quantity.value for quantity in Quantity] == NAMES
    for name in NAMES:
        info = SeriesInfo(
            series="s",
            device="d",
            space="hall",
            quantity=Quantity(name),
            kind=SeriesKind.LEVEL,
            max_silence_s=90,
        )
        data = msgspec.json.encode(info)
        assert b'"quantity":"%s"' % name.encode() in data
        assert msgspec.json.decode(data, type=SeriesInfo) == info


def test_octaves_are_found_by_their_frequency() -> None:
    assert {hertz: quantity.value for hertz, quantity in OCTAVES.items()} == {
        hertz: f"Leq-{hertz}" for hertz in (125, 250, 500, 1000, 2000, 4000)
    }
