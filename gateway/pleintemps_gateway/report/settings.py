"""The table ``[report]``."""

import msgspec

from pleintemps_gateway.access.weeks import ClockTime


class ReportConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The night of the report, in the local time of the first site; it is sent when the night ends."""

    from_: ClockTime = msgspec.field(name="from", default="18:00")
    to: ClockTime = "07:00"
