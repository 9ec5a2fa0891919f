"""Every page of the demo as the browser tests see it, and the few pictures of the guide in docs/images/.

The tests leave whole pages in ``build/screenshots/``; the guide shows the first screen of a telephone.
The exit code is that of the tests.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

from PIL import Image

ROOT: Final = Path(__file__).parent.parent
MADE: Final = ROOT / "build/screenshots"
TAKEN: Final = ROOT / "docs/images"
SCREENS_PX: Final = {390: 844, 320: 800}
"""Height of a telephone's screen by its width, as the tests have them."""
PAGES: Final = "tests/e2e/test_every_page.py::test_every_page_in_both_languages_on_desktop_and_phone"
FIRE: Final = "tests/gateway/web/test_browser.py::test_the_pages_of_fire_history_and_panel_are_accessible"

PICTURES: Final = {
    "ce-soir": "page-tonight-fr-phone-light",
    "alerte": "page-alert-fr-phone-light",
    "alertes": "page-alerts-fr-phone-light",
    "depannage": "page-help-fr-phone-light",
    "appel": "page-outside-fr-phone-light",
    "porte": "page-door-fr-phone-light",
    "espace": "page-space-fr-phone-light",
    "incendie": "alone-doors-ecole-portail-fire-light",
    "confinement": "page-lockdown-fr-phone-light",
    "agents": "page-agents-fr-phone-light",
    "rapport": "page-report-fr-phone-light",
    "prevenus": "page-notifications-fr-phone-light",
}
"""Name in the guide, and name that a test gives."""


def take() -> list[str]:
    """Cut and copy what was made; what was not made is told."""
    TAKEN.mkdir(parents=True, exist_ok=True)
    lacking = []
    for name, made in PICTURES.items():
        source = MADE / f"{made}.png"
        if not source.exists():
            lacking.append(made)
            continue
        with Image.open(source) as whole:
            cut = whole.convert("RGB").crop((0, 0, whole.width, min(whole.height, SCREENS_PX[whole.width])))
        cut.save(TAKEN / f"{name}.png", optimize=True)
    return lacking


def main() -> int:
    for made in PICTURES.values():
        (MADE / f"{made}.png").unlink(missing_ok=True)  # an old picture is not taken for a new one
    tests = [f"{PAGES}[every]", f"{FIRE}[light]"]
    answer = subprocess.run([sys.executable, "-m", "pytest", "-q", *tests], cwd=ROOT, check=False).returncode
    lacking = take()
    for made in lacking:
        print(f"pictures: no test has made {made}.png", file=sys.stderr)
    return answer or bool(lacking)


if __name__ == "__main__":
    sys.exit(main())
