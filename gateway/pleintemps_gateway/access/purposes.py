"""What a credential is for: the column ``purpose`` of ``credentials``, and the kind that no grant has."""

from typing import Final, Literal

Purpose = Literal["main", "extra", "offline", "one-time"]
MAIN: Final = "main"
EXTRA: Final = "extra"
"""One of several codes of a booking."""
OFFLINE: Final = "offline"
"""Computed: a door that hears nothing of the gateway checks it by itself."""
ONE_TIME: Final = "one-time"
TOKEN: Final = "token"
"""Kind of a credential that a person carries: it stands in no grant."""
