"""The bits of a card as canonical text, whatever line they came over.

    26     even parity over the first half, 8 facility, 16 number, odd parity over the second half
           w26:FACILITY:NUMBER
    34     the same with 16 facility
           w34:FACILITY:NUMBER
    other  as they came, left-aligned, filled with zeros to whole bytes
           raw:BITS:HEX

Facility and number are decimal, HEX is lower case.
"""

from typing import Final

_FACILITY_BITS: Final = {26: 8, 34: 16}


def canonical(bits: str) -> str | None:
    """The text of the card ``bits``, 0s and 1s, first bit on the left; None where its parity is wrong."""
    count = len(bits)
    if count not in _FACILITY_BITS:
        filled = bits.ljust(-(-count // 8) * 8, "0")
        return f"raw:{count}:{bytes(int(filled[at : at + 8], 2) for at in range(0, len(filled), 8)).hex()}"
    half = count // 2
    if bits[:half].count("1") % 2 != 0 or bits[half:].count("1") % 2 != 1:
        return None
    split = 1 + _FACILITY_BITS[count]
    return f"w{count}:{int(bits[1:split], 2)}:{int(bits[split:-1], 2)}"
