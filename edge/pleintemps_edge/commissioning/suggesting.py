"""What was discovered as a fragment of ``edge.toml`` and as words. Pure.

The fragment passes ``pleintemps-edge check`` once it stands in a configuration; spaces have to be named.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from .discovering import Discovery, Probed
from .probing import Found

SPACE: Final = "room"
_KNOWN: Final = ("ld2410", "ld2450", "modbus_sound", "osdp")


def fragment(discovery: Discovery) -> str:
    """TOML of what is known how to drive; comments for the rest."""
    parts: list[str] = []
    if discovery.clocks:
        clock = discovery.clocks[0]
        parts.append(f'# {_comment(clock.name)}\n[clock]\nsource = "system"\nrtc = {_text(clock.path)}')
    number: dict[str, int] = {}
    for probed in discovery.ports:
        for found in probed.found:
            if found.kind in _KNOWN:
                number[found.kind] = number.get(found.kind, 0) + 1
                parts.append(_device(probed, found, number[found.kind]))
    for place, sound in enumerate(discovery.sounds, 1):
        rows = {"device": f"mic-{place}", "driver": "i2s_microphone", "space": SPACE, "pcm": sound.pcm}
        parts.append(f"# {_comment(sound.name)}\n{_table(rows)}")
    if not parts:
        return "# nothing was found that a driver is known for\n"
    return "\n\n".join(["# spaces and names are yours to choose", *parts]) + "\n"


def _device(probed: Probed, found: Found, number: int) -> str:
    driver = found.kind
    name = {"ld2410": "radar", "ld2450": "tracker", "modbus_sound": "meter", "osdp": "reader"}[driver]
    rows: dict[str, object] = {"device": f"{name}-{number}", "driver": driver}
    if driver != "osdp":
        rows["space"] = SPACE
    rows["port"] = probed.port.path
    if driver in ("modbus_sound", "osdp"):
        rows |= {"baud": found.baud, "address": found.address}
    if driver == "modbus_sound":
        rows |= {"register": 0, "scale": 0.1}
    if driver == "osdp":
        rows["key_file"] = f"keys/{name}-{number}.key"
    words = " · ".join(filter(None, (found.detail, probed.port.adapter, probed.port.device)))
    after = (
        "\n# then: pleintemps-edge osdp-install --device " + str(rows["device"]) if driver == "osdp" else ""
    )
    return f"# {_comment(words)}\n{_table(rows)}{after}"


def _table(rows: Mapping[str, object]) -> str:
    lines = [f"{key} = {_text(value) if isinstance(value, str) else value}" for key, value in rows.items()]
    return "\n".join(["[[devices]]", *lines])


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def describe(discovery: Discovery) -> str:
    """What was found, for a person."""
    return "\n".join(_lines(discovery))


def _lines(discovery: Discovery) -> Iterator[str]:
    yield f"board    {_comment(discovery.model) or 'not said'}"
    for chip in discovery.pins:
        yield f"pins     {chip.path} {_comment(chip.name)}".rstrip()
    for chip in discovery.clocks:
        yield f"clock    {chip.path} {_comment(chip.name)}".rstrip()
    if not discovery.clocks:
        yield "clock    none: a door needs one (DS3231)"
    for sound in discovery.sounds:
        yield f"sound    {sound.pcm} {_comment(sound.name)}".rstrip()
    for probed in discovery.ports:
        yield f"port     {probed.port.path}  {_comment(probed.port.adapter)}".rstrip()
        if probed.why:
            yield f"         not probed: {_comment(probed.why)}"
        for found in probed.found:
            place = f" at {found.baud} baud" if found.baud else ""
            address = f", address {found.address}" if found.kind in ("modbus_sound", "modbus", "osdp") else ""
            yield f"         {found.kind}{place}{address}: {_comment(found.detail)}"
    if not discovery.ports:
        yield "port     none"
