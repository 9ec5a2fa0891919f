"""Rows of the table ``alerts`` and the table of kinds."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

Fact = str | int | float | bool | None


class AlertKind(StrEnum):
    NOISE = "noise"
    AMPLIFIED_HABIT = "amplified-habit"
    UNEXPECTED_PRESENCE = "unexpected-presence"
    NO_SHOW = "no-show"
    OVERSTAY = "overstay"
    ROOM_LEFT_OPEN = "room-left-open"
    DOOR_FORCED_OPEN = "door-forced-open"
    DOOR_OPEN_TOO_LONG = "door-open-too-long"
    AGENT_SILENT = "agent-silent"
    DEVICE_FAULT = "device-fault"
    CODE_ATTEMPTS = "code-attempts"
    BAD_MESSAGES = "bad-messages"
    FEED_FAULT = "feed-fault"
    DURESS = "duress"
    FIRE = "fire"
    FIRE_INPUT = "fire-input"
    TAMPER = "tamper"
    LOCK_FAULT = "lock-fault"
    PANEL_ALARM = "panel-alarm"
    PANEL_REFUSED = "panel-refused"
    STORAGE_FAULT = "storage-fault"
    JOURNAL_REPLACED = "journal-replaced"
    KEY_NOT_HELD = "key-not-held"
    CERTIFICATE_ENDS = "certificate-ends"
    STORE_RESTORED = "store-restored"
    HELP = "help"
    DELIVERY_FAILED = "delivery-failed"
    BACKUP_OLD = "backup-old"
    AGENT_STOLEN = "agent-stolen"
    UPDATE_HALTED = "update-halted"


class Rank(StrEnum):
    """``alert`` wants somebody soon, ``watch`` can wait for the next look."""

    ALERT = "alert"
    WATCH = "watch"


RANKS: Final[Mapping[AlertKind, Rank]] = {
    AlertKind.NOISE: Rank.ALERT,
    AlertKind.AMPLIFIED_HABIT: Rank.WATCH,
    AlertKind.UNEXPECTED_PRESENCE: Rank.ALERT,
    AlertKind.NO_SHOW: Rank.WATCH,
    AlertKind.OVERSTAY: Rank.WATCH,
    AlertKind.ROOM_LEFT_OPEN: Rank.WATCH,
    AlertKind.DOOR_FORCED_OPEN: Rank.ALERT,
    AlertKind.DOOR_OPEN_TOO_LONG: Rank.WATCH,
    AlertKind.AGENT_SILENT: Rank.WATCH,
    AlertKind.DEVICE_FAULT: Rank.WATCH,
    AlertKind.CODE_ATTEMPTS: Rank.WATCH,
    AlertKind.BAD_MESSAGES: Rank.WATCH,
    AlertKind.FEED_FAULT: Rank.WATCH,
    AlertKind.DURESS: Rank.ALERT,
    AlertKind.FIRE: Rank.ALERT,
    AlertKind.FIRE_INPUT: Rank.ALERT,
    AlertKind.TAMPER: Rank.ALERT,
    AlertKind.LOCK_FAULT: Rank.ALERT,
    AlertKind.PANEL_ALARM: Rank.ALERT,
    AlertKind.PANEL_REFUSED: Rank.WATCH,
    AlertKind.STORAGE_FAULT: Rank.WATCH,
    AlertKind.JOURNAL_REPLACED: Rank.WATCH,
    AlertKind.KEY_NOT_HELD: Rank.WATCH,
    AlertKind.CERTIFICATE_ENDS: Rank.WATCH,
    AlertKind.STORE_RESTORED: Rank.ALERT,
    AlertKind.HELP: Rank.ALERT,
    AlertKind.DELIVERY_FAILED: Rank.WATCH,
    AlertKind.BACKUP_OLD: Rank.WATCH,
    AlertKind.AGENT_STOLEN: Rank.ALERT,
    AlertKind.UPDATE_HALTED: Rank.WATCH,
}


class AlertState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    PAUSED = "paused"
    RESOLVED = "resolved"


class Alert(Struct, frozen=True, kw_only=True):
    """One alert; ``subject`` (kind and what it is about) is unique while it is not resolved.

    ``facts`` are the figures of the sentence that each language makes of it.
    """

    alert: str
    kind: AlertKind
    rank: Rank
    subject: str
    state: AlertState
    opened: int
    facts: dict[str, Fact]
    space: str | None = None
    door: str | None = None
    agent: str | None = None
    booking: str | None = None
    acknowledged: int | None = None
    acknowledged_by: str | None = None
    comment: str | None = None
    resolved: int | None = None


class AlertOpened(Struct, frozen=True, kw_only=True):
    alert: Alert


class AlertUpdated(Struct, frozen=True, kw_only=True):
    """``facts`` changed; the acknowledgement belongs to who wrote it, so store ``facts`` only."""

    alert: Alert


class AlertResolved(Struct, frozen=True, kw_only=True):
    """``state`` and ``resolved`` changed (and ``facts`` may have); store these only."""

    alert: Alert


AlertOutput = AlertOpened | AlertUpdated | AlertResolved
