"""The reference data: a folder outside the repository, named by ``PLEINTEMPS_DATA``."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The reference data folder; the test is skipped without it."""
    named = os.environ.get("PLEINTEMPS_DATA")
    if not named:
        pytest.skip("no reference data: PLEINTEMPS_DATA is not set")
    folder = Path(named)
    if not folder.is_dir():
        pytest.skip(f"no reference data: PLEINTEMPS_DATA={named} is not a folder")
    return folder
