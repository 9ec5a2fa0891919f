"""Loads the shared fixtures for every test; they live in ``tests.support``, one file per matter."""

pytest_plugins = [
    "tests.support.quick_disk",
    "tests.support.own_logs",
    "tests.support.skips",
    "tests.support.data",
    "tests.support.loops",
    "tests.support.ports",
    "tests.support.broker",
    "tests.support.stores",
    "tests.support.series_servers",
    "tests.support.serial_group",
]
