"""Tables of what becomes of alerts: every act, what was sent to whom, browsers that take web push."""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from .schema_base import Ms, metadata, site_column

# Append only: what people and the gateway did about an alert, numbered from 1. Old words are blanked.
alert_acts = Table(
    "alert_acts",
    metadata,
    site_column(),
    Column("alert", String(32), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", Ms, nullable=False),
    Column("act", String(12), nullable=False),  # ``alerts.life.ActKind``
    Column("by", String(80)),  # NULL: the gateway itself
    Column("person", String(80)),  # who was asked, or to whom it was given
    Column("until", Ms),  # of a pause
    Column("comment", String(500)),
    PrimaryKeyConstraint("site", "alert", "seq"),
    Index("alert_acts_by_time", "site", "at"),
)

# What a caretaker is to be told over one channel. The words are made when it is sent.
notices = Table(
    "notices",
    metadata,
    site_column(),
    Column("notice", String(32), nullable=False),
    Column("kind", String(12), nullable=False),  # alert, given, back, reminder, test, report
    Column("alert", String(32)),
    Column("day", String(10)),  # of a report: the local day on which its night began
    Column("person", String(80), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("state", String(8), nullable=False),  # queued, sent, failed, dropped
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due", Ms, nullable=False),
    Column("error", String(200)),
    Column("created", Ms, nullable=False),
    Column("done", Ms),
    PrimaryKeyConstraint("site", "notice"),
    Index("notices_by_state", "site", "state", "due"),
    Index("notices_by_time", "site", "created"),
    Index("notices_by_alert", "site", "alert"),
)

# A browser that a person has asked to be told in. ``site`` is that of the account, ``*`` for every site.
push_subscriptions = Table(
    "push_subscriptions",
    metadata,
    site_column(),
    Column("subscription", String(64), nullable=False),  # SHA-256 of the endpoint
    Column("person", String(80), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("p256dh", String(100), nullable=False),
    Column("auth", String(40), nullable=False),
    Column("device", String(120), nullable=False),
    Column("created", Ms, nullable=False),
    Column("used", Ms),
    PrimaryKeyConstraint("site", "subscription"),
    Index("push_subscriptions_by_person", "site", "person"),
)
