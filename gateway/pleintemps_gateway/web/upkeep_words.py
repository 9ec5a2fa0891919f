"""What alerts of upkeep say: files, keys, certificates, back-ups and releases of agents."""

from collections.abc import Callable
from typing import Any, Final

from markupsafe import Markup

from .board import Alert
from .formats import Formats
from .i18n import Catalogue

Facts = dict[str, Any]


class UpkeepWords:
    """Bound to one language; ``facts`` are the sentences by kind of alert."""

    def __init__(self, texts: Catalogue, formats: Formats) -> None:
        self._t = texts
        self._f = formats
        self.facts: Final[dict[str, Callable[[Alert, Facts, int], Markup]]] = {
            "storage-fault": self._storage,
            "journal-replaced": self._journal,
            "key-not-held": self._key,
            "certificate-ends": self._certificate,
            "store-restored": self._restored,
            "backup-old": self._backup,
            "agent-stolen": self._stolen,
            "update-halted": self._halted,
        }

    def _storage(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self._t.hgettext(
            "<b>%(streams)s</b>: %(detail)s. The doors go on working.",
            streams=facts["streams"],
            detail=str(facts["detail"]).rstrip("."),
        )

    def _journal(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self._t.hgettext(
            "<b>%(stream)s</b>: %(reason)s. What was not received before may be lost.",
            stream=facts["stream"],
            reason=str(facts["reason"]).rstrip("."),
        )

    def _key(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self._t.hgettext("This agent would not believe the gateway after its change of key.")

    def _restored(self, alert: Alert, facts: Facts, now: int) -> Markup:
        t, clock = self._t, self._f.moment(facts["made"], alert.zone, now)
        text = t.hgettext("The store is that of <b>%(clock)s</b>: later codes open nothing.", clock=clock)
        if facts.get("codes") is None:
            return text
        gone = {"codes": t.number(facts["codes"]), "bookings": t.number(facts["bookings"])}
        counts = t.hgettext("Codes that are gone: %(codes)s; bookings: %(bookings)s.", **gone)
        return text + Markup(" ") + counts

    def _certificate(self, alert: Alert, facts: Facts, now: int) -> Markup:
        end = self._f.moment(facts["until"], alert.zone, now)
        return self._t.hgettext(
            "It ends <b>%(clock)s</b>; then the agent cannot connect any more.", clock=end
        )

    def _stolen(self, alert: Alert, facts: Facts, now: int) -> Markup:
        return self._t.hgettext(
            "It is shut out since <b>%(clock)s</b>, and codes were made anew. Its doors want another agent.",
            clock=self._f.moment(facts["at"], alert.zone, now),
        )

    def _backup(self, alert: Alert, facts: Facts, now: int) -> Markup:
        if facts["last"] is None:
            return self._t.hgettext("No back-up was ever made: make one now.")
        last = self._f.moment(facts["last"], alert.zone, now)
        return self._t.hgettext("The last one is of <b>%(clock)s</b>: make another one.", clock=last)

    def _halted(self, alert: Alert, facts: Facts, now: int) -> Markup:
        t, told = self._t, {"agent": facts["agent"], "version": facts["version"]}
        then = t.hgettext("Nobody is offered it any more, and who has it goes back.")
        match facts["why"]:
            case "faults":
                what = ", ".join(self._fault(word) for word in facts["detail"].split(", "))
                said = t.hgettext(
                    "<b>%(agent)s</b> has new faults with version %(version)s: %(what)s.", **told, what=what
                )
            case "left":
                said = t.hgettext(
                    "<b>%(agent)s</b> has left version %(version)s for %(other)s.",
                    **told,
                    other=facts["detail"],
                )
            case "not-taken":
                said = t.hgettext("<b>%(agent)s</b> has not taken version %(version)s.", **told)
            case _:
                said = t.hgettext("<b>%(agent)s</b> is silent since it had version %(version)s.", **told)
        return said + Markup(" ") + then

    def _fault(self, word: str) -> str:
        """A fault as :func:`pleintemps_gateway.updates.desk.facts_of` names it."""
        t, (kind, _, name) = self._t, word.partition(" ")
        known = {
            "device": t.gettext("device %(name)s", name=name),
            "door": t.gettext("door %(name)s", name=name),
            "storage": t.gettext("its storage"),
            "clock": t.gettext("its clock"),
        }
        return known.get(kind, word)
