"""Puts all tests marked ``serial`` into one xdist group, so that one worker runs them one after another."""

import pytest


# Before xdist's own hook, which writes the groups into the test ids.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("serial"):
            item.add_marker(pytest.mark.xdist_group("serial"))
