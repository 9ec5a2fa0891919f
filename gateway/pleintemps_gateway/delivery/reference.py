"""What is read out on the telephone: the short number of a booking, a code in groups."""

from typing import Final

LENGTH: Final = 6


def reference_of(booking: str) -> str:
    """Six characters by which a caretaker finds the booking; of several with the same all are shown."""
    return booking[:LENGTH].upper()


def normalized(typed: str) -> str:
    """What a person typed as a reference, or empty if it cannot be one."""
    found = "".join(sign for sign in typed if sign.isalnum()).lower().replace("o", "0")
    return found if len(found) == LENGTH and all(sign in "0123456789abcdef" for sign in found) else ""


def spaced(code: str) -> str:
    """``40731958`` as ``4073 1958``; groups of three where four do not fit."""
    size = 4 if len(code) % 4 == 0 or len(code) % 3 else 3
    return " ".join(code[at : at + size] for at in range(0, len(code), size))
