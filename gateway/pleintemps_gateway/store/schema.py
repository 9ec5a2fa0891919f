"""Every table of the store, SQLite and PostgreSQL alike: those of the gateway itself are here, the others are
in ``schema_*.py``. Every key begins with ``site``; times are Unix ms.

Enumerations are the contract's strings. What belongs to a person stands in ``bookings``, ``credentials`` and
``users`` only; events carry grant ids.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from .schema_accounts import account_links, setup_steps
from .schema_agents import (
    agents,
    devices,
    doors,
    events,
    journals,
    minutes,
    occupancy,
    panels,
    sample_batches,
    series,
    spaces,
)
from .schema_alerts import alert_acts, notices, push_subscriptions
from .schema_base import Ms, metadata, site_column
from .schema_bookings import bookings, calls, contacts, deliveries, feeds, groups, hooked, rights, usage
from .schema_codes import credentials, grants, salts, space_secrets
from .schema_enrolment import enrolments, shut_out
from .schema_hours import hours, hours_booked, hours_due, hours_through, presence_found
from .schema_leases import gateways, leases
from .schema_updates import rollouts

__all__ = [
    "account_links",
    "agents",
    "alert_acts",
    "alerts",
    "audit",
    "audit_heads",
    "bookings",
    "calls",
    "changes",
    "commands",
    "contacts",
    "credentials",
    "deliveries",
    "devices",
    "doors",
    "enrolments",
    "erasures",
    "events",
    "feeds",
    "gateways",
    "grants",
    "groups",
    "hooked",
    "hours",
    "hours_booked",
    "hours_due",
    "hours_through",
    "housekeeping",
    "journals",
    "leases",
    "metadata",
    "minutes",
    "notices",
    "occupancy",
    "panels",
    "presence_found",
    "push_subscriptions",
    "refusals",
    "reigns",
    "rights",
    "rollouts",
    "salts",
    "sample_batches",
    "series",
    "sessions",
    "setup_steps",
    "shut_out",
    "space_secrets",
    "spaces",
    "usage",
    "users",
]

# One row a site: who rules it. ``revision`` counts every message signed in this epoch.
reigns = Table(
    "reigns",
    metadata,
    site_column(),
    Column("epoch", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("started", Ms, nullable=False),
    PrimaryKeyConstraint("site"),
)

# The change feed: what the web tier follows. ``seq`` rises within a site in the order of commits; ``kind``
# names a table, ``key`` its row. Series say so at a birth only: their youngest values come with ``spaces``.
changes = Table(
    "changes",
    metadata,
    site_column(),
    Column("seq", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("key", String(120), nullable=False),
    Column("at", Ms, nullable=False),
    PrimaryKeyConstraint("site", "seq"),
)

# When house-keeping last believed its clock: a clock that leaps must not make anything old.
housekeeping = Table(
    "housekeeping",
    metadata,
    site_column(),
    Column("at", Ms, nullable=False),
    PrimaryKeyConstraint("site"),
)

# The audit log: a hash chain over ``H(salt, fields)``; erasure takes both, and the chain still holds.
audit = Table(
    "audit",
    metadata,
    site_column(),
    Column("seq", BigInteger, nullable=False),
    Column("at", Ms, nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", String(120), nullable=False),  # kind/id; never a person
    Column("salt", LargeBinary),
    Column("fields", Text),  # JSON: who, and whatever is personal
    Column("digest", String(64), nullable=False),
    Column("chain", String(64), nullable=False),
    PrimaryKeyConstraint("site", "seq"),
    Index("audit_by_subject", "site", "subject"),
    Index("audit_by_time", "site", "at"),
)

# The head of the chain, signed each day.
audit_heads = Table(
    "audit_heads",
    metadata,
    site_column(),
    Column("seq", BigInteger, nullable=False),
    Column("at", Ms, nullable=False),
    Column("chain", String(64), nullable=False),
    Column("kid", String(16), nullable=False),
    Column("signature", String(88), nullable=False),
    PrimaryKeyConstraint("site", "seq"),
)

# What was erased, as keyed hashes: no source, and no back-up, brings it back. Says nothing without the key.
erasures = Table(
    "erasures",
    metadata,
    site_column(),
    Column("erasure", String(32), nullable=False),
    Column("kind", String(8), nullable=False),  # booking, uid, mail, group, right
    Column("mark", String(64), nullable=False),
    Column("at", Ms, nullable=False),
    PrimaryKeyConstraint("site", "erasure"),
    Index("erasures_by_mark", "site", "kind", "mark"),
)

# Asked for by the web tier, signed and sent by ingest.
commands = Table(
    "commands",
    metadata,
    site_column(),
    Column("command", String(32), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("door", String(40), nullable=False),
    Column("action", String(24), nullable=False),
    Column("user", String(80), nullable=False),
    Column("requested", Ms, nullable=False),
    Column("expires", Ms, nullable=False),
    Column("sent", Ms),
    Column("answered", Ms),
    Column("outcome", String(20), nullable=False),  # requested, sent, done, refused, no-answer
    Column("refusal", String(40)),
    Column("reason", String(200)),  # of who asked, in their own words
    PrimaryKeyConstraint("site", "command"),
    Index("commands_by_outcome", "site", "outcome"),
)

# ``subject`` makes an alert unique while it is not resolved: kind + what it is about.
alerts = Table(
    "alerts",
    metadata,
    site_column(),
    Column("alert", String(32), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("rank", String(6), nullable=False),  # alert, watch
    Column("subject", String(120), nullable=False),
    Column("space", String(40)),
    Column("door", String(40)),
    Column("agent", String(40)),
    Column("booking", String(32)),
    Column("state", String(12), nullable=False),  # open, acknowledged, paused, resolved
    Column("opened", Ms, nullable=False),
    Column("acknowledged", Ms),
    Column("acknowledged_by", String(80)),
    Column("comment", String(500)),
    Column("resolved", Ms),
    Column("facts", Text, nullable=False),  # JSON: figures for the sentence that each language makes
    Column("version", Integer, nullable=False, server_default="0"),  # acts of people that changed it
    Column("paused_until", Ms),
    Column("assigned", String(80)),  # to whom a person has given it
    Column("asked", Text),  # JSON list of persons, in order; NULL: nobody yet
    Column("due", Ms),  # when the gateway itself does something about it
    PrimaryKeyConstraint("site", "alert"),
    Index("alerts_by_state", "site", "state"),
    Index("alerts_by_subject", "site", "subject"),
)

# Counted refusals: malformed messages, unknown agents, broken events of a calendar.
refusals = Table(
    "refusals",
    metadata,
    site_column(),
    Column("source", String(120), nullable=False),  # topic, feed or form
    Column("reason", String(200), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_at", Ms, nullable=False),
    Column("last_at", Ms, nullable=False),
    PrimaryKeyConstraint("site", "source", "reason"),
)

# ``site`` is ``*`` for people who look after every site of this gateway.
users = Table(
    "users",
    metadata,
    site_column(),
    Column("name", String(80), nullable=False),
    Column("password", String(200), nullable=False),  # argon2id, encoded; empty: none yet
    Column("role", String(12), nullable=False),  # caretaker, manager, tester, viewer
    Column("created", Ms, nullable=False),
    Column("disabled", Ms),  # since when they may not log in
    Column("seen", Ms),
    Column("changed", Ms),  # the password
    Column("mail", String(254)),
    Column("language", String(2)),
    Column("theme", String(5)),  # light, dark; the machine's own where it is empty
    Column("issuer", String(200)),  # of OpenID Connect, with its subject: such people have no password here
    Column("subject", String(255)),
    Column("sites", Text),  # JSON list, of a user of ``*``: these sites only
    PrimaryKeyConstraint("site", "name"),
)

sessions = Table(
    "sessions",
    metadata,
    site_column(),
    Column("token_hash", String(64), nullable=False),
    Column("name", String(80), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created", Ms, nullable=False),
    Column("expires", Ms, nullable=False),
    Column("seen", Ms),
    Column("idle_at", Ms),  # it ends here unless it is used
    Column("device", String(80)),  # browser and system, in words
    Column("via", String(8)),  # password, link, oidc, api
    PrimaryKeyConstraint("site", "token_hash"),
)
