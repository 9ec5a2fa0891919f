"""Puts the tests marked ``serial`` into three xdist groups, each of which one worker runs one after another.

End-to-end tests wait more than they work, so those of the rest may run beside them."""

from pathlib import Path

import pytest

_E2E = Path(__file__).parents[1] / "e2e"
_SECOND = ("test_browser", "test_every_page", "test_console", "test_told", "test_booking_to_door")
"""As long as the other half of e2e, which another worker runs."""


# Before xdist's own hook, which writes the groups into the test ids.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("serial"):
            group = "serial"
            if _E2E in item.path.parents:
                group = "serial-e2e-2" if item.path.stem in _SECOND else "serial-e2e"
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish(session: pytest.Session) -> None:
    """A worker that does not see the groups would run the serial tests beside one another, without a word."""
    if not session.config.getoption("loadgroup", False):
        return
    lost = [
        item.nodeid
        for item in session.items
        if item.get_closest_marker("xdist_group") and "@" not in item.nodeid
    ]
    if lost:
        raise pytest.UsageError(f"pytest-xdist ignores the groups of {len(lost)} serial tests")
