"""CalDAV (RFC 4791): a calendar of Nextcloud, Radicale and their like, asked for what lies ahead."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Self

from msgspec import Meta
from msgspec.structs import replace

from pleintemps_gateway.errors import CalendarError, FeedError

from .base import Parsed, SourceConfig
from .ical import DAY_MS, parse
from .registry import HORIZON_MS, source
from .secret import read_secret
from .web import MAX_BYTES

_TIMEOUT_S: Final = 20


class CaldavConfig(SourceConfig, frozen=True, kw_only=True):
    """``url`` is the calendar's own address; without ``user`` it is read as the public may."""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s?#]+\Z")]
    user: str = ""
    password_file: str = ""

    def __post_init__(self) -> None:
        if bool(self.user) != bool(self.password_file):
            raise ValueError("user and password_file go together")

    def located(self, base: Path) -> Self:
        return replace(self, password_file=str(base / self.password_file)) if self.password_file else self


@source("caldav", CaldavConfig)
class Caldav:
    """Asks for the events of the horizon at each poll; series are sent whole and unfolded here."""

    def __init__(self, config: CaldavConfig, zone: str) -> None:
        self._config = config
        self._zone = zone

    def read(self, now: int) -> Parsed | None:
        start, end = now - DAY_MS, now + HORIZON_MS
        objects = self._search(start, end)
        if sum(map(len, objects)) > MAX_BYTES:
            raise FeedError(f"larger than {MAX_BYTES} bytes")
        # every object is a calendar of its own: one UID with its moved instances
        return parse(b"\r\n".join(objects), self._zone, start, end) if objects else Parsed([], [])

    def forget(self) -> None:
        """Nothing is remembered between two reads."""

    def _search(self, start: int, end: int) -> list[bytes]:
        # slow to import, and most gateways read no CalDAV
        from caldav.collection import Calendar
        from caldav.davclient import DAVClient
        from caldav.lib.error import AuthorizationError, DAVError
        from niquests.exceptions import RequestException

        password = read_secret(self._config.password_file) if self._config.password_file else None
        try:
            with DAVClient(
                url=self._config.url,
                username=self._config.user or None,
                password=password,
                timeout=_TIMEOUT_S,
                enable_rfc6764=False,
            ) as client:
                calendar = Calendar(client=client, url=self._config.url)
                found: Any = calendar.search(
                    event=True,
                    start=datetime.fromtimestamp(start / 1000, UTC),
                    end=datetime.fromtimestamp(end / 1000, UTC),
                    expand=False,
                    server_expand=False,
                    post_filter=False,
                )
                return [str(item.data).encode() for item in found]
        except AuthorizationError as error:
            raise FeedError("the server refuses the user or the password") from error
        except (DAVError, RequestException, OSError) as error:
            # the sentences of these errors hold the address
            raise FeedError(f"cannot be fetched ({type(error).__name__})") from error
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise CalendarError("the server does not answer as a CalDAV server does") from error
