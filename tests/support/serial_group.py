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
