"""Tables of what happens in rooms: what a room has taught, marked hours, corrections, signals, loud days."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from .schema_base import Ms, metadata, site_column

# What a room has taught about its sensors; the youngest version counts, a reset is a version without body.
learnt = Table(
    "learnt",
    metadata,
    site_column(),
    Column("space", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Ms, nullable=False),
    Column("reset_by", String(80)),
    Column("body", Text),  # JSON of the filter's own record
    PrimaryKeyConstraint("site", "space", "version"),
)

# Hours that a person knows to have been empty or used, with what the sensors said in them.
marks = Table(
    "marks",
    metadata,
    site_column(),
    Column("mark", String(32), nullable=False),
    Column("space", String(40), nullable=False),
    Column("start", Ms, nullable=False),
    Column("end", Ms, nullable=False),
    Column("state", String(8), nullable=False),  # empty, used
    Column("by", String(80), nullable=False),
    Column("at", Ms, nullable=False),
    Column("lesson", Text, nullable=False),  # JSON of the filter's own record
    PrimaryKeyConstraint("site", "mark"),
    Index("marks_by_space", "site", "space", "start"),
)

# A usage record as it stood before late data corrected it.
usage_corrections = Table(
    "usage_corrections",
    metadata,
    site_column(),
    Column("booking", String(32), nullable=False),
    Column("revision", Integer, nullable=False),  # of the record that was replaced
    Column("at", Ms, nullable=False),
    Column("reason", String(40), nullable=False),
    Column("body", Text, nullable=False),  # JSON of the record that was replaced
    PrimaryKeyConstraint("site", "booking", "revision"),
)

# A light or sign that warns the people in a space: what it was told, what its agent said of it.
signals = Table(
    "signals",
    metadata,
    site_column(),
    Column("signal", String(40), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("space", String(40), nullable=False),
    Column("on", Boolean, nullable=False),
    Column("wanted", Boolean, nullable=False),
    Column("at", Ms),
    PrimaryKeyConstraint("site", "signal"),
)

# Days on which a space had a booking with amplified sound, or noise at its neighbour summed per period.
noise_days = Table(
    "noise_days",
    metadata,
    site_column(),
    Column("space", String(40), nullable=False),
    Column("day", String(10), nullable=False),  # local date, from 7 h to 7 h
    Column("amplified", Boolean, nullable=False),
    Column("day_ms", BigInteger, nullable=False),  # how long the noise was there from 7 h to 22 h
    Column("night_ms", BigInteger, nullable=False),  # from 22 h to 7 h
    Column("emergence_db", Float),  # highest indicated
    Column("counted_to", Ms, nullable=False),
    PrimaryKeyConstraint("site", "space", "day"),
)

# A release, or the end of one, of which a booking's source is still to be told: what, stands in ``bookings``.
tellings = Table(
    "tellings",
    metadata,
    site_column(),
    Column("booking", String(32), nullable=False),
    Column("feed", String(40), nullable=False),
    Column("state", String(8), nullable=False),  # queued, failed
    Column("asked", Ms, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Ms, nullable=False),
    Column("error", String(200)),
    PrimaryKeyConstraint("site", "booking"),
)
