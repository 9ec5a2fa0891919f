"""``python -m pleintemps_hardware``."""

import sys

from .cli import main

sys.exit(main())
