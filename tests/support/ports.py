"""Free TCP ports on the loopback address."""

import socket

import pytest


def find_free_port() -> int:
    """A port that nothing listens on now; the kernel does not hand it out again at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def free_port() -> int:
    return find_free_port()
