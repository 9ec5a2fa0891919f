"""Everything that can go wrong at the gateway.

    GatewayError
    ├── OutsideError                          the outside did wrong
    │   ├── SettingsError (ValueError)        a configuration, key folder or command line that cannot be used
    │   ├── SchemaError (RuntimeError)        a store that is newer than this program, or not ours
    │   ├── DeposedError (RuntimeError)       another gateway process rules the site now
    │   ├── LostSiteError (RuntimeError)      one of several sites, which another gateway holds now
    │   ├── FeedError (OSError)               a calendar that cannot be fetched
    │   │   └── UntoldError                   a release that its source cannot be told at all
    │   ├── CalendarError (ValueError)        bytes that are no calendar at all
    │   ├── OutlineError (ValueError)         a file that is no outline of a town
    │   ├── BookingError (ValueError)         a booking that cannot be taken; ``reason`` is one of a few words
    │   ├── RightError (ValueError)           a right that cannot be given or ended; ``reason`` as above
    │   ├── AccountError (ValueError)         an account that cannot be made or changed; ``reason`` as above
    │   ├── LogInError (ValueError)           a provider of log-ins whose answer is not believed; as above
    │   ├── MarkError (ValueError)            an hour that cannot be marked; ``reason`` as above
    │   ├── MalformedPacketError (ValueError) bytes of a broker that are no MQTT
    │   ├── SeriesDownError (OSError)         the series database takes nothing now
    │   ├── LinesRefusedError (ValueError)    the series database will never take these lines
    │   ├── WebhookError (ValueError)         a webhook that cannot be taken; ``reason`` is one of a few words
    │   ├── PostError (OSError)               a webhook's server that did not take what it was told
    │   ├── UndeliveredError (OSError)        a message that no channel has accepted
    │   │   └── GoneError                     a browser that has ended its subscription
    │   └── UnsealedError (ValueError)        a sealed message that cannot be opened
    └── StoreError (RuntimeError)             our own store cannot be used or has failed
        ├── StoreBusyError (TimeoutError)     the writer's queue stayed full
        └── CodesExhaustedError               the allocator finds no free code of this length

What we did wrong otherwise stays a plain Python error.
"""


class GatewayError(Exception):
    """Root of all errors of the gateway."""


class OutsideError(GatewayError):
    """Somebody gave us what we cannot use; the message is one line for them."""


class SettingsError(OutsideError, ValueError):
    """A configuration, key folder or command line that cannot be used; the message names it."""


class SchemaError(OutsideError, RuntimeError):
    """A store that cannot be brought to this program's schema: it is newer, or not ours."""


class DeposedError(OutsideError, RuntimeError):
    """Another gateway process has taken a site over: this one must sign and write no more."""


class LostSiteError(OutsideError, RuntimeError):
    """The site of a job is held by another gateway, or is about to be: nothing was written."""


class FeedError(OutsideError, OSError):
    """A calendar that cannot be fetched."""


class UntoldError(FeedError):
    """A release of which the source of the booking can never be told; one line that says why."""


class CalendarError(OutsideError, ValueError):
    """Bytes that are no calendar at all."""


class OutlineError(OutsideError, ValueError):
    """A file that is no outline of a town."""


class BookingError(OutsideError, ValueError):
    """A booking that cannot be taken: ``reason`` is ``unknown-space``, ``bad-times``, ``unknown-booking``,
    ``bad-people``, ``cancelled``, ``erased``, ``key-used``, ``card-used``, ``nothing-missing``,
    ``not-begun``, ``over``, ``taken`` or
    ``no-offline-code``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RightError(OutsideError, ValueError):
    """A recurring right that cannot be given or ended: ``reason`` is ``unknown-space``, ``bad-times``,
    ``card``, ``unknown-right`` or ``ended``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class AccountError(OutsideError, ValueError):
    """An account that cannot be made or changed: ``reason`` is ``name``, ``name-taken``, ``sites``, ``role``,
    ``mail``, ``unknown``, ``last-manager``, ``own``, ``elsewhere``, ``link``, or of a password ``short``,
    ``long``, ``common``, ``like-name``, ``wrong``, ``twice``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class LogInError(OutsideError, ValueError):
    """What a provider of log-ins says is not believed: ``reason`` is ``state``, ``provider``, ``refused``,
    ``token``, ``name``, ``name-taken``, ``role`` or ``disabled``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class MarkError(OutsideError, ValueError):
    """An hour that cannot be marked, or a mark that is not there: ``reason`` is ``bad-times``, ``ahead``,
    ``too-old``, ``overlaps``, ``too-many`` or ``unknown-mark``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class MalformedPacketError(OutsideError, ValueError):
    """Bytes of a broker that are no MQTT 3.1.1, or not what we have asked for."""


class SeriesDownError(OutsideError, OSError):
    """The series database takes nothing now: away, busy, or it does not know our token or bucket.

    Try again, not before ``retry_after_s`` if it said so.
    """

    def __init__(self, message: str, retry_after_s: float = 0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class LinesRefusedError(OutsideError, ValueError):
    """The series database has read these lines and will never take them as they are."""


class WebhookError(OutsideError, ValueError):
    """A webhook that cannot be taken: ``reason`` is ``address``, ``not-https``, ``private``, ``events`` or
    ``too-many``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PostError(OutsideError, OSError):
    """A webhook's server did not take what it was told; ``gone`` if it wants to be told no more.

    The text is for caretakers: it does not hold the address.
    """

    def __init__(self, message: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.gone = gone


class UndeliveredError(OutsideError, OSError):
    """A message that a channel did not accept; ``final`` if trying again is of no use.

    The text is for caretakers: no address, name or code.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class GoneError(UndeliveredError):
    """A browser that has ended its subscription: it is to be forgotten."""


class UnsealedError(OutsideError, ValueError):
    """A sealed message that cannot be opened with this gateway's sealing key."""


class StoreError(GatewayError, RuntimeError):
    """Our own store cannot be used or has failed."""


class StoreBusyError(StoreError, TimeoutError):
    """The writer's queue stayed full for too long."""


class CodesExhaustedError(StoreError):
    """No free code of this length was found."""
