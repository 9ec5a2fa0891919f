"""What pages say of people who log in."""

from typing import Final

from pleintemps_gateway.accounts.rules import CHOSEN_LENGTH

from .i18n import Catalogue

ROLES: Final = ("caretaker", "manager", "tester", "viewer")


class AccountWords:
    """Roles, faults and ways of log-in, in one language."""

    def __init__(self, texts: Catalogue) -> None:
        self._t = texts

    def role(self, role: str) -> str:
        t = self._t
        return {
            "caretaker": t.gettext("caretaker"),
            "manager": t.gettext("manager"),
            "tester": t.gettext("hardware tester"),
            "viewer": t.gettext("viewer"),
        }.get(role, role)

    def about(self, role: str) -> str:
        """What a role may do, in a sentence."""
        t = self._t
        return {
            "caretaker": t.gettext("takes alerts, opens doors, helps people, sees who opened what"),
            "manager": t.gettext("everything, also bookings, groups, accounts and set-up"),
            "tester": t.gettext("alerts, doors and sensors; no names of people and no codes"),
            "viewer": t.gettext("looks, and changes nothing"),
        }.get(role, "")

    def via(self, via: str | None) -> str:
        """How a session began."""
        t = self._t
        return {
            "password": t.gettext("by password"),
            "link": t.gettext("by a one-time link"),
            "oidc": t.gettext("by the account elsewhere"),
            "api": t.gettext("a program"),
        }.get(via or "", "")

    def fault(self, reason: str) -> str:
        """What was wrong, and the way out."""
        t = self._t
        sentences = {
            "name": t.gettext("Give a name of 1 to 80 characters."),
            "name-taken": t.gettext("There is an account of that name. Choose another name."),
            "role": t.gettext("Choose one of the roles."),
            "sites": t.gettext("Choose at least one site that you look after yourself."),
            "mail": t.gettext("This is no mail address. Leave it empty if there is none."),
            "last-manager": t.gettext(
                "Nobody could run the gateway any more. Make somebody else a manager first."
            ),
            "own": t.gettext("This is your own account: ask another manager."),
            "elsewhere": t.gettext("This account has no password here: it logs in elsewhere."),
            "link": t.gettext("This link is used or too old. Ask for a new one."),
            "short": t.ngettext(
                "Too short: a password has %(num)s character at least. Take three or four words that do not "
                "belong together.",
                "Too short: a password has %(num)s characters at least. Take three or four words that do not "
                "belong together.",
                CHOSEN_LENGTH,
            ),
            "long": t.gettext("Too long: a password has 200 characters at most."),
            "common": t.gettext("This password is among the first that are tried. Choose rarer words."),
            "like-name": t.gettext("This password is too near to the name. Choose other words."),
            "wrong": t.gettext("The present password is not this one."),
            "twice": t.gettext("The two passwords are not the same."),
        }
        return sentences.get(reason, reason)

    def elsewhere(self, fault: str, label: str) -> str:
        """Why a log-in at the provider ``label`` led to nothing; ``fault`` is ``oidc-`` and a reason."""
        t, values = self._t, {"label": label}
        return {
            "oidc-state": t.gettext("This log-in was not begun here, or too long ago. Begin anew."),
            "oidc-provider": t.gettext("%(label)s does not answer. Try again in a minute.", **values),
            "oidc-refused": t.gettext("%(label)s let nobody in.", **values),
            "oidc-token": t.gettext("What %(label)s says is not believed. Begin anew.", **values),
            "oidc-name": t.gettext("%(label)s gives no name that can be used here.", **values),
            "oidc-name-taken": t.gettext(
                "There is another account of your name here. A manager must take it out first."
            ),
            "oidc-role": t.gettext("Your account at %(label)s gives no role here. Ask a manager.", **values),
            "oidc-disabled": t.gettext("Your account is disabled here. Ask a manager."),
        }.get(fault, fault)
