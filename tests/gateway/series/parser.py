"""A small reader of line protocol, written from its description and not from our writer."""

from typing import NamedTuple


class Point(NamedTuple):
    measurement: str
    tags: dict[str, str]
    fields: dict[str, float]
    at: int


def parse(line: str) -> Point:
    """One line; raises ValueError where it is not line protocol with float fields and a time."""
    head, fields, at = _split(line, " ")
    name, *tags = _split(head, ",")
    pairs = [_split(tag, "=") for tag in tags]
    return Point(
        _plain(name),
        {_plain(key): _plain(value) for key, value in pairs},
        {key: float(value) for key, value in (field.split("=") for field in fields.split(","))},
        int(at),
    )


def _split(text: str, delimiter: str) -> list[str]:
    parts, start, index = [], 0, 0
    while index < len(text):
        if text[index] == "\\":
            index += 1
        elif text[index] == delimiter:
            parts.append(text[start:index])
            start = index + 1
        index += 1
    return [*parts, text[start:]]


def _plain(text: str) -> str:
    for delimiter in ",= ":
        text = text.replace("\\" + delimiter, delimiter)
    return text
