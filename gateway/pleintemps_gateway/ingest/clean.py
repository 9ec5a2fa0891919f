"""Texts of agents without what no store or page wants: PostgreSQL takes no NUL in a text.

One bad letter must not have a whole batch refused for ever: it becomes a blank, and is counted.
"""

import re
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

_SUSPECT: Final = re.compile(rb"\\[ubfnrt]|\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
# controls, line and paragraph separators, and what turns the direction of a line around
_BAD: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def clean(message: T, payload: bytes) -> tuple[T, int]:
    """``message``, decoded from ``payload``, with blanks for bad letters; how many texts had any."""
    if not _SUSPECT.search(payload):
        return message, 0
    cleaned, count = _walk(message)
    return cleaned, count


def _walk(value: Any) -> tuple[Any, int]:
    if isinstance(value, msgspec.Struct):
        changed, total = {}, 0
        for name in value.__struct_fields__:
            part, count = _walk(getattr(value, name))
            if count:
                changed[name] = part
                total += count
        return (msgspec.structs.replace(value, **changed) if changed else value), total
    if isinstance(value, list) and value and not isinstance(value[0], int | float):
        parts = [_walk(item) for item in value]
        return [part for part, _ in parts], sum(count for _, count in parts)
    if type(value) is str and _BAD.search(value):
        return _BAD.sub(" ", value), 1
    return value, 0
