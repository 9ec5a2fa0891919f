"""Entries of the audit log in sentences. What is no known action is told by its name."""

from typing import Final

from .audit_list import Item
from .i18n import Catalogue
from .words import Words

_SAID: Final = ("reason", "purpose", "role", "action", "label", "what", "rows", "address")
"""Facts that a CSV and the details show; ids and names of codes stay in the log."""


class AuditWords:
    """Bound to one language."""

    def __init__(self, texts: Catalogue, words: Words) -> None:
        t = self._t = texts
        self._w = words
        self._texts: Final = {
            "access.looked": t.gettext("Looked at access records"),
            "agent.enrolled": t.gettext("Agent enrolled"),
            "agent.invited": t.gettext("Agent invited"),
            "agent.refused": t.gettext("Enrolment of an agent refused"),
            "agent.renewed": t.gettext("Certificate of an agent renewed"),
            "agent.revoked": t.gettext("Agent shut out"),
            "agent.rotated": t.gettext("Keys changed, for an agent was stolen"),
            "agent.stolen": t.gettext("Agent said to be stolen"),
            "alert.acknowledged": t.gettext("Alert taken"),
            "alert.commented": t.gettext("Alert commented"),
            "alert.escalated": t.gettext("Alert passed up"),
            "alert.given": t.gettext("Alert passed on"),
            "alert.paused": t.gettext("Alert paused"),
            "alert.resumed": t.gettext("Pause of an alert ended"),
            "alert.room-warned": t.gettext("Room warned"),
            "booking.allowed": t.gettext("Booking allowed again"),
            "booking.cancelled": t.gettext("Booking cancelled"),
            "booking.changed": t.gettext("Booking changed"),
            "booking.created": t.gettext("Booking made"),
            "booking.kept": t.gettext("Booking kept"),
            "booking.left": t.gettext("Its people said that they left"),
            "booking.left-undone": t.gettext("Leaving taken back"),
            "booking.moved": t.gettext("Booking moved"),
            "booking.overridden": t.gettext("Missing papers allowed"),
            "booking.release-unwarned": t.gettext("Warning of a release taken back"),
            "booking.release-warned": t.gettext("Release warned of"),
            "booking.released": t.gettext("Booking given back"),
            "booking.restored": t.gettext("Release taken back"),
            "booking.withheld": t.gettext("Code withheld"),
            "broker.user-ended": t.gettext("Program shut out of the broker"),
            "broker.user-made": t.gettext("Program let into the broker"),
            "calendar.ended": t.gettext("Address of a calendar ended"),
            "calendar.made": t.gettext("Address of a calendar made"),
            "code.issued": t.gettext("Code made"),
            "code.reissued": t.gettext("Code made anew"),
            "config.published": t.gettext("Timings sent to an agent"),
            "group.changed": t.gettext("Group changed"),
            "group.reminded": t.gettext("Group reminded of its papers"),
            "help.called": t.gettext("Help called: it does not open"),
            "key.made": t.gettext("Next signing key made"),
            "key.retired": t.gettext("Old signing key destroyed"),
            "key.used": t.gettext("New key signs"),
            "notice.tested": t.gettext("Test sent to a caretaker"),
            "occupancy.marked": t.gettext("Hour marked as empty or used"),
            "occupancy.reset": t.gettext("Room let forget"),
            "occupancy.unmarked": t.gettext("Mark of an hour taken away"),
            "person.erased": t.gettext("What was held of a person erased"),
            "person.erasure-asked": t.gettext("Erasure asked for"),
            "person.exported": t.gettext("What is held of a person handed out"),
            "push.ended": t.gettext("Browser told no more"),
            "push.subscribed": t.gettext("Browser to be told"),
            "right.added": t.gettext("Recurring right given"),
            "right.ended": t.gettext("Recurring right ended"),
            "salt.made": t.gettext("New salt for codes"),
            "store.restored": t.gettext("Back-up restored"),
            "update.done": t.gettext("Every agent has the new version"),
            "update.halted": t.gettext("Update of the agents halted"),
            "update.offered": t.gettext("Update offered to the agents"),
            "update.running": t.gettext("Update of the agents goes on"),
            "user.added": t.gettext("User added"),
            "user.changed": t.gettext("User changed"),
            "user.disabled": t.gettext("User shut out"),
            "user.enabled": t.gettext("User let in again"),
            "user.link": t.gettext("Link to a password made"),
            "user.log-in-failed": t.gettext("Log-in failed"),
            "user.logged-in": t.gettext("Logged in"),
            "user.password": t.gettext("Password changed"),
            "user.removed": t.gettext("User removed"),
            "user.sessions-ended": t.gettext("Log-ins of a user ended"),
            "webhook.made": t.gettext("Webhook made"),
            "webhook.off": t.gettext("Webhook switched off"),
            "webhook.on": t.gettext("Webhook switched on"),
            "webhook.removed": t.gettext("Webhook removed"),
            "webhook.secret": t.gettext("Webhook given another secret"),
        }

    def tell(self, item: Item) -> str:
        """What was done."""
        if item.action == "door.command":
            asked = str((item.facts or {}).get("action", ""))
            return self._w.action(asked) if asked else self._t.gettext("Command to a door")
        return self._texts.get(item.action, item.action)

    def who(self, item: Item) -> str:
        """Who did it: a name, somebody by a link, or that it is not known any more."""
        t = self._t
        if item.facts is None:
            return t.gettext("no longer known")
        if not item.who and item.action == "user.log-in-failed":
            return t.gettext("somebody unknown")
        known = {"link": t.gettext("by the link of a booking"), "command line": t.gettext("command line")}
        return known.get(item.who, item.who) or t.gettext("the gateway")

    def details(self, item: Item) -> str:
        """The facts that people have words for."""
        told = [str(item.facts[name]) for name in _SAID if item.facts and item.facts.get(name)]
        if item.action == "door.command":
            told = told[:1] if item.facts and item.facts.get("reason") else []
        return ", ".join(told)

    def kind(self, kind: str) -> str:
        """The name of a filter."""
        t = self._t
        kinds = {
            "doors": t.gettext("Doors"),
            "codes": t.gettext("Codes"),
            "bookings": t.gettext("Bookings"),
            "groups": t.gettext("Groups and rights"),
            "alerts": t.gettext("Alerts"),
            "people": t.gettext("Accounts"),
            "looks": t.gettext("Looks at access records"),
            "privacy": t.gettext("Privacy"),
            "rooms": t.gettext("Rooms"),
            "running": t.gettext("Running it"),
        }
        return kinds[kind]
