"""The sentences of a booking's own page."""

from .i18n import Catalogue
from .words import Words


class Visits:
    """Bound to one language."""

    def __init__(self, texts: Catalogue, words: Words) -> None:
        self._t = texts
        self._w = words

    def code_for(self, purpose: str, label: str) -> str:
        """What a code is for."""
        t = self._t
        texts = {
            "offline": t.gettext("Second code, for a door without network"),
            "one-time": t.gettext("Code that opens each door once"),
            "extra": t.gettext("Another code of your group"),
        }
        text = texts.get(purpose) or t.gettext("Your code, for all doors on your way")
        return f"{text} ({label})" if label else text

    def on_door(self, held: bool, reason: str) -> str:
        """Whether a door knows the code, in words for who stands before it."""
        t = self._t
        if held:
            return t.gettext("The code is on the door.")
        reasons = {
            "not-sent": t.gettext("The code is on its way to the door."),
            "not-confirmed": t.gettext("The code was sent, the door has not answered yet."),
            "agent-silent": t.gettext("The door is without network: it may not know the code yet."),
            "agent-never-seen": t.gettext("The door is not in service yet."),
            "refused": t.gettext("The door could not take the code. Call before you come."),
        }
        return reasons.get(reason) or t.gettext("The code does not open this door.")

    def opened(self, outcome: str, refusal: str | None) -> str:
        """What became of the button."""
        t = self._t
        if outcome == "refused":
            return t.gettext("Not opened: %(why)s", why=self._w.refusal(refusal or ""))
        texts = {
            "done": t.gettext("It is open: push the door."),
            "no-answer": t.gettext(
                "The door does not answer. Type the code at its keypad: it works without network."
            ),
        }
        return texts.get(outcome) or t.gettext("Asking the door…")

    def keypad(self, fault: str, wait: int) -> str:
        """Why a code was not taken."""
        t = self._t
        texts = {
            "wrong": t.gettext("This is not your code. Look at it above and type it again."),
            "wait": t.gettext("Too many wrong codes. Wait %(seconds)s s, then try again.", seconds=wait),
            "not-now": t.gettext("The doors do not open for this booking now."),
        }
        return texts.get(fault) or t.gettext("Choose the door that you are at.")

    def given_back(self, *, left: bool, taken: bool) -> str:
        """Why the rest of a booking was given back."""
        t = self._t
        if left:
            return t.gettext("You said that you had left.")
        if taken:
            return t.gettext("Nobody came, so the rest of the time was given to others, and it is taken.")
        return t.gettext("Nobody was noticed there.")

    def withheld(self, reason: str) -> str:
        """Why a booking has no code, and what to do."""
        t = self._t
        reasons = {
            "unknown-group": t.gettext("Your group is not known here: ask for a convention."),
            "no-convention": t.gettext("The convention of your group is missing or has ended: renew it."),
            "no-insurance": t.gettext("The insurance certificate of your group is missing: send it."),
            "no-briefing": t.gettext("A safety briefing is needed before: make an appointment."),
            "over-capacity": t.gettext("More people are announced than may come: change their number."),
            "school-hours": t.gettext("The school uses the place at that time: choose another."),
            "closed": t.gettext("The place is closed on that day: choose another."),
            "erased": t.gettext("What was held about you was erased, so there is no code: call to have one."),
        }
        return reasons.get(reason) or t.gettext("Something is missing: call the number below.")
