"""Recorded device traffic, one file a device: ``# source``, then lines of ``name: hexadecimal bytes``."""

from pathlib import Path

FOLDER = Path(__file__).parent


def load(device: str) -> dict[str, bytes]:
    """The captures of ``device`` by name, in the order of the file."""
    found: dict[str, bytes] = {}
    for text in (FOLDER / f"{device}.hex").read_text(encoding="utf-8").splitlines():
        if text and not text.startswith("#"):
            name, _, data = text.partition(":")
            assert name not in found
            found[name] = bytes.fromhex(data)
    return found
