"""The words of each message: a subject, sentences, facts, one short text for a telephone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pleintemps_gateway.config import GatewayConfig, SiteConfig, SpaceConfig
from pleintemps_gateway.web.formats import Formats
from pleintemps_gateway.web.i18n import LANGUAGES, Catalogue, catalogue

from .messages import Message
from .reference import reference_of, spaced

LOCALES: Final = Path(__file__).parent / "locales"


@dataclass(frozen=True, slots=True)
class Letter:
    """One message in one language. ``sms`` says the same in one or two text messages."""

    language: str
    subject: str
    lines: list[str]
    code: str
    code_label: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    link: str = ""
    link_label: str = ""
    foot: list[str] = field(default_factory=list)
    sms: str = ""


class Writer:
    """Writes letters for the sites of one gateway."""

    def __init__(self, config: GatewayConfig) -> None:
        self._sites = {site.site: site for site in config.sites}
        self._public_url = config.web.public_url

    def write(self, template: str, message: Message) -> Letter:
        """``message`` in the language of its contact, else of its site; LookupError for an unknown site."""
        site = self._sites[message.site]
        wanted = message.contact.language if message.contact else ""
        language = wanted if wanted in LANGUAGES else site.about.language
        texts = catalogue(language, LOCALES)
        return _Draft(texts, site, message, self._public_url).letter(template)


class _Draft:
    def __init__(self, texts: Catalogue, site: SiteConfig, message: Message, public_url: str) -> None:
        self._t = texts
        self._f = Formats(catalogue(texts.language))
        self._site = site
        self._m = message
        self._space = next((space for space in site.spaces if space.space == message.space), None)
        below = message.link if self._of_account else f"b/{message.link}"
        self._link = f"{public_url}/{below}" if public_url and message.link else ""
        self._writers: Final[dict[str, Callable[[dict[str, Any]], tuple[str, list[str], str]]]] = {
            "code": self._code,
            "moved": self._moved,
            "cancelled": self._cancelled,
            "reissued": self._reissued,
            "offline-code": self._offline_code,
            "reminder": self._reminder,
            "withheld": self._withheld,
            "expiring": self._expiring,
            "release-warning": self._release_warning,
            "released": self._released,
            "one-time": self._one_time,
            "right": self._right,
            "noise": self._noise,
            "account-invite": self._invited,
            "account-reset": self._reset,
        }

    def letter(self, template: str) -> Letter:
        t, m, values = self._t, self._m, self._values()
        subject, lines, short = self._writers[template](values)
        if m.title:
            about = t.gettext("Booking: %(title)s.", title=m.title)
            lines = [about, *lines]
        sms = " ".join(part for part in (short, self._link) if part)
        label = t.gettext("Second code, for a door without network") if m.offline else t.gettext("Your code")
        return Letter(
            language=t.language,
            subject=subject,
            lines=lines,
            code=spaced(m.code),
            code_label=f"{label} ({m.label})" if m.label else label,
            facts=self._facts(),
            link=self._link,
            link_label=self._link_label(),
            foot=self._foot(),
            sms=sms,
        )

    def _values(self) -> dict[str, Any]:
        f, m, zone = self._f, self._m, self._site.zone
        until = m.until or m.closes or m.end
        return {
            "place": self._place(),
            "day": f.day(m.start, zone).lower(),
            "span": f.span(m.start, m.end, zone),
            "code": spaced(m.code),
            "opens": f.clock(m.opens, zone),
            "closes": f.clock(m.closes, zone),
            "until": f.clock(until, zone),
            "until_day": f.day(until, zone).lower(),
            "level": m.level_db,
            "limit": m.limit_db,
        }

    def _place(self) -> str:
        return self._space.name if self._space else self._site.name

    def _facts(self) -> list[tuple[str, str]]:
        t, f, m, zone = self._t, self._f, self._m, self._site.zone
        if not m.end:
            return []
        names = {door.door: door.name for door in self._site.doors}
        doors = ", ".join(names.get(door, door) for door in m.doors)
        place = f"{self._place()}, {self._site.name}" if self._space else self._site.name
        opening = f.span(m.opens, m.closes, zone)
        when = t.gettext("Next time") if m.right else t.gettext("When")
        found = [
            (t.gettext("Place"), place),
            (t.gettext("Address"), self._site.about.address),
            (when, f"{f.day(m.start, zone)}, {f.span(m.start, m.end, zone)}"),
            (t.gettext("Doors, in order"), doors),
            (t.gettext("The doors open for you"), "" if m.right or not m.closes else opening),
            (t.gettext("Booking number"), reference_of(m.booking)),
        ]
        return [(name, value) for name, value in found if value]

    @property
    def _keeps(self) -> bool:
        """Whether the link keeps a booking and opens no door."""
        return self._m.link.startswith("keep/")

    @property
    def _of_account(self) -> bool:
        """Whether it is about somebody's account and no booking."""
        return self._m.link.startswith("welcome/")

    def _link_label(self) -> str:
        if self._of_account:
            return self._t.gettext("Choose a password; this link is good once")
        if self._keeps:
            return self._t.gettext("Say that you want the room")
        if self._m.right:
            return self._t.gettext("Your page: QR code or code, doors, help if a door does not open")
        return self._t.gettext("Your page: code, doors, help if a door does not open")

    def _foot(self) -> list[str]:
        t, duty = self._t, self._site.about.duty
        if self._of_account:
            return [t.gettext("If you did not expect this, do nothing: the link ends by itself.")]
        lines = [t.gettext("The page of your first message shows it too.")] if self._m.paged else []
        lines.append(t.gettext("You can always leave without a code."))
        if duty:
            lines.append(t.gettext("If a door does not open, call %(duty)s.", duty=duty))
        if self._link and not self._keeps:
            lines.append(t.gettext("Whoever has this link can open the doors: pass it to nobody else."))
        return lines

    # --- one method a template: subject, sentences, short text ----------------------------------------

    def _code(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        return (
            t.gettext("Your code for %(place)s, %(day)s", **v),
            [t.gettext("Your code is below. It opens the doors from %(opens)s to %(closes)s.", **v)],
            t.gettext("%(place)s, %(day)s %(span)s: code %(code)s, from %(opens)s.", **v),
        )

    def _reissued(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        return (
            t.gettext("Your new code for %(place)s, %(day)s", **v),
            [t.gettext("Here is a new code. The one before opens nothing any more.")],
            t.gettext("%(place)s, %(day)s: NEW code %(code)s, from %(opens)s.", **v),
        )

    def _moved(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        return (
            t.gettext("New times: %(place)s, %(day)s", **v),
            [t.gettext("Your booking has new times or another place. Your code stays the same.")],
            t.gettext("%(place)s: now %(day)s %(span)s. Same code.", **v),
        )

    def _cancelled(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        return (
            t.gettext("Cancelled: %(place)s, %(day)s", **v),
            [t.gettext("Your booking is cancelled. Its code opens nothing any more.")],
            t.gettext("Cancelled: %(place)s, %(day)s %(span)s.", **v),
        )

    def _offline_code(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        return (
            t.gettext("A second code for %(place)s, in case", **v),
            [
                t.gettext("A door on your way has not confirmed your code yet: it may be without network."),
                t.gettext("If it refuses your code, type this one, from %(opens)s to %(closes)s.", **v),
            ],
            t.gettext("%(place)s: if your code is refused, type %(code)s (from %(opens)s).", **v),
        )

    def _reminder(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        return (
            t.gettext("Reminder: %(place)s, %(day)s at %(span)s", **v),
            [t.gettext("Your booking begins soon. Your code is the one that you were sent.")],
            t.gettext("Reminder: %(place)s, %(day)s %(span)s.", **v),
        )

    def _withheld(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        return (
            t.gettext("No code yet for %(place)s, %(day)s", **v),
            [self._why(), t.gettext("Your code comes by itself as soon as this is settled.")],
            t.gettext("%(place)s, %(day)s: no code yet.", **v) + " " + self._why(),
        )

    def _expiring(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        papers = {
            "convention": t.gettext("Your convention ends on %(until_day)s.", **v),
            "insurance": t.gettext("Your insurance certificate ends on %(until_day)s.", **v),
            "briefing": t.gettext("Your safety briefing counts until %(until_day)s.", **v),
        }
        other = t.gettext("One of your papers ends on %(until_day)s.", **v)
        what = papers.get(self._m.reason, other)
        return (
            t.gettext("A paper to renew for %(site)s", site=self._site.name),
            [what, t.gettext("Bookings after that day get no code until it is renewed.")],
            what,
        )

    def _release_warning(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        return (
            t.gettext("Are you coming? %(place)s is given to others at %(until)s", **v),
            [
                t.gettext("Nobody has been noticed there. At %(until)s the room is given to others.", **v),
                t.gettext("If you are coming, go in with your code before, or call."),
            ],
            t.gettext("Are you coming? %(place)s is given to others at %(until)s.", **v),
        )

    def _released(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        return (
            t.gettext("Given to others: %(place)s, %(day)s", **v),
            [
                t.gettext("You said that you have left: the room is free for others now.")
                if self._m.reason == "left"
                else t.gettext("Nobody came, so the room is free for others now."),
                t.gettext("If this is a mistake, call at once: it can be undone."),
            ],
            t.gettext("%(place)s, %(day)s: the rest of your time was given to others.", **v),
        )

    def _one_time(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        return (
            t.gettext("A code that opens once: %(place)s", **v),
            [t.gettext("This code opens each door once, until %(until)s.", **v)],
            t.gettext("%(place)s: code %(code)s, once, until %(until)s.", **v),
        )

    def _right(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        last = t.gettext("It counts at your times, until %(until_day)s.", **v)
        if self._m.token:
            return (
                t.gettext("Your QR code for %(place)s", **v),
                [t.gettext("Your QR code is on your page: hold it before the reader of the door."), last],
                t.gettext("%(place)s: your QR code is on your page.", **v),
            )
        return (
            t.gettext("Your code for %(place)s", **v),
            [t.gettext("Your code is below. It is for you alone."), last],
            t.gettext("%(place)s: code %(code)s, at your times until %(until_day)s.", **v),
        )

    def _noise(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t = self._t
        return (
            t.gettext("Too loud: %(place)s", **v),
            [
                t.gettext("It is too loud in your room: %(level)d dB at the sensor, %(limit)d allowed.", **v),
                t.gettext("Please turn the sound down and shut windows and doors."),
                t.gettext("If it stays so loud, the caretaker is called. The figures are an indication."),
            ],
            t.gettext("%(place)s: too loud (%(level)d dB, %(limit)d allowed). Please turn it down.", **v),
        )

    def _invited(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t, name = self._t, self._m.label
        return (
            t.gettext("Your account at %(place)s", **v),
            [
                t.gettext("An account was made for you, with the name %(name)s.", name=name),
                t.gettext("The link is good once, until %(until_day)s at %(until)s.", **v),
            ],
            t.gettext("An account was made for you, with the name %(name)s.", name=name),
        )

    def _reset(self, v: dict[str, Any]) -> tuple[str, list[str], str]:
        t, name = self._t, self._m.label
        return (
            t.gettext("Another password for %(place)s", **v),
            [
                t.gettext("With this link you choose another password for the account %(name)s.", name=name),
                t.gettext("The link is good once, until %(until_day)s at %(until)s.", **v),
            ],
            t.gettext("With this link you choose another password for the account %(name)s.", name=name),
        )

    def _why(self) -> str:
        t = self._t
        reasons = {
            "unknown-group": t.gettext("Your group is not known here: ask for a convention."),
            "no-convention": t.gettext(
                "The convention of your group has ended or is missing: please renew it."
            ),
            "no-insurance": t.gettext("Your group's insurance certificate is missing: please send it."),
            "no-briefing": t.gettext("A safety briefing is needed before: please make an appointment."),
            "over-capacity": t.gettext(
                "More people are announced than may come: please change their number."
            ),
            "school-hours": t.gettext("The school uses the place at that time: please choose another."),
            "closed": t.gettext("The place is closed on that day: please choose another."),
            "erased": t.gettext("What was held about you was erased, so there is no code: please call."),
        }
        return reasons.get(self._m.reason) or t.gettext("Something is missing: please call.")


def rules_of(site: SiteConfig, space: SpaceConfig | None, language: str) -> list[str]:
    """The rules of the place, a line each: of the space, then of the site."""
    texts = [space.rules if space else site.about.rules, site.about.rules]
    chosen = [(text.en if language == "en" else "") or text.fr or text.en for text in texts]
    lines = [line.strip() for text in chosen for line in text.splitlines() if line.strip()]
    return list(dict.fromkeys(lines))
