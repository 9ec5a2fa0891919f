"""The record of a webhook without the person in it. Pure."""

from typing import Any, Final

import msgspec

PERSONAL: Final = frozenset({"title", "name", "mail", "phone", "language", "group", "description", "notes"})
"""Keys of a source's record that say who, or what for."""


def blanked(body: str) -> str:
    """``body`` (JSON) with every personal text empty; the chain of names and the times stay."""
    return msgspec.json.encode(_blanked(msgspec.json.decode(body))).decode()


def _blanked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "" if key in PERSONAL else _blanked(item) for key, item in value.items()}
    return [_blanked(item) for item in value] if isinstance(value, list) else value
