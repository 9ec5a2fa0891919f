"""CalDAV (RFC 4791): a calendar of Nextcloud, Radicale and their like, asked for what lies ahead."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo

from msgspec import Meta
from msgspec.structs import replace

from pleintemps_gateway.errors import CalendarError, FeedError, UntoldError

from .base import Parsed, Release, SourceConfig
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
        super().__post_init__()
        if bool(self.user) != bool(self.password_file):
            raise ValueError("user and password_file go together")

    def located(self, base: Path) -> Self:
        here = super().located(base)
        return replace(here, password_file=str(base / self.password_file)) if self.password_file else here


@source("caldav", CaldavConfig)
class Caldav:
    """Asks for the events of the horizon at each poll; series are sent whole and unfolded here."""

    def __init__(self, config: CaldavConfig, zone: str) -> None:
        self._config = config
        self._zone = ZoneInfo(zone)

    def read(self, now: int) -> Parsed | None:
        start, end = now - DAY_MS, now + HORIZON_MS
        objects = self._search(start, end)
        if sum(map(len, objects)) > MAX_BYTES:
            raise FeedError(f"larger than {MAX_BYTES} bytes")
        # every object is a calendar of its own: one UID with its moved instances
        return parse(b"\r\n".join(objects), self._zone.key, start, end) if objects else Parsed([], [])

    def forget(self) -> None:
        """Nothing is remembered between two reads."""

    def released(self, release: Release) -> None:
        """Give the event its new end. A series is left as it is."""
        if "#" in release.uid:
            raise UntoldError("an event of a series is not shortened in its calendar")
        with self._calendar() as calendar:
            event: Any = calendar.get_event_by_uid(release.uid)
            component = event.icalendar_component
            if "RRULE" in component or "RDATE" in component:
                raise UntoldError("an event of a series is not shortened in its calendar")
            start = component["DTSTART"].dt
            if not isinstance(start, datetime):
                raise UntoldError("an event of whole days is not shortened in its calendar")
            # to the second, never before what was said
            end = datetime.fromtimestamp(-(-release.end // 1000), UTC).astimezone(start.tzinfo or self._zone)
            component.pop("DURATION", None)
            component.pop("DTEND", None)
            component.add("DTEND", end if start.tzinfo else end.replace(tzinfo=None))
            event.save()

    def _search(self, start: int, end: int) -> list[bytes]:
        with self._calendar() as calendar:
            found: Any = calendar.search(
                event=True,
                start=datetime.fromtimestamp(start / 1000, UTC),
                end=datetime.fromtimestamp(end / 1000, UTC),
                expand=False,
                server_expand=False,
                post_filter=False,
            )
            return [str(item.data).encode() for item in found]

    @contextmanager
    def _calendar(self) -> Iterator[Any]:
        """The calendar while its server is asked; what goes wrong is one line without the address."""
        # slow to import, and most gateways read no CalDAV
        from caldav.collection import Calendar
        from caldav.davclient import DAVClient
        from caldav.lib.error import AuthorizationError, DAVError, NotFoundError
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
                yield Calendar(client=client, url=self._config.url)
        except (FeedError, CalendarError):
            raise
        except NotFoundError as error:
            raise UntoldError("there is no such event or calendar") from error
        except AuthorizationError as error:
            raise FeedError("the server refuses the user or the password") from error
        except (DAVError, RequestException, OSError) as error:
            # the sentences of these errors hold the address
            raise FeedError(f"cannot be fetched ({type(error).__name__})") from error
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise CalendarError("the server does not answer as a CalDAV server does") from error
