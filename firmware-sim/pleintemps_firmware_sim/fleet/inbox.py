"""What a gateway says to a light agent: proved, of the reign, fitting what was sent; else refused. Pure."""

import hashlib
from enum import StrEnum
from typing import Final

from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.errors import DecodeError, EnvelopeError
from pleintemps_contract.gateway_messages import GrantsManifest, GrantsPage, Window
from pleintemps_contract.topics import Topic
from pleintemps_contract.wire import MAX_PAYLOAD, GatewayMessage, decode_gateway_body

_NO_PAGES: Final[dict[str, GrantsPage]] = {}


class Fault(StrEnum):
    """Why a message is not followed, beside the faults of an envelope."""

    TOO_LARGE = "too-large"
    UNDECODABLE = "undecodable"
    DIGEST = "wrong-digest"
    OLD_EPOCH = "old-epoch"
    FOREIGN_JOURNAL = "foreign-journal"
    BEYOND_SENT = "beyond-sent"
    RETAINED = "retained"
    OLD_REVISION = "old-revision"
    KEYS = "keys"


class Gate:
    """Opens messages of one agent. Without ``keys`` no signature is checked: for what is no gateway."""

    def __init__(self, keys: TrustedKeys | None) -> None:
        self.keys = keys
        self.epoch = 0

    def open(self, topic: Topic, payload: bytes) -> GatewayMessage | str:
        """The message, or why it is refused."""
        if len(payload) > MAX_PAYLOAD:
            return Fault.TOO_LARGE
        try:
            keys = self.keys
            body = payload.partition(b"\n")[2] if keys is None else keys.open(str(topic), payload)
            message = decode_gateway_body(topic, body)
        except EnvelopeError as error:
            return error.reason
        except DecodeError:
            return Fault.UNDECODABLE
        if isinstance(message, GrantsPage):
            return message if hashlib.sha256(body).hexdigest() == topic.tail else Fault.DIGEST
        if message.epoch < self.epoch:
            return Fault.OLD_EPOCH
        self.epoch = message.epoch
        return message


class Grants:
    """The grants of one agent: taken when every page of a manifest is there, all at once."""

    def __init__(self) -> None:
        self.held: GrantsManifest | None = None
        self.count = 0
        self._pages = _NO_PAGES
        self.wanted: GrantsManifest | None = None
        """The manifest whose pages are not all there yet."""
        self._doors: dict[str, list[tuple[int, int, str]]] = {}

    def page(self, digest: str, page: GrantsPage) -> None:
        self._pages = {**self._pages, digest: page}

    def manifest(self, manifest: GrantsManifest) -> bool:
        """Take a proved manifest; False if it is older than what is held."""
        held = self.held
        if held is not None and (manifest.epoch, manifest.revision) < (held.epoch, held.revision):
            return False
        self.wanted = manifest
        return True

    def missing(self) -> list[str]:
        """Pages that the wanted manifest still lacks."""
        wanted = self.wanted
        return [] if wanted is None else [one for one in wanted.pages if one not in self._pages]

    def apply(self) -> GrantsManifest | None:
        """The manifest that is in force from now on, if one has become whole."""
        wanted = self.wanted
        if wanted is None or self.missing():
            return None
        self.wanted = None
        self.held = wanted
        self._pages = {digest: self._pages[digest] for digest in wanted.pages}
        windows = {one.schedule: one.windows for page in self._pages.values() for one in page.schedules}
        self._doors = {}
        self.count = 0
        for page in self._pages.values():
            self.count += len(page.grants)
            for grant in page.grants:
                own = [*grant.windows, *(each for name in grant.schedules for each in windows.get(name, ()))]
                for door in grant.doors:
                    self._doors.setdefault(door, []).extend(_rows(own, grant.id))
        return wanted

    def valid(self, door: str, now: int) -> str | None:
        """A grant that opens ``door`` at ``now`` (Unix ms)."""
        for start, end, grant in self._doors.get(door, ()):
            if start <= now < end:
                return grant
        return None


def _rows(windows: list[Window], grant: str) -> list[tuple[int, int, str]]:
    return [(window.start, window.end, grant) for window in windows]
