"""Who may use a space when, where that was told, who is told of it, what was measured beside it."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    false,
    text,
)

from .schema_base import Ms, metadata, site_column

bookings = Table(
    "bookings",
    metadata,
    site_column(),
    Column("booking", String(32), nullable=False),
    Column("source", String(40), nullable=False),  # feed slug, or "rest"
    Column("uid", String(400), nullable=False),  # of the source, one per occurrence
    Column("space", String(40), nullable=False),
    Column("title", String(200), nullable=False),
    Column("people", Integer),  # expected
    Column("start", Ms, nullable=False),
    Column("end", Ms, nullable=False),
    Column("status", String(10), nullable=False),  # confirmed, cancelled
    Column("updated", Ms, nullable=False),
    Column("group", String(40)),  # of ``groups``
    Column("withheld", String(24)),  # why there is no code: unknown-group, no-convention, no-insurance ...
    Column("override_by", String(80)),  # a manager's word for what is missing
    Column("override_reason", String(300)),
    Column("planned_end", Ms),  # where a release has shortened it
    Column("released", Ms),
    Column("left", Ms),  # its people said that they had gone
    Column("warned", Ms),  # nobody was there, and they were told that the space would be released
    Column("kept", Ms),  # they, or a caretaker, said that it was wanted
    Column("amplified", Boolean, nullable=False, server_default=false()),  # music through loudspeakers
    Column("page_key", LargeBinary),  # of the link of its main code: what later codes are sealed to
    PrimaryKeyConstraint("site", "booking"),
    Index("bookings_by_uid", "site", "source", "uid", unique=True),
    Index("bookings_by_time", "site", "start"),
    Index("bookings_by_space", "site", "space", "end"),
)

# Who is told about a booking: of its source, or of the form it was made with. Erased with the booking.
contacts = Table(
    "contacts",
    metadata,
    site_column(),
    Column("booking", String(32), nullable=False),
    Column("name", String(200), nullable=False),
    Column("mail", String(254), nullable=False),
    Column("phone", String(40), nullable=False),
    Column("language", String(2), nullable=False),
    PrimaryKeyConstraint("site", "booking"),
)

# Associations and others who use rooms under a convention. ``site`` is ``*`` for a group of every site.
groups = Table(
    "groups",
    metadata,
    site_column(),
    Column("group", String(40), nullable=False),
    Column("name", String(200), nullable=False),
    Column("contact", String(200), nullable=False),
    Column("mail", String(254), nullable=False),
    Column("phone", String(40), nullable=False),
    Column("language", String(2), nullable=False),
    Column("convention_until", Ms),
    Column("insurance_until", Ms),
    Column("briefed", Ms),  # of the safety briefing
    Column("people", Integer),  # at most
    Column("reminded", Ms),
    Column("updated", Ms, nullable=False),
    PrimaryKeyConstraint("site", "group"),
)

# Recurring rights: of staff, and of professionals who come to many places.
rights = Table(
    "rights",
    metadata,
    site_column(),
    Column("right", String(32), nullable=False),
    Column("person", String(200), nullable=False),
    Column("mail", String(254), nullable=False),
    Column("phone", String(40), nullable=False),
    Column("language", String(2), nullable=False),
    Column("kind", String(12), nullable=False),  # code, staff-code, card, staff-card, token
    Column("spaces", Text, nullable=False),  # JSON list of slugs
    Column("rule", Text, nullable=False),  # JSON: days, from, to in the site's zone
    Column("extended", Boolean, nullable=False),
    Column("valid_from", Ms, nullable=False),
    Column("valid_until", Ms, nullable=False),
    Column("ended", Ms),
    Column("updated", Ms, nullable=False),
    # the rights of one person, on whatever site, share a page: its key, and its link as a hash
    Column("page_key", LargeBinary),
    Column("page_link", String(64)),
    PrimaryKeyConstraint("site", "right"),
    Index("rights_by_page", "site", "page_link"),
)

# What people are to be told. ``sealed`` holds the whole message until a channel has accepted it.
deliveries = Table(
    "deliveries",
    metadata,
    site_column(),
    Column("delivery", String(32), nullable=False),
    Column("booking", String(32)),
    Column("right", String(32)),
    Column("template", String(24), nullable=False),
    Column("channel", String(8), nullable=False),  # mail, sms, spool
    Column("state", String(8), nullable=False),  # queued, sent, failed
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due", Ms, nullable=False),
    Column("sealed", LargeBinary),
    Column("error", String(200)),
    Column("created", Ms, nullable=False),
    Column("done", Ms),
    PrimaryKeyConstraint("site", "delivery"),
    Index("deliveries_by_state", "site", "state", "due"),
    Index("deliveries_by_booking", "site", "booking"),
)

# Calls that carried an Idempotency-Key: what they asked for, as a digest, and which booking came of it.
calls = Table(
    "calls",
    metadata,
    site_column(),
    Column("key", String(200), nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("booking", String(32), nullable=False),
    Column("at", Ms, nullable=False),
    PrimaryKeyConstraint("site", "key"),
    Index("calls_by_time", "site", "at"),
    Index("calls_by_booking", "site", "booking"),
)

# What webhooks told, one row a name of the source; ``body`` is the record of that source as JSON.
hooked = Table(
    "hooked",
    metadata,
    site_column(),
    Column("feed", String(40), nullable=False),
    Column("uid", String(200), nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Ms, nullable=False),
    Column("ends", Ms, nullable=False),
    PrimaryKeyConstraint("site", "feed", "uid"),
)

feeds = Table(
    "feeds",
    metadata,
    site_column(),
    Column("feed", String(40), nullable=False),
    Column("tried", Ms),
    Column("good", Ms),  # last time it was read
    Column("etag", String(200)),
    Column("bookings", Integer, nullable=False, server_default="0"),
    Column("rejected", Integer, nullable=False, server_default="0"),
    Column("error", String(200)),
    PrimaryKeyConstraint("site", "feed"),
)

USAGE_TOLD: Final = text("(evidence != '' OR opened_at IS NOT NULL)")
"""What of a usage record leads to a person is still there; in these very words, or no index is used."""

# A booking beside what was measured.
usage = Table(
    "usage",
    metadata,
    site_column(),
    Column("booking", String(32), nullable=False),
    Column("space", String(40), nullable=False),
    Column("state", String(10), nullable=False),  # expected, arrived, in-use, left, ended, no-show, cancelled
    Column("since", Ms, nullable=False),
    Column("arrived_at", Ms),
    Column("left_at", Ms),
    Column("occupied_ms", BigInteger, nullable=False, server_default="0"),
    Column("unknown_ms", BigInteger, nullable=False, server_default="0"),
    Column("overstay_ms", BigInteger, nullable=False, server_default="0"),
    Column("closed_at", Ms),  # set once: the rules follow it no longer
    # what was worked out from the stored samples once it was closed
    Column("settled_at", Ms),  # rises strictly within a site: whoever takes records goes on from there
    Column("due", Ms),  # when it is to be worked out, again if late data have come; NULL: nothing to do
    Column("revision", Integer, nullable=False, server_default="0"),  # it was corrected so often
    Column("booked_from", Ms),  # the times that it was worked out for
    Column("booked_to", Ms),
    Column("planned_to", Ms),  # the end before a release
    Column("opened_at", Ms),  # a code of the booking opened a door for the first time
    Column("shared_ms", BigInteger),  # of occupied_ms, while another booking of the space was on as well
    Column("loud_ms", BigInteger),  # above the limit; NULL where no meter was heard
    Column("level_max_db", Float),  # highest LAeq over the space's window
    Column("left_open", Boolean),  # a door stood open after they had gone; NULL: no door told
    Column("confidence", Float),  # share of the booked time about which something is known, weighed
    Column("evidence", String(200), nullable=False, server_default=""),
    PrimaryKeyConstraint("site", "booking"),
    Index("usage_by_due", "site", "due"),
    Index("usage_by_space", "site", "space", "booked_to"),
    Index("usage_by_settled", "site", "settled_at"),
    # of what retention has still to blank: few rows, however many records there are
    Index("usage_by_told", "site", "closed_at", sqlite_where=USAGE_TOLD, postgresql_where=USAGE_TOLD),
)
