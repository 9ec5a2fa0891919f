"""Memory that the C library holds free is given back to the system.

When all agents come, or a backlog does, much is held for a moment: pages to send, rows to write.
The GNU library keeps what is freed between blocks that live on, and gives it back when it is asked.
"""

import ctypes


def give_back() -> None:
    """Do so, where the library can (GNU alone); other threads go on meanwhile."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
