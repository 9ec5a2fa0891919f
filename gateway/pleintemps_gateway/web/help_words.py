"""The sentences of who has people on the telephone: what was tried, and what to tell them."""

from .attempts import GRANTED, NOT_USED, Attempt
from .formats import Formats
from .help_desk import Call, CallDoor
from .i18n import Catalogue
from .visits import Visits


class HelpWords:
    """Bound to one language."""

    def __init__(self, texts: Catalogue, formats: Formats, visits: Visits) -> None:
        self._t = texts
        self._f = formats
        self._v = visits

    def attempt(self, attempt: Attempt, zone: str, now: int) -> str:
        """Wrong code twice, 21:58"""
        t = self._t
        reasons = {
            GRANTED: t.gettext("Code accepted"),
            NOT_USED: t.gettext("Released, but nobody opened"),
            "unknown-credential": t.gettext("Wrong code"),
            "not-yet": t.gettext("Right code, too early"),
            "expired": t.gettext("Right code, too late"),
            "wrong-door": t.gettext("Code of another door"),
            "throttled": t.gettext("Too many wrong codes, the keypad waits"),
            "no-trusted-time": t.gettext("Refused: the door's clock is not trusted"),
            "door-mode": t.gettext("Refused: the door is blocked or in lockdown"),
            "unreadable": t.gettext("Card not readable"),
            "already-used": t.gettext("Code that counts once, used before"),
            "interlock": t.gettext("Refused: the other door of the pair is open"),
            "fire": t.gettext("Refused: fire alarm"),
            "denied": t.gettext("Code that was withdrawn"),
            "bad-token": t.gettext("Card that is not ours"),
        }
        text = reasons.get(attempt.what, attempt.what)
        if attempt.times == 2:
            text = t.gettext("%(what)s twice", what=text)
        elif attempt.times > 2:
            text = t.gettext("%(what)s %(count)s times", what=text, count=t.number(attempt.times))
        clock = self._f.moment(attempt.at, zone, now)
        text = f"{text}, {clock}"
        return f"{text} ({attempt.who})" if attempt.who else text

    def about(self, call: Call, now: int) -> str:
        """What is the matter with the booking itself; empty if nothing is."""
        t, f = self._t, self._f
        if call.about == "cancelled":
            return t.gettext("This booking is cancelled: its code opens nothing any more.")
        if call.about == "withheld":
            return self._v.withheld(call.withheld)
        if call.about == "early":
            clock = f.moment(call.opens, call.zone, now)
            return t.gettext("They are early: their code opens from %(clock)s on.", clock=clock)
        if call.about == "over":
            clock = f.moment(call.closes, call.zone, now)
            return t.gettext("Their time is over: their code opened until %(clock)s.", clock=clock)
        return ""

    def advice(self, each: CallDoor, call: Call, now: int) -> str:
        """What to tell them at this door, one or two sentences."""
        t = self._t
        texts = {
            "fire": t.gettext("Fire alarm: nothing is locked. Nobody goes in; call 112 if it is not known."),
            "emergency": t.gettext("The door is blocked or in lockdown: no code opens it. End that first."),
            "unlocked": t.gettext("It is unlocked: let them push or pull, no code is needed."),
            "open": t.gettext("It stands open: let them go through."),
            "silent-held": t.gettext(
                "The door has no network and knows the code: let them type it again, slowly."
            ),
            "silent": t.gettext(
                "The door has no network and may not know the code: read the offline code out."
            ),
            "clock": t.gettext("The door's clock is not trusted, so it refuses codes: open it from here."),
            "throttled": t.gettext(
                "The keypad waits after wrong codes, 5 minutes at most. Opening from here does not wait."
            ),
            "wrong": t.gettext(
                "A digit is wrong: let them read the code from their message and type it again."
            ),
            "early": t.gettext("The code is right and too early: let them wait, or open it from here."),
            "late": t.gettext("The time of the code is over: open it from here if they may come in."),
            "other-door": t.gettext("They stand at another door than theirs: ask what is written on it."),
            "used": t.gettext("The code counted once and was used: make another one."),
            "interlock": t.gettext("The other door of the pair is open: it has to shut first."),
            "unreadable": t.gettext("The card is not read: let them type the code."),
            "withdrawn": t.gettext("The code was withdrawn: a newer message has another one."),
            "not-used": t.gettext(
                "The door was released and nobody opened: let them type again and push at once."
            ),
            "accepted": t.gettext("The code was accepted: let them push or pull firmly, then try again."),
            "lacks": self._v.on_door(held=False, reason=each.reason),
            "nothing": t.gettext(
                "Nothing was typed here in the last hour: ask at which door they are. The code is on it."
            ),
        }
        return texts[each.finding]
