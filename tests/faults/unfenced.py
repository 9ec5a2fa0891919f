"""A gateway without its fence, for the proof that the checks find what the fence is there for."""

import sys
from unittest.mock import patch

from pleintemps_gateway import cli
from pleintemps_gateway.ingest.leased import LeasedMemory
from pleintemps_gateway.leases.keeper import LeaseKeeper


def main() -> int:
    """The ordinary command line; every write goes through, whoever holds the site."""
    with (
        patch.object(LeasedMemory, "check", lambda _memory, _conn: None),
        patch.object(LeaseKeeper, "speaks", lambda _keeper: True),
    ):
        return cli.main()


if __name__ == "__main__":
    sys.exit(main())
