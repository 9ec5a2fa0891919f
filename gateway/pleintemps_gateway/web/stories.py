"""The history of a door in sentences: one for every kind of event that agents tell of."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from pleintemps_contract.onvif import DoorMode
from pleintemps_gateway.store.reading import AnyRow

from .i18n import Catalogue
from .words import Words

OF_AGENT: Final = (
    "agent-started",
    "fire-input",
    "tamper",
    "panel",
    "panel-refused",
    "signal",
    "journal-replaced",
)
"""Events of an agent that name no door and are told with each of its doors."""
Body = Mapping[str, Any]


class Entry(NamedTuple):
    """One event: when (Unix ms), whether that time was trusted, its type and facts, and who or what for."""

    at: int
    trusted: bool
    type: str
    body: Body
    who: str = ""


def entries(rows: Sequence[AnyRow], titles: Mapping[str, str], users: Mapping[str, str]) -> list[Entry]:
    """Rows of ``events`` with the titles of bookings by grant and the users of commands by id."""
    found = []
    for row in rows:
        body = msgspec.json.decode(row.body, type=dict[str, Any])
        names = [body.get(name) or "" for name in ("grant", "reference", "command")]
        who = next((titles.get(name) or users.get(name) or "" for name in names if name), "")
        found.append(Entry(row.at, row.trusted, row.type, body, who))
    return found


def grants_of(rows: Sequence[AnyRow]) -> tuple[set[str], set[str]]:
    """The grants and the commands that events name."""
    grants: set[str] = set()
    commands: set[str] = set()
    for row in rows:
        body = msgspec.json.decode(row.body, type=dict[str, Any])
        grants |= {str(body[name]) for name in ("grant", "reference") if body.get(name)}
        commands |= {str(body[name]) for name in ("command", "reference") if body.get(name)}
    return grants, commands


class Stories:
    """Bound to one language."""

    def __init__(self, texts: Catalogue, words: Words) -> None:
        self._t = texts
        self._w = words
        self._tell: Final[dict[str, Callable[[Body], str]]] = {
            "agent-started": lambda body: texts.gettext("Agent started, version %(version)s", **body),
            "door-mode": self._mode,
            "door-physical": self._physical,
            "lock-physical": self._lock,
            "door-alarm": self._alarm,
            "access-granted": self._granted,
            "access-not-used": lambda body: texts.gettext("Released, but nobody opened"),
            "access-refused": self._refused,
            "command-executed": lambda body: texts.gettext(
                "From here: %(what)s", what=words.action(body["action"])
            ),
            "door-fire": self._fire,
            "fire-input": self._fire_input,
            "tamper": self._tamper,
            "free-opening": self._free,
            "panel": lambda body: texts.gettext(
                "Intrusion alarm %(panel)s: %(state)s",
                panel=body["panel"],
                state=words.panel(body["state"]),
            ),
            "panel-refused": lambda body: texts.gettext(
                "Intrusion alarm %(panel)s refused: %(reason)s",
                panel=body["panel"],
                reason=words.refusal(body["reason"]),
            ),
            "signal": self._signal,
            "journal-replaced": lambda body: texts.gettext(
                "Journal %(stream)s begun anew: %(reason)s", stream=body["stream"], reason=body["reason"]
            ),
            "late-commit": lambda body: texts.gettext(
                "The door acted before the record was on disk (%(ms)s ms)", ms=body["waited_ms"]
            ),
        }

    def tell(self, entry: Entry) -> str:
        """One sentence; the bare type for an event of a later version."""
        try:
            text = self._tell[entry.type](entry.body)
        except KeyError:
            text = entry.type
        return f"{text} ({entry.who})" if entry.who else text

    def _signal(self, body: Body) -> str:
        t = self._t
        if body["on"]:
            return t.gettext("Too loud: warning light %(signal)s on", signal=body["signal"])
        if body["cause"] == "fault":
            return t.gettext("Warning light %(signal)s does not obey", signal=body["signal"])
        return t.gettext("Warning light %(signal)s off", signal=body["signal"])

    def _mode(self, body: Body) -> str:
        t = self._t
        modes = {
            DoorMode.LOCKED.value: t.gettext("Mode: locked"),
            DoorMode.UNLOCKED.value: t.gettext("Mode: unlocked"),
            DoorMode.ACCESSED.value: t.gettext("Mode: released for one passage"),
            DoorMode.BLOCKED.value: t.gettext("Mode: blocked"),
            DoorMode.LOCKED_DOWN.value: t.gettext("Mode: lockdown"),
            DoorMode.LOCKED_OPEN.value: t.gettext("Mode: held open"),
            DoorMode.UNKNOWN.value: t.gettext("Mode: unknown"),
        }
        causes = {
            "start": t.gettext("at the agent's start"),
            "code": t.gettext("by a code"),
            "command": t.gettext("from here"),
            "relock": t.gettext("by itself"),
            "exit": t.gettext("by the exit button"),
            "fire": t.gettext("by fire"),
            "schedule": t.gettext("by the schedule"),
            "button": t.gettext("by the emergency button"),
        }
        mode = modes.get(body["mode"], body["mode"])
        return f"{mode}, {causes.get(body['cause'], body['cause'])}"

    def _physical(self, body: Body) -> str:
        t = self._t
        states = {
            "Open": t.gettext("Door opened"),
            "Closed": t.gettext("Door closed"),
            "Fault": t.gettext("Door contact at fault"),
            "Unknown": t.gettext("Door contact unknown"),
        }
        return states.get(body["state"], "?")

    def _lock(self, body: Body) -> str:
        t = self._t
        states = {
            "Locked": t.gettext("Lock: locked"),
            "Unlocked": t.gettext("Lock: unlocked"),
            "Fault": t.gettext("Lock at fault"),
            "Unknown": t.gettext("Lock: unknown"),
        }
        return states.get(body["state"], "?")

    def _alarm(self, body: Body) -> str:
        t = self._t
        alarms = {
            "Normal": t.gettext("Door alarm over"),
            "DoorForcedOpen": t.gettext("Door forced open"),
            "DoorOpenTooLong": t.gettext("Door left open"),
        }
        return alarms.get(body["alarm"], "?")

    def _granted(self, body: Body) -> str:
        if body.get("duress"):
            return self._t.gettext("Code used under threat")
        if body.get("offline"):
            return self._t.gettext("Offline code accepted")
        return self._t.gettext("Code accepted")

    def _refused(self, body: Body) -> str:
        t = self._t
        reasons = {
            "unknown-credential": t.gettext("unknown"),
            "not-yet": t.gettext("too early"),
            "expired": t.gettext("too late"),
            "wrong-door": t.gettext("not for this door"),
            "throttled": t.gettext("too many attempts"),
            "no-trusted-time": t.gettext("the agent's clock is not trusted"),
            "door-mode": t.gettext("the door is blocked or in an emergency mode"),
            "unreadable": t.gettext("unreadable"),
            "already-used": t.gettext("used before"),
            "interlock": t.gettext("the other door of the pair is open"),
            "fire": t.gettext("a fire alarm is on, or its panel is not reset"),
            "denied": t.gettext("withdrawn"),
            "bad-token": t.gettext("not signed by this gateway"),
        }
        text = t.gettext("Refused: %(why)s", why=reasons.get(body["reason"], body["reason"]))
        times = body.get("count", 1)
        return text if times == 1 else f"{text} × {times}"

    def _fire(self, body: Body) -> str:
        t = self._t
        return t.gettext("Released by fire") if body["active"] else t.gettext("Fire alarm ended by a person")

    def _fire_input(self, body: Body) -> str:
        t, device = self._t, body["device"]
        if body["active"]:
            return t.gettext("Fire contact %(device)s: alarm", device=device)
        return t.gettext("Fire contact %(device)s: at rest", device=device)

    def _tamper(self, body: Body) -> str:
        t, device = self._t, body["device"]
        if body["active"]:
            return t.gettext("%(device)s was opened or moved", device=device)
        return t.gettext("%(device)s is closed again", device=device)

    def _free(self, body: Body) -> str:
        t = self._t
        return t.gettext("Free opening began") if body["active"] else t.gettext("Free opening ended")
