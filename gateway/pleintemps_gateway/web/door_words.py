"""Modes of doors, what a change of mode does, codes on the door or not: in words."""

from pleintemps_contract.onvif import DoorAction, DoorMode

from .door_list import CodeRow, Counted, DoorRow, Fault, Opening
from .formats import Formats
from .i18n import Catalogue
from .words import Words


class DoorWords:
    """Bound to one language."""

    def __init__(self, texts: Catalogue, formats: Formats, words: Words) -> None:
        self._t = texts
        self._f = formats
        self._w = words

    def mode(self, mode: str) -> str:
        """The mode of a door, in two or three words."""
        t = self._t
        modes = {
            DoorMode.LOCKED.value: t.gettext("locked, codes open"),
            DoorMode.UNLOCKED.value: t.gettext("unlocked for everybody"),
            DoorMode.ACCESSED.value: t.gettext("released for one passage"),
            DoorMode.BLOCKED.value: t.gettext("blocked, no code opens"),
            DoorMode.LOCKED_DOWN.value: t.gettext("in lockdown, no code opens"),
            DoorMode.LOCKED_OPEN.value: t.gettext("held open"),
        }
        return modes.get(mode) or t.gettext("mode not known")

    def verb(self, action: DoorAction) -> str:
        """The button that asks for ``action``."""
        t = self._t
        verbs = {
            DoorAction.UNLOCK: t.gettext("Unlock the door"),
            DoorAction.LOCK: t.gettext("Lock the door"),
            DoorAction.BLOCK: t.gettext("Block the door"),
            DoorAction.LOCK_OPEN: t.gettext("Hold the door open"),
            DoorAction.LOCK_OPEN_RELEASE: t.gettext("End holding it open"),
            DoorAction.LOCK_DOWN: t.gettext("Lock the door down"),
            DoorAction.LOCK_DOWN_RELEASE: t.gettext("End the lockdown"),
        }
        return verbs.get(action) or self._w.action(action.value)

    def effect(self, action: DoorAction) -> str:
        """What it will do, in a sentence."""
        t = self._t
        effects = {
            DoorAction.UNLOCK: t.gettext(
                "The door stays unlocked for everybody until it is locked again by somebody."
            ),
            DoorAction.LOCK: t.gettext(
                "The door locks, codes open it; a free opening that runs now is over for this time."
            ),
            DoorAction.BLOCK: t.gettext(
                "No code and no card opens it, until it is locked or unlocked from here. One can leave."
            ),
            DoorAction.LOCK_OPEN: t.gettext(
                "The door stays open for everybody; only its own end, or a lockdown, changes that."
            ),
            DoorAction.LOCK_OPEN_RELEASE: t.gettext("The door goes back to how it was before."),
            DoorAction.LOCK_DOWN: t.gettext(
                "Nobody comes in: no code, no card, no opening from here, until the lockdown is ended. One "
                "can leave."
            ),
            DoorAction.LOCK_DOWN_RELEASE: t.gettext(
                "The door goes back to how it was before: locked, or open if it stood open for everybody."
            ),
        }
        return effects.get(action, "")

    def lacks(self, reason: str) -> str:
        """Why a code is not on a door; empty for no reason."""
        t = self._t
        reasons = {
            "": "",
            "cancelled": t.gettext("cancelled"),
            "over": t.gettext("over"),
            "no-code": t.gettext("no code was made yet"),
            "not-sent": t.gettext("not sent yet"),
            "not-confirmed": t.gettext("sent, not confirmed yet"),
            "agent-silent": t.gettext("agent silent"),
            "agent-never-seen": t.gettext("agent never seen"),
            "refused": t.gettext("the door could not take it"),
        }
        if reason in reasons:
            return reasons[reason]
        return self._w.withheld(reason) or reason

    def code(self, row: CodeRow) -> str:
        """On the door, or why not."""
        if not row.reason:
            return self._t.gettext("on the door")
        return self._t.gettext("not on the door: %(why)s", why=self.lacks(row.reason))

    def codes(self, codes: Counted) -> str:
        """12 on the door, 2 not: agent silent"""
        t = self._t
        if not (codes.held or codes.lacking):
            return t.gettext("no code")
        held = t.ngettext("%(num)s on the door", "%(num)s on the door", codes.held)
        if not codes.lacking:
            return held
        why = ", ".join(self.lacks(reason) for reason in sorted(codes.reasons))
        lacking = t.ngettext("%(num)s not: %(why)s", "%(num)s not: %(why)s", codes.lacking, why=why)
        return f"{held}, {lacking}"

    def opening(self, opening: Opening) -> str:
        """lundi, mardi 08:00–18:00, after the first person"""
        rule = opening.rule
        text = f"{self._f.weekdays(rule.days)} {rule.from_}–{rule.to}"
        return (
            self._t.gettext("%(times)s, once somebody came in by a code", times=text)
            if rule.first_person
            else text
        )

    def fault(self, fault: Fault) -> str:
        """What is ill: lock-1: battery low"""
        colon = "\u00a0: " if self._t.language == "fr" else ": "
        health = {"silent": self._t.gettext("silent"), "error": self._t.gettext("at fault")}
        told = self._w.fault(fault.detail) or health.get(fault.health, fault.health)
        return f"{fault.device}{colon}{told}"

    def way(self, row: DoorRow) -> str:
        """From the street into the hall."""
        street = self._t.gettext("street")
        return f"{row.leads_from or street} → {row.leads_to or street}"
