"""Every table of the store, SQLite and PostgreSQL alike. Every key begins with ``site``; times are Unix ms.

Enumerations are the contract's strings. What belongs to a person stands in ``bookings``, ``credentials`` and
``users`` only; events carry grant ids.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    false,
)

metadata: Final = MetaData()
_Ms = BigInteger


def _site() -> Column[str]:
    return Column("site", String(40), nullable=False)


# One row a site: who rules it. ``revision`` counts every message signed in this epoch.
reigns = Table(
    "reigns",
    metadata,
    _site(),
    Column("epoch", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("started", _Ms, nullable=False),
    PrimaryKeyConstraint("site"),
)

# The change feed: what the web tier follows. ``seq`` rises within a site in the order of commits; ``kind``
# names a table, ``key`` its row. Series say so at a birth only: their youngest values come with ``spaces``.
changes = Table(
    "changes",
    metadata,
    _site(),
    Column("seq", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("key", String(120), nullable=False),
    Column("at", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "seq"),
)

# When house-keeping last believed its clock: a clock that leaps must not make anything old.
housekeeping = Table(
    "housekeeping",
    metadata,
    _site(),
    Column("at", _Ms, nullable=False),
    PrimaryKeyConstraint("site"),
)

agents = Table(
    "agents",
    metadata,
    _site(),
    Column("agent", String(40), nullable=False),
    Column("boot", String(32)),
    Column("version", String(200)),
    Column("presence", String(10), nullable=False),  # online, offline, never
    Column("last_seen", _Ms),
    Column("born_at", _Ms),
    Column("clock", String(12)),
    Column("clock_trusted", Boolean),
    Column("grants_epoch", BigInteger),
    Column("grants_revision", BigInteger),
    Column("grants_detail", String(200)),
    Column("command_counter", BigInteger, nullable=False, server_default="0"),
    Column("storage", Text),  # JSON list of the birth's StorageInfo
    Column("keys", Text),  # JSON list of the key ids that the agent believes
    Column("certificate_until", _Ms),
    # remote configuration: what was published last (JSON; NULL: never anything), what the agent said of it
    Column("config", Text),
    Column("config_epoch", BigInteger),
    Column("config_revision", BigInteger),
    Column("config_applied", Boolean),
    Column("config_detail", String(200)),
    PrimaryKeyConstraint("site", "agent"),
)

devices = Table(
    "devices",
    metadata,
    _site(),
    Column("agent", String(40), nullable=False),
    Column("device", String(40), nullable=False),
    Column("driver", String(40), nullable=False),
    Column("health", String(10), nullable=False),
    Column("detail", String(200), nullable=False),
    Column("at", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "agent", "device"),
)

doors = Table(
    "doors",
    metadata,
    _site(),
    Column("door", String(40), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("mode", String(12), nullable=False),
    Column("physical", String(12), nullable=False),
    Column("lock", String(12), nullable=False),
    Column("alarm", String(20), nullable=False),
    Column("fire", Boolean, nullable=False, server_default=false()),
    Column("since", _Ms),  # of the present physical state
    Column("at", _Ms),  # youngest record about this door
    PrimaryKeyConstraint("site", "door"),
)

# The building's own intrusion alarms, as their agents tell of them.
panels = Table(
    "panels",
    metadata,
    _site(),
    Column("panel", String(40), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("state", String(8), nullable=False),  # unknown, set, unset, alarm
    Column("ready", Boolean),
    Column("at", _Ms, nullable=False),
    Column("asked", _Ms),  # when the rule asked for it to be set last
    PrimaryKeyConstraint("site", "panel"),
)

series = Table(
    "series",
    metadata,
    _site(),
    Column("agent", String(40), nullable=False),
    Column("series", String(40), nullable=False),
    Column("device", String(40), nullable=False),
    Column("space", String(40), nullable=False),
    Column("quantity", String(12), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("max_silence_s", Integer, nullable=False),
    Column("last_value", Float),
    Column("last_at", _Ms),
    PrimaryKeyConstraint("site", "agent", "series"),
)

# One row a journal: how far it is stored, what is known to be lost.
journals = Table(
    "journals",
    metadata,
    _site(),
    Column("journal", String(32), nullable=False),
    Column("stream", String(8), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("through", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False, server_default="0"),
    Column("duplicates", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("site", "journal", "stream"),
)

events = Table(
    "events",
    metadata,
    _site(),
    Column("journal", String(32), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("agent", String(40), nullable=False),
    Column("boot", String(32), nullable=False),
    Column("at", _Ms, nullable=False),
    Column("trusted", Boolean, nullable=False),
    Column("monotonic", BigInteger, nullable=False),
    Column("received", _Ms, nullable=False),
    Column("type", String(24), nullable=False),
    Column("door", String(40)),
    Column("body", Text, nullable=False),  # the event as JSON of the contract
    PrimaryKeyConstraint("site", "journal", "seq"),
    Index("events_by_time", "site", "at"),
    Index("events_by_door", "site", "door", "at"),
)

# Raw samples as received columns: append only, deduplicated by the journal's ``through``.
sample_batches = Table(
    "sample_batches",
    metadata,
    _site(),
    Column("journal", String(32), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("agent", String(40), nullable=False),
    Column("base", _Ms, nullable=False),
    Column("readings", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("sample_batches_by_time", "site", "base"),
)

# Levels are merged by energy (sum of 10^(L/10)), states by time on: never average decibels.
minutes = Table(
    "minutes",
    metadata,
    _site(),
    Column("agent", String(40), nullable=False),
    Column("series", String(40), nullable=False),
    Column("minute", _Ms, nullable=False),
    Column("count", Integer, nullable=False),
    Column("total", Float, nullable=False),
    Column("energy", Float, nullable=False),
    Column("low", Float, nullable=False),
    Column("high", Float, nullable=False),
    PrimaryKeyConstraint("site", "agent", "series", "minute"),
)

# A space as it is believed now, and every change of that belief.
spaces = Table(
    "spaces",
    metadata,
    _site(),
    Column("space", String(40), nullable=False),
    Column("state", String(10), nullable=False),  # occupied, vacant, unknown
    Column("probability", Float),
    Column("since", _Ms, nullable=False),
    Column("at", _Ms, nullable=False),
    Column("evidence", String(200), nullable=False),
    Column("evidence_at", _Ms),
    Column("level_db", Float),  # LAeq over the space's noise window
    Column("level_coverage", Float),
    Column("level_at", _Ms),
    Column("limit_db", Float),
    Column("quiet", Boolean),
    PrimaryKeyConstraint("site", "space"),
)

occupancy = Table(
    "occupancy",
    metadata,
    _site(),
    Column("space", String(40), nullable=False),
    Column("since", _Ms, nullable=False),
    Column("state", String(10), nullable=False),
    Column("probability", Float),
    Column("evidence", String(200), nullable=False),
    PrimaryKeyConstraint("site", "space", "since"),
)

bookings = Table(
    "bookings",
    metadata,
    _site(),
    Column("booking", String(32), nullable=False),
    Column("source", String(40), nullable=False),  # feed slug, or "rest"
    Column("uid", String(400), nullable=False),  # of the source, one per occurrence
    Column("space", String(40), nullable=False),
    Column("title", String(200), nullable=False),
    Column("people", Integer),  # expected
    Column("start", _Ms, nullable=False),
    Column("end", _Ms, nullable=False),
    Column("status", String(10), nullable=False),  # confirmed, cancelled
    Column("updated", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "booking"),
    Index("bookings_by_uid", "site", "source", "uid", unique=True),
    Index("bookings_by_time", "site", "start"),
)

# A booking beside what was measured.
usage = Table(
    "usage",
    metadata,
    _site(),
    Column("booking", String(32), nullable=False),
    Column("space", String(40), nullable=False),
    Column("state", String(10), nullable=False),  # expected, arrived, in-use, left, ended, no-show, cancelled
    Column("since", _Ms, nullable=False),
    Column("arrived_at", _Ms),
    Column("left_at", _Ms),
    Column("occupied_ms", BigInteger, nullable=False, server_default="0"),
    Column("unknown_ms", BigInteger, nullable=False, server_default="0"),
    Column("overstay_ms", BigInteger, nullable=False, server_default="0"),
    Column("closed_at", _Ms),  # set once: the record is final
    PrimaryKeyConstraint("site", "booking"),
)

# ``grant`` is what events name. The code is encrypted under a key derived from the secret link of the
# booking's page, of which only a hash is here; the argon2id hash is sealed with the gateway's sealing key.
credentials = Table(
    "credentials",
    metadata,
    _site(),
    Column("grant", String(32), nullable=False),
    Column("booking", String(32)),
    Column("kind", String(12), nullable=False),
    Column("salt_id", String(40), nullable=False),
    Column("sealed_hash", LargeBinary, nullable=False),
    Column("uniqueness", String(64), nullable=False),  # keyed hash of the digits: live codes are distinct
    Column("encrypted_code", LargeBinary, nullable=False),
    Column("link_hash", String(64), nullable=False),
    Column("created", _Ms, nullable=False),
    Column("rests_until", _Ms),  # set when freed: digits are not drawn again before
    PrimaryKeyConstraint("site", "grant"),
    Index("credentials_by_booking", "site", "booking"),
    Index("credentials_unique", "site", "uniqueness", unique=True),
    Index("credentials_by_link", "site", "link_hash", unique=True),
)

# What each agent should hold: a credential at doors in a window, and since which revision of its manifest.
grants = Table(
    "grants",
    metadata,
    _site(),
    Column("agent", String(40), nullable=False),
    Column("grant", String(32), nullable=False),
    Column("doors", Text, nullable=False),  # JSON list of slugs
    Column("start", _Ms, nullable=False),
    Column("end", _Ms, nullable=False),
    Column("page", Integer, nullable=False),
    # (epoch, revision) of the manifest that first held it as it is now; epoch 2**53 until there is one
    Column("epoch", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("site", "agent", "grant"),
)

salts = Table(
    "salts",
    metadata,
    _site(),
    Column("salt_id", String(40), nullable=False),
    Column("salt", String(32), nullable=False),
    Column("memory_kib", Integer, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("lanes", Integer, nullable=False),
    PrimaryKeyConstraint("site", "salt_id"),
)

# Asked for by the web tier, signed and sent by ingest.
commands = Table(
    "commands",
    metadata,
    _site(),
    Column("command", String(32), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("door", String(40), nullable=False),
    Column("action", String(24), nullable=False),
    Column("user", String(80), nullable=False),
    Column("requested", _Ms, nullable=False),
    Column("expires", _Ms, nullable=False),
    Column("sent", _Ms),
    Column("answered", _Ms),
    Column("outcome", String(20), nullable=False),  # requested, sent, done, refused, no-answer
    Column("refusal", String(40)),
    PrimaryKeyConstraint("site", "command"),
    Index("commands_by_outcome", "site", "outcome"),
)

# ``subject`` makes an alert unique while it is not resolved: kind + what it is about.
alerts = Table(
    "alerts",
    metadata,
    _site(),
    Column("alert", String(32), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("rank", String(6), nullable=False),  # alert, watch
    Column("subject", String(120), nullable=False),
    Column("space", String(40)),
    Column("door", String(40)),
    Column("agent", String(40)),
    Column("booking", String(32)),
    Column("state", String(12), nullable=False),  # open, acknowledged, resolved
    Column("opened", _Ms, nullable=False),
    Column("acknowledged", _Ms),
    Column("acknowledged_by", String(80)),
    Column("comment", String(500)),
    Column("resolved", _Ms),
    Column("facts", Text, nullable=False),  # JSON: figures for the sentence that each language makes
    PrimaryKeyConstraint("site", "alert"),
    Index("alerts_by_state", "site", "state"),
    Index("alerts_by_subject", "site", "subject"),
)

# Counted refusals: malformed messages, unknown agents, broken events of a calendar.
refusals = Table(
    "refusals",
    metadata,
    _site(),
    Column("source", String(120), nullable=False),  # topic, feed or form
    Column("reason", String(200), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_at", _Ms, nullable=False),
    Column("last_at", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "source", "reason"),
)

feeds = Table(
    "feeds",
    metadata,
    _site(),
    Column("feed", String(40), nullable=False),
    Column("tried", _Ms),
    Column("good", _Ms),  # last time it was read
    Column("etag", String(200)),
    Column("bookings", Integer, nullable=False, server_default="0"),
    Column("rejected", Integer, nullable=False, server_default="0"),
    Column("error", String(200)),
    PrimaryKeyConstraint("site", "feed"),
)

# ``site`` is ``*`` for people who look after every site of this gateway.
users = Table(
    "users",
    metadata,
    _site(),
    Column("name", String(80), nullable=False),
    Column("password", String(200), nullable=False),  # argon2id, encoded
    Column("role", String(12), nullable=False),  # caretaker, manager, tester, viewer
    Column("created", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "name"),
)

sessions = Table(
    "sessions",
    metadata,
    _site(),
    Column("token_hash", String(64), nullable=False),
    Column("name", String(80), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created", _Ms, nullable=False),
    Column("expires", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "token_hash"),
)
