"""What a browser test asks of a page: rules of axe, no sideways scroll, targets for a thumb, a picture."""

from pathlib import Path
from typing import Any, Final

PICTURES: Final = Path(__file__).parents[2] / "build/screenshots"
_RULES: Final = '{resultTypes: ["violations"], rules: {"color-contrast": {enabled: %s}}}'


def faults_of_axe(page: Any, *, contrast: bool = True) -> list[tuple[str, list[str]]]:
    """What axe finds: each rule with the elements that break it.

    ``contrast`` False leaves out the ratio of colours, dearer than all other rules together: one width is
    enough for it, as no width changes a colour.
    """
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate(Axe().axe_script)
    found = page.evaluate(
        f"axe.run(document, {_RULES % str(contrast).lower()}).then((all) => all.violations)"
    )
    return [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found]


def sideways(page: Any) -> bool:
    """Whether the page is wider than its window."""
    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    return bool(wide > room)


def small_targets(page: Any) -> list[str]:
    """Buttons of less than 44 px."""
    found: list[str] = page.evaluate(
        """[...document.querySelectorAll("button, .btn, .tabs a, .chip")]
           .filter((each) => each.checkVisibility() && each.offsetHeight < 44)
           .map((each) => each.outerHTML)"""
    )
    return found


def picture(page: Any, name: str) -> None:
    """The whole page as ``build/screenshots/<name>.png``."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
