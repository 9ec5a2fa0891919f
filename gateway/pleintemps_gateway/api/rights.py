"""Who may do what: one table, role by right. A page or call names the right that it needs, nothing else.

right      viewer  tester  caretaker  manager
look          x       x        x         x      rooms, doors, alerts, use, agents
own           x       x        x         x      one's own account
alerts                x        x         x      take, pause, pass on, comment
doors                 x        x         x      open, lock, modes, intrusion alarm, end of a fire
teach                 x        x         x      hours that were empty or used, signals
records                        x         x      who opened what, the audit log
help                           x         x      people's names and numbers, codes, releases
book                                     x      bookings, groups, recurring rights, what rooms forget
privacy                                  x      hand out and erase what is held of a person
run                                      x      set-up, notifications, feeds, back-ups
accounts                                 x      people who log in
"""

from enum import StrEnum
from typing import Final

VIEWER: Final = "viewer"
TESTER: Final = "tester"
CARETAKER: Final = "caretaker"
MANAGER: Final = "manager"
ROLES: Final = (CARETAKER, MANAGER, TESTER, VIEWER)


class Right(StrEnum):
    LOOK = "look"
    OWN = "own"
    ALERTS = "alerts"
    DOORS = "doors"
    TEACH = "teach"
    RECORDS = "records"
    HELP = "help"
    BOOK = "book"
    PRIVACY = "privacy"
    RUN = "run"
    ACCOUNTS = "accounts"


_VIEWER: Final = frozenset({Right.LOOK, Right.OWN})
_TESTER: Final = _VIEWER | {Right.ALERTS, Right.DOORS, Right.TEACH}
_CARETAKER: Final = _TESTER | {Right.RECORDS, Right.HELP}
RIGHTS: Final[dict[str, frozenset[Right]]] = {
    VIEWER: _VIEWER,
    TESTER: _TESTER,
    CARETAKER: _CARETAKER,
    MANAGER: frozenset(Right),
}


def may(role: str, right: Right) -> bool:
    """Whether ``role`` has ``right``; an unknown role has none."""
    return right in RIGHTS.get(role, frozenset())
