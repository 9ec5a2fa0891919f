"""Releases of the agents' program that are on their way."""

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, String, Table, Text

from .schema_base import Ms, metadata, site_column

# The youngest of a site counts.
rollouts = Table(
    "rollouts",
    metadata,
    site_column(),
    Column("number", BigInteger, nullable=False),
    Column("version", String(40), nullable=False),
    Column("state", String(10), nullable=False),  # running, done, halted
    Column("at", Ms, nullable=False),  # youngest change
    Column("body", Text, nullable=False),  # updates.rules.Rollout as JSON
    PrimaryKeyConstraint("site", "number"),
)
