"""Single words and reasons that several sentences share."""

from typing import Final

from pleintemps_contract.onvif import DoorAction

from .i18n import Catalogue

PANEL_ACTIONS: Final = frozenset({DoorAction.SET_PANEL.value, DoorAction.UNSET_PANEL.value})
STUCK: Final = " is stuck"
"""How the detail of a sensor ends that the others of its room have found out."""
SIGNAL_ACTIONS: Final = frozenset({DoorAction.SIGNAL_ON.value, DoorAction.SIGNAL_OFF.value})


class Words:
    """Bound to one language."""

    def __init__(self, texts: Catalogue) -> None:
        self._t = texts

    def action(self, action: str) -> str:
        """What a command asks for."""
        t = self._t
        actions = {
            DoorAction.ACCESS.value: t.gettext("Opening"),
            DoorAction.UNLOCK.value: t.gettext("Unlocking"),
            DoorAction.LOCK.value: t.gettext("Locking"),
            DoorAction.BLOCK.value: t.gettext("Blocking"),
            DoorAction.LOCK_DOWN.value: t.gettext("Lockdown"),
            DoorAction.LOCK_DOWN_RELEASE.value: t.gettext("End of the lockdown"),
            DoorAction.LOCK_OPEN.value: t.gettext("Holding open"),
            DoorAction.LOCK_OPEN_RELEASE.value: t.gettext("End of holding open"),
            DoorAction.CONFIRM_FIRE_RESET.value: t.gettext("End of the fire alarm"),
            DoorAction.SET_PANEL.value: t.gettext("Setting the alarm"),
            DoorAction.UNSET_PANEL.value: t.gettext("Unsetting the alarm"),
            DoorAction.SIGNAL_ON.value: t.gettext("Warning light on"),
            DoorAction.SIGNAL_OFF.value: t.gettext("Warning light off"),
        }
        return actions.get(action, action)

    def panel(self, state: str) -> str:
        """The state of an intrusion panel."""
        t = self._t
        states = {
            "set": t.gettext("set"),
            "unset": t.gettext("not set"),
            "alarm": t.gettext("in alarm"),
            "unknown": t.gettext("unknown"),
        }
        return states.get(state, state)

    def refusal(self, reason: str) -> str:
        """Why a command was refused; what is no known word is told as it came."""
        t = self._t
        reasons = {
            "expired": t.gettext("the command came too late"),
            "foreign-boot": t.gettext("the agent had just restarted, try again"),
            "door-mode": t.gettext("the door is blocked or in an emergency mode"),
            "unknown-door": t.gettext("the agent does not know this door"),
            "repeated": t.gettext("the door had this command already"),
            "retained": t.gettext("the broker had kept the command"),
            "interlock": t.gettext("the other door of the pair is open"),
            "fire": t.gettext("a fire alarm is on, or its panel is not reset"),
            "doors-open": t.gettext("a door is open"),
            "not-ready": t.gettext("the panel is not ready"),
            "agent-never-seen": t.gettext("nothing was ever heard of the agent"),
            "no-answer": t.gettext("the agent has not answered"),
            "old-epoch": t.gettext("the door follows another gateway"),
        }
        return reasons.get(reason, reason or t.gettext("no reason given"))

    def withheld(self, reason: str) -> str:
        """Why a booking has no code, in two or three words; empty for what is no such reason."""
        t = self._t
        reasons = {
            "unknown-group": t.gettext("group not known"),
            "no-convention": t.gettext("no convention"),
            "no-insurance": t.gettext("no insurance"),
            "no-briefing": t.gettext("no safety briefing"),
            "over-capacity": t.gettext("too many people"),
            "school-hours": t.gettext("in school hours"),
            "closed": t.gettext("closed that day"),
            "erased": t.gettext("its people were erased"),
        }
        return reasons.get(reason, "")

    def fault(self, detail: str) -> str:
        """What is wrong with a device: its own words, unless the room's other sensors have found it out."""
        if not detail.endswith(STUCK):
            return detail
        sensor = detail.removesuffix(STUCK)
        return self._t.gettext("%(sensor)s is stuck: the room's other sensors say otherwise", sensor=sensor)
