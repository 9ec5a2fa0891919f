"""The sentences that alerts, doors, commands and evidence are told in. Figures come from the store."""

import json
from collections.abc import Callable
from typing import Any, Final

from markupsafe import Markup

from pleintemps_contract.onvif import DoorAction

from .alert_titles import titles
from .board import Alert, Asked, Door, Panel, Skyline
from .formats import Formats
from .i18n import Catalogue
from .noise_words import NoiseWords
from .upkeep_words import UpkeepWords
from .words import Words

Facts = dict[str, Any]


class Sentences:
    """Bound to one language."""

    def __init__(self, texts: Catalogue, formats: Formats, words: Words) -> None:
        self._t = texts
        self._f = formats
        self._w = words
        self.noise: Final = NoiseWords(texts, formats)
        self._facts: Final[dict[str, Callable[[Alert, Facts, int], Markup]]] = {
            "noise": self._noise,
            "amplified-habit": self._habit,
            "unexpected-presence": self._unexpected,
            "no-show": self._no_show,
            "overstay": self._overstay,
            "room-left-open": self._left_open,
            "door-forced-open": self._forced,
            "door-open-too-long": self._too_long,
            "agent-silent": self._silent,
            "device-fault": self._device,
            "code-attempts": self._attempts,
            "bad-messages": self._messages,
            "feed-fault": self._feed,
            "duress": self._duress,
            "fire": self._fire,
            "fire-input": self._fire_input,
            "tamper": self._tamper,
            "lock-fault": self._lock,
            "panel-alarm": self._panel_alarm,
            "panel-refused": self._panel_refused,
            "help": self._help,
            "delivery-failed": self._delivery,
        } | UpkeepWords(texts, formats).facts

    def title(self, alert: Alert) -> str:
        """What it is, in two to four words."""
        return self.title_of(alert.kind)

    def title_of(self, kind: str) -> str:
        """As :meth:`title`, of a kind alone."""
        return titles(self._t).get(kind, kind)

    def kind(self, alert: Alert) -> str:
        return self._t.gettext("Alert") if alert.rank == "alert" else self._t.gettext("To watch")

    def place(self, alert: Alert) -> str:
        """MJC du Moulin, studio; the site alone where the alert is about all of it."""
        return f"{alert.site_name}, {alert.place}" if alert.place else alert.site_name

    @staticmethod
    def facts(alert: Alert) -> Facts:
        """The figures of ``alert``; empty where they cannot be read."""
        try:
            facts = json.loads(alert.facts)
        except ValueError:
            return {}
        return facts if isinstance(facts, dict) else {}

    def fact(self, alert: Alert, now: int) -> Markup:
        """Why, with its figures. Facts that are not there are not told."""
        try:
            facts = json.loads(alert.facts)
            return self._facts[alert.kind](alert, facts, now)
        except (ValueError, KeyError, TypeError):
            # an alert of a later version, or facts without their figures: its title still stands
            return Markup("")

    def announcement(self, alert: Alert, now: int) -> str:
        """One sentence for a screen reader."""
        title, place, fact = self.title(alert), self.place(alert), self.fact(alert, now).striptags()
        colon = "\u00a0: " if self._t.language == "fr" else ": "
        return f"{self.kind(alert)}{colon}{title}, {place}. {fact}".strip()

    def done(self, alert: Alert) -> str:
        """What was already done about it; empty while nobody has it."""
        t, f = self._t, self._f
        if alert.resolved is not None:
            return t.gettext("Over at %(clock)s.", clock=f.clock(alert.resolved, alert.zone))
        if alert.acknowledged is None:
            return ""
        if alert.paused_until is not None:
            until = f.clock(alert.paused_until, alert.zone)
            return t.gettext("Paused until %(clock)s by %(name)s.", clock=until, name=alert.acknowledged_by)
        clock = f.clock(alert.acknowledged, alert.zone)
        return t.gettext("Taken at %(clock)s by %(name)s.", clock=clock, name=alert.acknowledged_by)

    # --- facts of each kind --------------------------------------------------------------------------

    def _noise(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self.noise.alert(alert, facts)

    def _habit(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self.noise.habit(facts)

    def _unexpected(self, alert: Alert, facts: Facts, now: int) -> Markup:
        percent = self._f.percent(100 * facts["probability"])
        text = self._t.hgettext("Somebody is there: <b>%(percent)s</b>.", percent=percent)
        if told := self.evidence(facts.get("evidence", "")):
            text += Markup(" ") + self._t.hgettext("Seen by %(evidence)s.", evidence=told)
        return text

    def _no_show(self, alert: Alert, facts: Facts, now: int) -> Markup:
        clock = self._f.clock(facts["start"], alert.zone)
        return self._t.hgettext(
            "<b>%(title)s</b> was to start at %(clock)s, the room is empty.",
            title=facts["title"],
            clock=clock,
        )

    def _overstay(self, alert: Alert, facts: Facts, now: int) -> Markup:
        clock = self._f.clock(facts["end"], alert.zone)
        return self._t.hgettext(
            "<b>%(title)s</b> ended at %(clock)s, the room is in use.", title=facts["title"], clock=clock
        )

    def _left_open(self, alert: Alert, facts: Facts, now: int) -> Markup:
        clock = self._f.clock(facts["left"], alert.zone)
        return self._t.hgettext(
            "<b>%(title)s</b> left at %(clock)s, a door is open.", title=facts["title"], clock=clock
        )

    def _forced(self, alert: Alert, facts: Facts, now: int) -> Markup:
        clock = self._f.clock(alert.opened, alert.zone)
        return self._t.hgettext("Opened at <b>%(clock)s</b> without a code or a command.", clock=clock)

    def _too_long(self, alert: Alert, facts: Facts, now: int) -> Markup:
        if alert.resolved is not None:
            return self._t.hgettext("It was open for too long.")
        return self._t.hgettext("Open for too long, seen %(age)s.", age=self._age(alert.opened, alert, now))

    def _silent(self, alert: Alert, facts: Facts, now: int) -> Markup:
        t = self._t
        alone = t.hgettext("The doors work alone with their codes.")
        if facts.get("last_seen") is None:
            return t.hgettext("Nothing was ever received.") + Markup(" ") + alone
        clock = self._f.moment(facts["last_seen"], alert.zone, now)
        return t.hgettext("Nothing received since <b>%(clock)s</b>.", clock=clock) + Markup(" ") + alone

    def _device(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self._t.hgettext(
            "<b>%(device)s</b> reports a fault: %(detail)s",
            device=facts["device"],
            detail=self._w.fault(facts["detail"] or "?"),
        )

    def _attempts(self, alert: Alert, facts: Facts, now: int) -> Markup:
        count = self._t.number(facts["count"])
        return self._t.hgettext("<b>%(count)s</b> codes were refused; the keypad now waits.", count=count)

    def _messages(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self._t.hgettext(
            "<b>%(count)s</b> refused from %(source)s: %(reason)s",
            count=self._t.number(facts["count"]),
            source=facts["source"],
            reason=facts["reason"],
        )

    def _feed(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self._t.hgettext(
            "<b>%(feed)s</b>: %(error)s. The bookings read before are kept.",
            feed=facts["feed"],
            error=str(facts["error"]).rstrip("."),
        )

    def _duress(self, alert: Alert, facts: Facts, now: int) -> Markup:
        clock = self._f.moment(facts["at"], alert.zone, now)
        return self._t.hgettext(
            "At <b>%(clock)s</b> a code was typed under threat. The door opened and shows nothing: "
            "do not call there, call for help.",
            clock=clock,
        )

    def _fire(self, alert: Alert, facts: Facts, now: int) -> Markup:
        if alert.resolved is not None:
            return self._t.hgettext("The fire alarm is over.")
        return self._t.hgettext(
            "Nothing is held locked. It ends once the panel is reset and a person has confirmed it."
        )

    def _fire_input(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self._t.hgettext("<b>%(device)s</b> reports a fire.", device=facts["device"])

    def _tamper(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self._t.hgettext(
            "<b>%(device)s</b> reports that it is open or was moved.", device=facts["device"]
        )

    def _lock(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self._t.hgettext("The lock does not do what it was told, or does not answer.")

    def _panel_alarm(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self._t.hgettext("<b>%(panel)s</b> reports an alarm.", panel=facts["panel"])

    def _panel_refused(self, alert: Alert, facts: Facts, now: int) -> Markup:
        reason = self._w.refusal(facts["reason"])
        return self._t.hgettext("<b>%(panel)s</b>: %(reason)s", panel=facts["panel"], reason=reason)

    def _help(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self._t.hgettext(
            "<b>%(title)s</b> (number %(reference)s) stands before a door that does not open.",
            title=facts["title"],
            reference=facts["reference"],
        )

    def _delivery(self, alert: Alert, facts: Facts, now: int) -> Markup:
        t, known = self._t, {"no-channel": self._t.gettext("no way to reach them is configured")}
        channels = {"mail": t.gettext("mail"), "sms": t.gettext("SMS"), "spool": t.gettext("file")}
        return t.hgettext(
            "The people of a booking were not told, by <b>%(channel)s</b>: %(error)s. Call them.",
            channel=channels.get(facts["channel"], facts["channel"]),
            error=known.get(facts["error"], facts["error"]),
        )

    def _age(self, at: int, alert: Alert, now: int) -> Markup:
        return self._f.age_element(at, now, alert.zone, "ago")

    # --- doors, commands, evidence -------------------------------------------------------------------

    def door(self, door: Door, zone: str, now: int) -> Markup:
        """The state of a door, without its name."""
        t = self._t
        look = door.look
        if look == "unknown":
            return t.hgettext("unknown, the door works alone")
        if look in ("forced", "too-long", "open") and door.since is not None:
            since = self._f.age_element(door.since, now, zone, "since")
            if look == "forced":
                return t.hgettext("forced, open %(since)s", since=since)
            return t.hgettext("open %(since)s", since=since)
        words = {
            "fire": t.hgettext("released by fire, nothing is locked"),
            "fault": t.hgettext("lock at fault"),
            "forced": t.hgettext("forced"),
            "too-long": t.hgettext("open for too long"),
            "open": t.hgettext("open"),
            "unlocked": t.hgettext("unlocked"),
            "locked": t.hgettext("locked"),
            "closed": t.hgettext("closed"),
        }
        return words[look]

    def asked(self, asked: Asked, zone: str) -> str:
        """What became of a command."""
        t, f = self._t, self._f
        clock = f.clock(asked.answered or asked.requested, zone)
        if asked.action != DoorAction.ACCESS:
            return self._asked_other(asked, clock)
        if asked.outcome == "refused":
            return t.gettext(
                "Not opened: %(why)s (%(clock)s).", why=self._w.refusal(asked.refusal), clock=clock
            )
        texts = {
            "requested": t.gettext("Opening asked for at %(clock)s.", clock=clock),
            "sent": t.gettext("Sent to the door at %(clock)s, waiting for its answer.", clock=clock),
            "done": t.gettext("Opened from here at %(clock)s.", clock=clock),
            "no-answer": t.gettext("Asked at %(clock)s, the door has not answered.", clock=clock),
        }
        return texts.get(asked.outcome, asked.outcome)

    def _asked_other(self, asked: Asked, clock: str) -> str:
        t, what = self._t, self._w.action(asked.action)
        if asked.outcome == "refused":
            why = self._w.refusal(asked.refusal)
            return t.gettext("%(what)s: refused, %(why)s (%(clock)s).", what=what, why=why, clock=clock)
        texts = {
            "requested": t.gettext("%(what)s: asked for at %(clock)s.", what=what, clock=clock),
            "sent": t.gettext("%(what)s: sent at %(clock)s, waiting for the answer.", what=what, clock=clock),
            "done": t.gettext("%(what)s: done at %(clock)s.", what=what, clock=clock),
            "no-answer": t.gettext("%(what)s: asked for at %(clock)s, no answer.", what=what, clock=clock),
        }
        return texts.get(asked.outcome, asked.outcome)

    def action(self, action: str) -> str:
        """What a command asks for."""
        return self._w.action(action)

    def panel(self, panel: Panel) -> str:
        """The state of an intrusion panel."""
        return self._w.panel(panel.state if panel.known else "unknown")

    def code(self, lacks: str) -> str:
        """Whether a booking's code is on its doors; ``lacks`` says why not, empty if it is."""
        t = self._t
        if not lacks:
            return t.gettext("code on the door")
        if why := self._w.withheld(lacks):
            return t.gettext("no code: %(why)s", why=why)
        reasons = {
            "no-code": t.gettext("not issued"),
            "not-sent": t.gettext("not sent"),
            "agent-never-seen": t.gettext("nothing was ever heard of the agent"),
            "agent-silent": t.gettext("agent silent"),
            "refused": t.gettext("the agent could not take it"),
            "not-confirmed": t.gettext("the agent has not answered"),
            "no-door": t.gettext("no door leads there"),
        }
        return t.gettext("code not yet on the door: %(why)s", why=reasons.get(lacks, lacks))

    def evidence(self, evidence: str) -> str:
        """``hall-radar moving`` as words; what is not known stays as it came."""
        t, (series, _, what) = self._t, evidence.partition(" ")
        words = {
            "motion": t.gettext("motion"),
            "quiet": t.gettext("no motion"),
            "moving": t.gettext("somebody moving"),
            "still": t.gettext("somebody still"),
            "moving-and-still": t.gettext("several people"),
            "nobody": t.gettext("nobody"),
            "sound": t.gettext("sounds like somebody"),
        }
        return f"{series} ({words[what]})" if what in words else evidence

    def skyline(self, sky: Skyline, now: int) -> str:
        """The evening in words: used spaces where their number changes, then bookings to come."""
        t, f = self._t, self._f
        used, coming, last = [], [], (-1, -1)
        for slot in sky.slots:
            figures = (slot.used, slot.coming)
            if figures == last:
                continue
            last = figures
            clock = f.clock(slot.start, sky.zone)
            if slot.start <= now:
                used.append(t.gettext("%(count)s at %(clock)s", count=slot.used, clock=clock))
            else:
                coming.append(t.gettext("%(count)s at %(clock)s", count=slot.coming, clock=clock))
        return " ".join(
            (
                t.gettext("Spaces used by half-hour: %(list)s.", list=", ".join(used)),
                t.gettext("Booked: %(title)s.", title=", ".join(coming)) if coming else "",
            )
        ).strip()
