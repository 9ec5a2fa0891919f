"""What stands in series with the supply of a lock that needs current to hold."""

from typing import Literal

Cut = Literal["exit", "fire"]


def refuse_if_it_could_lock_in(*, holds_by_current: bool, cut_by: tuple[Cut, ...]) -> None:
    """ValueError for a magnetic lock that the exit button and the fire panel do not free by themselves."""
    if holds_by_current and set(cut_by) != {"exit", "fire"}:
        raise ValueError(
            "a magnetic lock needs the exit button and the fire panel's contact in series with its"
            ' supply: wire both, then say so: `supply_cut_by` = ["exit", "fire"]'
        )
