"""What each kind of alert is called, in two to four words."""

from .i18n import Catalogue


def titles(t: Catalogue) -> dict[str, str]:
    """By the kinds of :class:`pleintemps_gateway.alerts.records.AlertKind`."""
    return {
        "noise": t.gettext("Too loud"),
        "amplified-habit": t.gettext("Amplified sound often"),
        "unexpected-presence": t.gettext("Presence without a booking"),
        "no-show": t.gettext("Nobody came"),
        "overstay": t.gettext("Still there after the end"),
        "room-left-open": t.gettext("Room left open"),
        "door-forced-open": t.gettext("Door forced open"),
        "door-open-too-long": t.gettext("Door left open"),
        "agent-silent": t.gettext("Agent silent"),
        "device-fault": t.gettext("Device at fault"),
        "code-attempts": t.gettext("Wrong codes at the door"),
        "bad-messages": t.gettext("Messages refused"),
        "feed-fault": t.gettext("Calendar not read"),
        "duress": t.gettext("Code used under threat"),
        "fire": t.gettext("Door released by fire"),
        "fire-input": t.gettext("Fire alarm"),
        "tamper": t.gettext("Device tampered with"),
        "lock-fault": t.gettext("Lock at fault"),
        "panel-alarm": t.gettext("Intrusion alarm"),
        "panel-refused": t.gettext("Intrusion alarm not set"),
        "storage-fault": t.gettext("Agent's storage at fault"),
        "journal-replaced": t.gettext("Journal begun anew"),
        "key-not-held": t.gettext("Gateway's key not held"),
        "certificate-ends": t.gettext("Certificate near its end"),
        "store-restored": t.gettext("Back-up restored"),
        "backup-old": t.gettext("Back-up too old"),
        "agent-stolen": t.gettext("Stolen agent shut out"),
        "update-halted": t.gettext("Update of the agents halted"),
        "help": t.gettext("It does not open"),
        "delivery-failed": t.gettext("A message did not arrive"),
    }
