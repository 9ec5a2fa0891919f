"""Puts the tests marked ``serial`` into two xdist groups, each of which one worker runs one after another.

End-to-end tests wait more than they work, so those of the rest may run beside them."""

from pathlib import Path

import pytest

_E2E = Path(__file__).parents[1] / "e2e"


# Before xdist's own hook, which writes the groups into the test ids.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("serial"):
            group = "serial-e2e" if _E2E in item.path.parents else "serial"
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
