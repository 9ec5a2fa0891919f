"""What becomes of alerts, in words: where one stands, what was done, when it ends by itself."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pleintemps_contract.onvif import DoorPhysicalState

from .board import Alert
from .formats import Formats
from .i18n import Catalogue, catalogue
from .sentences import Sentences
from .words import Words

if TYPE_CHECKING:
    from .alerts import Line, One

NameOf = Callable[[str], str]


class AlertWords:
    """Bound to one language."""

    def __init__(self, texts: Catalogue) -> None:
        self._t = texts
        self.formats: Final = Formats(texts)
        self._f = self.formats
        self.colon: Final = "\u00a0:" if texts.language == "fr" else ":"
        self.say: Final = Sentences(texts, self._f, Words(texts))

    @staticmethod
    @cache
    def of(language: str) -> "AlertWords":
        return AlertWords(catalogue(language))

    def holds(self, alert: Alert, words: str, now: int) -> bool:
        """Whether every one of ``words`` stands in what the list says of ``alert``."""
        say = self.say
        parts = (say.title(alert), say.place(alert), say.fact(alert, now).striptags(), alert.comment)
        text = " ".join((*parts, alert.acknowledged_by, alert.assigned)).casefold()
        return all(word in text for word in words.casefold().split())

    def stands(self, alert: Alert, name_of: NameOf, now: int) -> str:
        """Where it stands, in one sentence."""
        t, f = self._t, self._f
        if alert.resolved is not None:
            return t.gettext("Calm again at %(clock)s.", clock=f.moment(alert.resolved, alert.zone, now))
        if alert.state == "paused" and alert.paused_until is not None:
            until = f.moment(alert.paused_until, alert.zone, now)
            who = name_of(alert.acknowledged_by)
            return t.gettext("Paused until %(clock)s by %(name)s.", clock=until, name=who)
        if alert.state == "acknowledged":
            clock = f.moment(alert.acknowledged or alert.opened, alert.zone, now)
            who = name_of(alert.acknowledged_by)
            return t.gettext("Taken at %(clock)s by %(name)s.", clock=clock, name=who)
        if alert.assigned:
            return t.gettext("Given to %(name)s, not taken yet.", name=name_of(alert.assigned))
        return t.gettext("Nobody has taken it.")

    def act(self, row: Any, name_of: NameOf, zone: str, now: int) -> tuple[str, str]:
        """A row of the history: its sign and its sentence, without the comment."""
        t, f = self._t, self._f
        by, person = name_of(row.by or ""), name_of(row.person or "")
        until = f.moment(row.until, zone, now) if row.until is not None else ""
        texts = {
            "take": ("check", t.gettext("Taken by %(name)s.", name=by)),
            "pause": ("moon", t.gettext("Paused until %(clock)s by %(name)s.", clock=until, name=by)),
            "resume": ("bell", t.gettext("Pause ended by %(name)s.", name=by)),
            "give": ("up", t.gettext("Passed on by %(name)s, to %(person)s.", name=by, person=person)),
            "escalate": ("up", t.gettext("Passed on by %(name)s, to %(person)s.", name=by, person=person)),
            "comment": ("persons", t.gettext("Comment of %(name)s.", name=by)),
            "warn": ("bell", t.gettext("Warning light asked for by %(name)s.", name=by)),
            "opened": ("bell", t.gettext("Alert raised.")),
            "asked": ("phone", t.gettext("%(person)s was asked.", person=person)),
            "nobody": ("persons", t.gettext("Everybody on duty was asked, nobody has taken it.")),
            "reminded": ("hour", t.gettext("%(person)s was reminded: it is still on.", person=person)),
            "back": ("bell", t.gettext("The pause is over, it is still on.")),
            "resolved": ("check", t.gettext("Calm again.")),
        }
        sign, text = texts.get(row.act, ("more", row.act))
        if row.by is None and row.act in ("take", "pause", "resume", "give", "escalate", "comment", "warn"):
            text = t.gettext("Done by somebody whose name is no longer kept.")
        return sign, text

    def history(self, one: "One", name_of: NameOf, now: int) -> list["Line"]:
        """Everything that was done or happened about it, oldest first."""
        from .alerts import Line

        alert, t = one.alert, self._t
        lines = [Line(row.at, *self._with_comment(row, name_of, alert.zone, now)) for row in one.acts]
        if not any(row.act == "opened" for row in one.acts):  # of a store that is older than the history
            lines.append(Line(alert.opened, "bell", t.gettext("Alert raised.")))
            if alert.acknowledged is not None and alert.acknowledged_by:
                text = t.gettext("Taken by %(name)s.", name=name_of(alert.acknowledged_by))
                lines.append(Line(alert.acknowledged, "check", self._said(text, alert.comment)))
        facts = self.say.facts(alert)
        if isinstance(at := facts.get("warned_at"), int):
            lines.append(Line(at, "bell", t.gettext("Room warned of its noise.")))
        if isinstance(at := facts.get("reminded_at"), int):
            count = t.number(facts.get("reminders") or 1)
            lines.append(Line(at, "bell", t.gettext("Still too loud, reminder %(count)s.", count=count)))
        for row in one.messages:
            lines.append(Line(row.done or row.created, "phone", self._message(row)))
        booked = one.booking
        if booked is not None and alert.opened - 7_200_000 <= booked.end <= now:
            text = t.gettext(
                "End of the booking « %(title)s ». The door lets nobody in with its code once its "
                "margin is over; leaving stays free.",
                title=booked.title,
            )
            lines.append(Line(booked.end, "cal", text))
        for row in one.notices:
            if row.state == "failed":
                who = name_of(row.person)
                lines.append(
                    Line(row.done or row.created, "off", t.gettext("%(name)s could not be told.", name=who))
                )
        return sorted(lines, key=lambda each: each.at)

    def _with_comment(self, row: Any, name_of: NameOf, zone: str, now: int) -> tuple[str, str]:
        sign, text = self.act(row, name_of, zone, now)
        return sign, self._said(text, row.comment or "")

    def _said(self, text: str, comment: str) -> str:
        if not comment:
            return text
        return f"{text} «\u00a0{comment}\u00a0»" if self._t.language == "fr" else f"{text} “{comment}”"

    def _message(self, row: Any) -> str:
        t = self._t
        channels = {"mail": t.gettext("mail"), "sms": t.gettext("SMS"), "spool": t.gettext("file")}
        channel = channels.get(row.channel, row.channel)
        if row.state == "sent":
            return t.gettext("Message to the people of the booking (%(channel)s): accepted.", channel=channel)
        if row.state == "failed":
            return t.gettext("Message to the people of the booking (%(channel)s): failed.", channel=channel)
        return t.gettext("Message to the people of the booking (%(channel)s): waiting.", channel=channel)

    def access(self, row: Any, zone: str, now: int) -> str:
        """The last thing that a door told."""
        t, clock = self._t, self._f.moment(row.at, zone, now)
        if row.type == "access-granted":
            return t.gettext("last code accepted %(clock)s", clock=clock)
        if DoorPhysicalState.OPEN.value in row.body:
            return t.gettext("last opened %(clock)s", clock=clock)
        return t.gettext("last closed %(clock)s", clock=clock)

    def ends(self, alert: Alert) -> str:
        """When it ends by itself, which is what somebody who waits for it wants to know."""
        t = self._t
        taken = t.gettext("It ends by itself an hour after somebody has taken it.")
        well = t.gettext("It ends by itself once the device reports itself well.")
        heard = t.gettext("It ends by itself once the agent is heard again.")
        fire = t.gettext("It ends once the panel is reset and a person has confirmed it at the door's page.")
        texts = {
            "noise": t.gettext("It ends by itself once the room has been measured quiet again."),
            "amplified-habit": t.gettext("It ends by itself once there are fewer such days."),
            "unexpected-presence": t.gettext(
                "It ends by itself once the room is vacant, or a booking explains it."
            ),
            "no-show": t.gettext("It ends by itself once they arrive, or at the end of the booking."),
            "overstay": t.gettext("It ends by itself once they have left."),
            "room-left-open": t.gettext("It ends by itself once every door is closed or somebody is there."),
            "door-forced-open": t.gettext(
                "It ends once the door is closed and somebody has taken the alert."
            ),
            "door-open-too-long": t.gettext("It ends by itself once the door is closed."),
            "agent-silent": heard,
            "device-fault": well,
            "lock-fault": well,
            "tamper": t.gettext("It ends by itself once the device is closed again."),
            "code-attempts": t.gettext("It ends by itself after ten minutes without a wrong code."),
            "bad-messages": t.gettext("It ends by itself after a quarter of an hour without another one."),
            "feed-fault": t.gettext("It ends by itself once the calendar can be read."),
            "duress": taken,
            "panel-refused": taken,
            "journal-replaced": taken,
            "fire": fire,
            "fire-input": fire,
            "update-halted": t.gettext("It ends once another version is offered, or this one is given up."),
            "panel-alarm": t.gettext("It ends by itself once the panel is set or unset."),
            "delivery-failed": t.gettext("It ends by itself once a later message arrives, or after a week."),
            "help": t.gettext(
                "It ends by itself when their doors close, an hour after the call at the earliest."
            ),
        }
        return texts.get(alert.kind, t.gettext("It ends by itself once its cause is gone."))

    def notice_kind(self, kind: str) -> str:
        """Why somebody was told."""
        t = self._t
        texts = {
            "alert": t.gettext("Alert"),
            "given": t.gettext("Given to you"),
            "back": t.gettext("The pause is over"),
            "reminder": t.gettext("Still on"),
            "test": t.gettext("A test"),
            "report": t.gettext("Morning report"),
        }
        return texts.get(kind, kind)

    def notice_error(self, error: str) -> str:
        """Why it was not sent; what is no known word is told as it came."""
        t = self._t
        texts = {
            "no-channel": t.gettext("no channel reaches this person"),
            "told-recently": t.gettext("told of the same a short while ago"),
            "taken": t.gettext("somebody had it by then"),
            "resolved": t.gettext("it was over by then"),
        }
        return texts.get(error, error)

    def refusal(self, code: str) -> str:
        """Why an act changed nothing."""
        t = self._t
        texts = {
            "changed": t.gettext("Somebody was quicker: see below what they did. Nothing was changed."),
            "already-acknowledged": t.gettext("Somebody has taken it already. Nothing was changed."),
            "already-resolved": t.gettext("It is over already. Nothing was changed."),
            "not-paused": t.gettext("It is not paused any more. Nothing was changed."),
            "bad-time": t.gettext("A pause ends within a week, and not in the past. Nothing was changed."),
            "nobody-left": t.gettext("Everybody on duty was asked already: give it to somebody by name."),
            "not-found": t.gettext("There is no such alert for this account. Nothing was changed."),
            "no-comment": t.gettext("There is nothing in the comment. Nothing was changed."),
            "unknown-person": t.gettext("Choose to whom it goes. Nothing was changed."),
        }
        return texts.get(code, code)
