"""The alerts that are not resolved, one per subject."""

from collections.abc import Callable, Collection, Iterable, Iterator

from msgspec.structs import replace

from .records import (
    RANKS,
    Alert,
    AlertKind,
    AlertOpened,
    AlertOutput,
    AlertResolved,
    AlertState,
    AlertUpdated,
    Fact,
)

MAX_SUBJECT = 120


def subject_of(kind: AlertKind, about: str) -> str:
    """Kind and what it is about, at most 120 characters."""
    return f"{kind.value}:{about}"[:MAX_SUBJECT]


class AlertBook:
    """Opens once per subject, resolves once; what changed is collected until :meth:`take`."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._by_subject: dict[str, Alert] = {}
        self._subjects: dict[str, str] = {}
        self._outputs: list[AlertOutput] = []

    def restore(self, alerts: Iterable[Alert]) -> None:
        """Take over alerts that a predecessor left unresolved."""
        for alert in alerts:
            if alert.state is not AlertState.RESOLVED:
                self._by_subject[alert.subject] = alert
                self._subjects[alert.alert] = alert.subject

    def live(self, kind: AlertKind) -> Iterator[Alert]:
        """Alerts of one kind that are not resolved, in the order of their opening here."""
        return iter([alert for alert in self._by_subject.values() if alert.kind is kind])

    def get(self, kind: AlertKind, about: str) -> Alert | None:
        return self._by_subject.get(subject_of(kind, about))

    def by_id(self, alert: str) -> Alert | None:
        subject = self._subjects.get(alert)
        return None if subject is None else self._by_subject[subject]

    def open(
        self,
        kind: AlertKind,
        about: str,
        at: int,
        facts: dict[str, Fact],
        *,
        space: str | None = None,
        door: str | None = None,
        agent: str | None = None,
        booking: str | None = None,
    ) -> Alert:
        """The alert about ``about``: the one that stands, or a new one."""
        subject = subject_of(kind, about)
        standing = self._by_subject.get(subject)
        if standing is not None:
            return standing
        alert = Alert(
            alert=self._new_id(),
            kind=kind,
            rank=RANKS[kind],
            subject=subject,
            state=AlertState.OPEN,
            opened=at,
            facts=facts,
            space=space,
            door=door,
            agent=agent,
            booking=booking,
        )
        self._by_subject[subject] = alert
        self._subjects[alert.alert] = subject
        self._outputs.append(AlertOpened(alert=alert))
        return alert

    def update(self, kind: AlertKind, about: str, facts: dict[str, Fact]) -> None:
        """New figures for a standing alert; equal figures are no change."""
        subject = subject_of(kind, about)
        alert = self._by_subject.get(subject)
        if alert is not None and alert.facts != facts:
            alert = replace(alert, facts=facts)
            self._by_subject[subject] = alert
            self._outputs.append(AlertUpdated(alert=alert))

    def acknowledge(self, alert_id: str, at: int, by: str, comment: str | None) -> None:
        """Note what the web tier has already stored; an unknown or resolved alert is no error."""
        alert = self.by_id(alert_id)
        if alert is not None:
            self._by_subject[alert.subject] = replace(
                alert, state=AlertState.ACKNOWLEDGED, acknowledged=at, acknowledged_by=by, comment=comment
            )

    def opened_again(self, alert_id: str, state: AlertState) -> None:
        """Note that the store has it in ``state``: nobody has taken it."""
        alert = self.by_id(alert_id)
        if alert is not None and alert.state is not state:
            self._by_subject[alert.subject] = replace(
                alert, state=state, acknowledged=None, acknowledged_by=None
            )

    def blank(self, alert_id: str, names: Collection[str]) -> None:
        """Forget the facts ``names``, which the store has forgotten; an unknown alert is no error."""
        alert = self.by_id(alert_id)
        if alert is not None:
            facts = {name: "" if name in names else value for name, value in alert.facts.items()}
            self._by_subject[alert.subject] = replace(alert, facts=facts, comment=None)

    def resolve(self, kind: AlertKind, about: str, at: int) -> None:
        """Close the alert about ``about`` if one stands."""
        if not self._by_subject:
            return
        alert = self._by_subject.pop(subject_of(kind, about), None)
        if alert is not None:
            del self._subjects[alert.alert]
            done = replace(alert, state=AlertState.RESOLVED, resolved=max(at, alert.opened))
            self._outputs.append(AlertResolved(alert=done))

    def take(self) -> list[AlertOutput]:
        """What changed since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs
