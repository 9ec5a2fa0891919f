"""What each hour of a space was, packed by the week, and what keeps it right when facts come late."""

from sqlalchemy import Boolean, Column, Index, LargeBinary, PrimaryKeyConstraint, String, Table

from .schema_base import Ms, metadata, site_column

# One row a week of 168 hours: see ``matrix/lanes.py``. What is in no row is unknown and not booked.
hours = Table(
    "hours",
    metadata,
    site_column(),
    Column("space", String(40), nullable=False),
    Column("week", Ms, nullable=False),  # its first moment
    Column("figures", LargeBinary, nullable=False),
    Column("counts", LargeBinary, nullable=False),
    Column("known", Ms, nullable=False),  # milliseconds of the whole week
    Column("used", Ms, nullable=False),
    PrimaryKeyConstraint("site", "space", "week"),
)

# How far the hours of a space are there.
hours_through = Table(
    "hours_through",
    metadata,
    site_column(),
    Column("space", String(40), nullable=False),
    Column("through", Ms, nullable=False),
    PrimaryKeyConstraint("site", "space"),
)

# Hours of the past that are to be worked out anew; with ``replay`` from the stored samples.
hours_due = Table(
    "hours_due",
    metadata,
    site_column(),
    Column("space", String(40), nullable=False),
    Column("hour", Ms, nullable=False),
    Column("due", Ms, nullable=False),
    Column("replay", Boolean, nullable=False),
    PrimaryKeyConstraint("site", "space", "hour"),
    Index("hours_due_by_time", "site", "due"),
)

# The times of each confirmed booking as they count in ``hours``: what has changed since is told by comparing.
hours_booked = Table(
    "hours_booked",
    metadata,
    site_column(),
    Column("booking", String(32), nullable=False),
    Column("space", String(40), nullable=False),
    Column("start", Ms, nullable=False),
    Column("end", Ms, nullable=False),
    PrimaryKeyConstraint("site", "booking"),
    Index("hours_booked_by_end", "site", "space", "end"),
)

# What was found of a time in which data came late, instead of what ``occupancy`` says was believed then.
presence_found = Table(
    "presence_found",
    metadata,
    site_column(),
    Column("space", String(40), nullable=False),
    Column("start", Ms, nullable=False),
    Column("end", Ms, nullable=False),
    Column("state", String(10), nullable=False),  # occupied, vacant, unknown
    PrimaryKeyConstraint("site", "space", "start"),
)
