"""The messages with codes that the gateway leaves for the people who booked: files in its outbox folder."""

import logging
from pathlib import Path

import msgspec

from pleintemps_contract.logs import line as log_line

_log = logging.getLogger(__name__)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message: whose booking, which code, where the booking's page is."""

    booking: str
    uid: str
    link: str
    code: str
    offline: bool = False


class Mailbox:
    """Reads the messages; a file that is not yet whole is read next time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: set[Path] = set()
        self._messages: list[Message] = []

    def code_for(self, uid: str) -> Message | None:
        """The youngest message with a code for the calendar's booking ``uid``; not the offline one."""
        self._look()
        mine = [message for message in self._messages if message.uid.startswith(uid)]
        found = [message for message in mine if message.code and not message.offline]
        return found[-1] if found else None

    def knows(self, code: str) -> bool:
        """Whether some booking was given this code."""
        self._look()
        return any(message.code == code for message in self._messages)

    def _look(self) -> None:
        for path in sorted(self._folder.glob("*.json")):
            if path in self._read:
                continue
            try:
                self._messages.append(msgspec.json.decode(path.read_bytes(), type=Message))
            except (OSError, msgspec.MsgspecError) as error:
                _log.debug(log_line("message-unreadable", file=path.name, error=error))
                continue
            self._read.add(path)
