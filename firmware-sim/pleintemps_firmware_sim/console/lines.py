"""Facts and frames in a line each; the same on terminal and page."""

from typing import Final

from pleintemps_firmware_sim.scenario.facts import Fact

from .views import FrameView

_MARKS: Final = {"fault": "!", "alarm": "!", "alert": "!", "code": "#", "act": ">", "agent": "@"}
"""Before facts that a tester looks for."""


def fact_line(fact: Fact) -> str:
    """What it is, where, who or what, and what came of it."""
    mark = _MARKS.get(fact.kind.value, " ")
    said = " ".join(str(part) for part in (fact.name, fact.value) if part not in ("", None))
    return f"{mark} {fact.kind.value} {fact.where}: {said}"


def way(frame: FrameView) -> str:
    """From the device, or to it."""
    return "device>" if frame.out else ">device"


def frame_text(frame: FrameView, *, raw: bool = False) -> str:
    """Protocol, name, fields; its bytes where it is none, or ``raw``."""
    fields = " ".join(f"{name}={value}" for name, value in frame.fields.items())
    parts = [frame.protocol, frame.name if frame.ok else f"BAD {frame.name}", fields]
    if raw or not frame.ok:
        parts.append(f"[{frame.raw}]")
    return " ".join(part for part in parts if part)
