"""How many examples a dear law gets: some in every run, many where ``PLEINTEMPS_LAWS=many`` (``make soak``).

A test that asks here is marked ``law``."""

import os

from hypothesis import HealthCheck, settings


def examples(some: int, many: int) -> settings:
    """Settings without a deadline; each example may build much, and may use what the function was given."""
    return settings(
        max_examples=many if os.environ.get("PLEINTEMPS_LAWS") == "many" else some,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
        ],
    )
