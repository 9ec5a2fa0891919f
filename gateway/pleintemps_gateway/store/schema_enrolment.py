"""How agents came and went: one-time tokens, as hashes, and who was shut out."""

from sqlalchemy import Boolean, Column, Index, PrimaryKeyConstraint, String, Table

from .schema_base import Ms, metadata, site_column

# ``key_hash`` names the key with which a token was used; these times are those of the machine's own clock.
enrolments = Table(
    "enrolments",
    metadata,
    site_column(),
    Column("token_hash", String(64), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("made", Ms, nullable=False),
    Column("expires", Ms, nullable=False),
    Column("used", Ms),
    Column("key_hash", String(64)),
    PrimaryKeyConstraint("site", "token_hash"),
    Index("enrolments_by_token", "token_hash", unique=True),
)

# The youngest row of an agent counts, until the agent is enrolled again (``ended``).
shut_out = Table(
    "shut_out",
    metadata,
    site_column(),
    Column("agent", String(40), nullable=False),
    Column("at", Ms, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("stolen", Boolean, nullable=False),
    Column("rotated", Ms),  # when the last secret of a stolen agent's doors was another one
    Column("ended", Ms),
    PrimaryKeyConstraint("site", "agent", "at"),
)
