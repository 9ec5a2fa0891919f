"""What other people's tools are given: secret addresses of calendars, webhooks and what waits for them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from .schema_base import Ms, metadata, site_column

# A calendar of a space, or of a whole site, for whoever holds its address; of that only a hash is kept.
calendar_links = Table(
    "calendar_links",
    metadata,
    site_column(),
    Column("link", String(32), nullable=False),
    Column("token_hash", String(64), nullable=False),
    Column("space", String(40)),
    Column("titles", Boolean, nullable=False),  # tells what was booked, else only that it is
    Column("label", String(80), nullable=False),
    Column("made", Ms, nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("ended", Ms),
    Column("read", Ms),  # last time somebody asked for it
    PrimaryKeyConstraint("site", "link"),
    Index("calendar_links_by_token", "token_hash", unique=True),
)

# Who is told of what changes. Secrets are sealed; the old one signs beside the new one for a while.
webhooks = Table(
    "webhooks",
    metadata,
    site_column(),
    Column("hook", String(32), nullable=False),
    Column("label", String(80), nullable=False),
    Column("url", String(500), nullable=False),
    Column("events", Text, nullable=False),  # JSON list: alert, booking, usage
    Column("secret", LargeBinary, nullable=False),
    Column("old_secret", LargeBinary),
    Column("old_until", Ms),
    Column("made", Ms, nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("state", String(8), nullable=False),  # on, off, failed, gone
    Column("cursor", BigInteger, nullable=False),  # of ``changes``: followed so far
    Column("told", Ms),  # last time it took something
    Column("failing", Ms),  # since when it takes nothing
    Column("error", String(200)),
    PrimaryKeyConstraint("site", "hook"),
)

# The outbox of webhooks, one row a thing told about: of several changes the last. A ``digest`` without a body
# was told.
posts = Table(
    "posts",
    metadata,
    site_column(),
    Column("hook", String(32), nullable=False),
    Column("event", String(8), nullable=False),
    Column("subject", String(120), nullable=False),
    Column("post", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", Text),
    Column("at", Ms, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Ms),
    PrimaryKeyConstraint("site", "hook", "event", "subject"),
    Index("posts_by_due", "site", "due"),
    Index("posts_by_time", "site", "at"),
)
