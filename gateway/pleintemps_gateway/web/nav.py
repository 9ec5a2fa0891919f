"""The pages of a log-in in one table: the bar and the page "More" read it; a room adds one line a page.

Put in only a page that stands. ``tests/gateway/web/test_nav.py`` opens every one.
"""

from dataclasses import dataclass
from typing import Final, Literal

Place = Literal["tab", "wide", "more"]
"""Where a page stands besides on "More": always in the bar, in the bar of a wide screen, nowhere else."""


def _(message: str) -> str:
    """Marks a text for its catalogue; the template asks for it in the reader's language."""
    return message


@dataclass(frozen=True, slots=True)
class Entry:
    """``tab`` is the name that a page gives itself; ``about`` says in one line what it is for.

    ``sign`` is a symbol of ``_signs.html``. Empty ``roles`` mean everybody who is logged in.
    """

    tab: str
    address: str
    sign: str
    label: str
    about: str
    place: Place = "more"
    roles: frozenset[str] = frozenset()

    def shown_to(self, role: str) -> bool:
        return not self.roles or role in self.roles


PAGES: Final[tuple[Entry, ...]] = (
    Entry(
        "tonight",
        "/",
        "moon",
        _("Tonight"),
        _("What needs somebody now, every space, what comes next"),
        "tab",
    ),
    Entry("alerts", "/alerts", "bell", _("Alerts"), _("Open, taken and over; why each was raised"), "tab"),
    Entry("spaces", "/spaces", "grid", _("Spaces"), _("Every space: now, and on one axis of time"), "tab"),
    Entry(
        "help",
        "/help",
        "phone",
        _("Phone help"),
        _("Somebody stands outside: find the booking, open"),
        "tab",
        frozenset({"caretaker", "manager"}),
    ),
    Entry(
        "doors", "/doors", "lock", _("Doors"), _("Every door: state, mode, codes; lockdown of a site"), "wide"
    ),
    Entry("matrix", "/matrix", "grid", _("Matrix"), _("Booked, really used, free, hour by hour"), "wide"),
    Entry("map", "/map", "pin", _("Map"), _("Sites and floors with their spaces, live"), "wide"),
    Entry(
        "report",
        "/reports",
        "print",
        _("Morning report"),
        _("The night in one page: what happened, what is to be done"),
        "wide",
    ),
    Entry(
        "agents",
        "/agents",
        "dial",
        _("Agents"),
        _("Versions, clocks, journals, certificates, devices, and what to do"),
        "wide",
    ),
    Entry(
        "released",
        "/released",
        "back",
        _("Given back"),
        _("Bookings that nobody came to, to keep or take back"),
    ),
    Entry("free", "/free", "cal", _("Free spaces"), _("What can still be booked; this page is public")),
    Entry(
        "notifications",
        "/notifications",
        "bell",
        _("Who is told"),
        _("Who is on duty, how each is reached, what was sent"),
    ),
    Entry("usage", "/usage", "persons", _("Use of the rooms"), _("Booked beside what was measured")),
    Entry(
        "learnt",
        "/learnt",
        "sound",
        _("What rooms have learnt"),
        _("Taught from experience: detectors and delays"),
    ),
    Entry(
        "audit",
        "/audit",
        "key",
        _("Audit log"),
        _("Who did what, and who looked; whether the log is whole"),
        roles=frozenset({"manager"}),
    ),
    Entry(
        "person",
        "/person",
        "persons",
        _("Data of a person"),
        _("What is held about somebody: hand it out, erase it"),
        roles=frozenset({"manager"}),
    ),
    Entry(
        "feeds", "/feeds", "cal", _("Calendars and messages"), _("Where bookings come from, what was sent")
    ),
    Entry(
        "refused",
        "/refused",
        "off",
        _("What was refused"),
        _("Messages and events, counted, with the reason"),
    ),
    Entry(
        "accounts",
        "/accounts",
        "persons",
        _("Accounts"),
        _("Who may log in, with which role, on which sites"),
        roles=frozenset({"manager"}),
    ),
    Entry(
        "setup",
        "/setup",
        "check",
        _("Set-up"),
        _("From an empty installation to the first evening"),
        roles=frozenset({"manager"}),
    ),
    Entry(
        "backups",
        "/backups",
        "back",
        _("Back-ups"),
        _("When the last one was made, and how to put one back"),
        roles=frozenset({"manager"}),
    ),
    Entry("account", "/account", "key", _("Your account"), _("Password, log-ins, language, look")),
    Entry(
        "connections",
        "/connections",
        "next",
        _("Connections"),
        _("Calendars, webhooks and other programs that read here"),
    ),
    Entry(
        "api",
        "/api/docs",
        "more",
        _("Programming interface"),
        _("For other programs: addresses, fields, answers"),
    ),
)
MORE: Final = Entry("more", "/more", "more", _("More"), "", "tab")


def bar(role: str) -> list[Entry]:
    """The bar of ``role``: four or five signs on a phone, "More" last."""
    return [entry for entry in PAGES if entry.place != "more" and entry.shown_to(role)] + [MORE]


def pages(role: str) -> list[Entry]:
    """Every page that ``role`` may see, in the order of the table."""
    return [entry for entry in PAGES if entry.shown_to(role)]
