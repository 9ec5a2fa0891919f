"""What agents tell, and what is believed of spaces because of it."""

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
)

from .schema_base import Ms, metadata, site_column

agents = Table(
    "agents",
    metadata,
    site_column(),
    Column("agent", String(40), nullable=False),
    Column("boot", String(32)),
    Column("version", String(200)),
    Column("presence", String(10), nullable=False),  # online, offline, never
    Column("last_seen", Ms),
    Column("born_at", Ms),
    Column("clock", String(12)),
    Column("clock_trusted", Boolean),
    Column("grants_epoch", BigInteger),
    Column("grants_revision", BigInteger),
    Column("grants_detail", String(200)),
    Column("command_counter", BigInteger, nullable=False, server_default="0"),
    Column("storage", Text),  # JSON list of the birth's StorageInfo
    Column("journals", Text),  # JSON list of the birth's JournalPosition
    Column("keys", Text),  # JSON list of the key ids that the agent believes
    Column("certificate_until", Ms),
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
    site_column(),
    Column("agent", String(40), nullable=False),
    Column("device", String(40), nullable=False),
    Column("driver", String(40), nullable=False),
    Column("health", String(10), nullable=False),
    Column("detail", String(200), nullable=False),
    Column("at", Ms, nullable=False),
    PrimaryKeyConstraint("site", "agent", "device"),
)

doors = Table(
    "doors",
    metadata,
    site_column(),
    Column("door", String(40), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("mode", String(12), nullable=False),
    Column("physical", String(12), nullable=False),
    Column("lock", String(12), nullable=False),
    Column("alarm", String(20), nullable=False),
    Column("fire", Boolean, nullable=False, server_default=false()),
    Column("since", Ms),  # of the present physical state
    Column("at", Ms),  # youngest record about this door
    PrimaryKeyConstraint("site", "door"),
)

# The building's own intrusion alarms, as their agents tell of them.
panels = Table(
    "panels",
    metadata,
    site_column(),
    Column("panel", String(40), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("state", String(8), nullable=False),  # unknown, set, unset, alarm
    Column("ready", Boolean),
    Column("at", Ms, nullable=False),
    Column("asked", Ms),  # when the rule asked for it to be set last
    PrimaryKeyConstraint("site", "panel"),
)

series = Table(
    "series",
    metadata,
    site_column(),
    Column("agent", String(40), nullable=False),
    Column("series", String(40), nullable=False),
    Column("device", String(40), nullable=False),
    Column("space", String(40), nullable=False),
    Column("quantity", String(12), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("max_silence_s", Integer, nullable=False),
    Column("last_value", Float),
    Column("last_at", Ms),
    PrimaryKeyConstraint("site", "agent", "series"),
)

# One row a journal: how far it is stored, what is known to be lost.
journals = Table(
    "journals",
    metadata,
    site_column(),
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
    site_column(),
    Column("journal", String(32), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("agent", String(40), nullable=False),
    Column("boot", String(32), nullable=False),
    Column("at", Ms, nullable=False),
    Column("trusted", Boolean, nullable=False),
    Column("monotonic", BigInteger, nullable=False),
    Column("received", Ms, nullable=False),
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
    site_column(),
    Column("journal", String(32), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("agent", String(40), nullable=False),
    Column("base", Ms, nullable=False),
    Column("readings", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("sample_batches_by_time", "site", "base"),
    Index("sample_batches_by_agent", "site", "agent", "base"),
)

# Levels are merged by energy (sum of 10^(L/10)), states by time on: never average decibels.
minutes = Table(
    "minutes",
    metadata,
    site_column(),
    Column("agent", String(40), nullable=False),
    Column("series", String(40), nullable=False),
    Column("minute", Ms, nullable=False),
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
    site_column(),
    Column("space", String(40), nullable=False),
    Column("state", String(10), nullable=False),  # occupied, vacant, unknown
    Column("probability", Float),
    Column("since", Ms, nullable=False),
    Column("at", Ms, nullable=False),
    Column("evidence", String(200), nullable=False),
    Column("evidence_at", Ms),
    Column("level_db", Float),  # LAeq over the space's noise window
    Column("level_coverage", Float),
    Column("level_at", Ms),
    Column("limit_db", Float),
    Column("quiet", Boolean),
    Column("level_range", Integer),  # 1 under the meter's floor, 2 overloaded
    Column("background_db", Float),  # the room's own L90
    Column("emergence_db", Float),  # indicated, where a measurement is known
    Column("warned_at", Ms),  # since when its people are warned of their noise
    PrimaryKeyConstraint("site", "space"),
)

occupancy = Table(
    "occupancy",
    metadata,
    site_column(),
    Column("space", String(40), nullable=False),
    Column("since", Ms, nullable=False),
    Column("state", String(10), nullable=False),
    Column("probability", Float),
    Column("evidence", String(200), nullable=False),
    PrimaryKeyConstraint("site", "space", "since"),
)
