"""What the page of agents says of each, and what to do, in a sentence."""

from .agents import AgentView
from .formats import Formats
from .i18n import Catalogue
from .words import STUCK


class AgentWords:
    def __init__(self, texts: Catalogue, formats: Formats) -> None:
        self._t = texts
        self._f = formats

    def state(self, state: str) -> str:
        t = self._t
        return {
            "never": t.gettext("Never seen"),
            "silent": t.gettext("Silent"),
            "watch": t.gettext("To watch"),
            "fine": t.gettext("Answers"),
        }.get(state, state)

    def clock(self, agent: AgentView) -> str:
        """Whether the clock is trusted, and by what."""
        t = self._t
        if agent.clock_trusted is None:
            return t.gettext("not known")
        if not agent.clock_trusted:
            return t.gettext("no: timed codes are refused")
        source = {
            "ntp": "NTP",
            "rtc": "RTC",
            "gateway": t.gettext("the gateway’s answer"),
            "simulated": t.gettext("simulated"),
        }.get(agent.clock, agent.clock)
        if agent.state == "silent":
            return t.gettext("trusted (%(source)s), at the last contact", source=source)
        return t.gettext("trusted (%(source)s)", source=source)

    def backlog(self, agent: AgentView) -> str:
        t = self._t
        if agent.backlog is None:
            return t.gettext("not known")
        if agent.state == "silent":
            return t.gettext("not known since the last contact")
        return t.ngettext("%(num)s waiting", "%(num)s waiting", agent.backlog)

    def codes(self, agent: AgentView) -> str:
        """Which codes its doors hold."""
        t = self._t
        if agent.revision is None:
            return t.gettext("none yet")
        values = {"revision": agent.revision}
        if agent.lacking:
            return t.ngettext(
                "revision %(revision)s, %(num)s on its way",
                "revision %(revision)s, %(num)s on their way",
                agent.lacking,
                **values,
            )
        if agent.state == "silent":
            return t.gettext("revision %(revision)s, at the last contact", **values)
        return t.gettext("revision %(revision)s, up to date", **values)

    def certificate(self, agent: AgentView, now: int) -> str:
        t = self._t
        if agent.certificate_until is None:
            return t.gettext("none")
        days = (agent.certificate_until - now) // 86_400_000
        if days < 0:
            return t.gettext("over since %(day)s", day=self._f.date(agent.certificate_until, agent.zone))
        return t.ngettext("%(num)s day", "%(num)s days", days)

    def timings(self, agent: AgentView) -> str:
        t = self._t
        return {
            "own": t.gettext("its own"),
            "sent": t.gettext("sent, not answered yet"),
            "applied": t.gettext("from here, applied"),
            "refused": t.gettext("refused"),
        }.get(agent.timings, agent.timings)

    def todo(self, name: str, agent: AgentView) -> str:
        """What to do about it, in a sentence."""
        t = self._t
        if name == "clock":
            return t.gettext(
                "Its clock is not trusted, so timed codes are refused: see that it reaches the network, then "
                "set its real-time clock; staff cards and the remote unlock still work."
            )
        if name == "storage":
            ill = "; ".join(info.detail or info.stream.value for info in agent.storage if info.health != "ok")
            return t.gettext(
                "Its disk makes trouble (%(detail)s): the doors work on, but records may get lost. Change "
                "the card or disk.",
                detail=ill,
            )
        return {
            "never": t.gettext(
                "It has not spoken yet: see that it has power and network, and that its keys of keys/agents "
                "are on it."
            ),
            "silent": t.gettext(
                "Its doors work alone with the codes that they hold. See that it has power and network; if "
                "the other agents of the building are silent too, it is the network."
            ),
            "shut-out": t.gettext(
                "It is shut out: broker and gateway refuse it. Let another one enrol under its name, or take "
                "it out of the configuration."
            ),
            "devices": t.gettext("A device of it is at fault: see below."),
            "certificate-over": t.gettext(
                "Its certificate is over: at its next connect the broker refuses it. Let it enrol again, "
                "with pleintemps-edge enrol --again and a token of agent enrol."
            ),
            "certificate": t.gettext(
                "Its certificate ends soon and was not renewed. Let it enrol again before, with "
                "pleintemps-edge enrol --again and a token of agent enrol, or the broker refuses it."
            ),
            "timings": t.gettext(
                "It refused the timings of its doors: correct them in the configuration of the gateway."
            ),
            "grants": t.gettext(
                "It could not apply its codes: look at its log, and bring it to the gateway’s version."
            ),
            "backlog": t.gettext(
                "Many records wait at it: they come by themselves. If there are ever more, look at the "
                "network."
            ),
        }.get(name, name)

    def fault(self, detail: str, health: str) -> str:
        """What to do about a device at fault."""
        t = self._t
        if detail.endswith(STUCK):
            return t.gettext(
                "The room is judged without it. See whether something warm or moving is before it (heater, "
                "sun, curtain, fan), whether it is covered or loose; then move it, or have it replaced. It "
                "counts again by itself once it changes."
            )
        if health == "silent":
            return t.gettext("It says nothing: see whether it has power and its cable is in place.")
        return t.gettext("It reports a fault: restart it, then have it replaced if it comes back.")
