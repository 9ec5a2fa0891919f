"""Tables of the people who log in, and of the first steps of an installation."""

from sqlalchemy import Column, PrimaryKeyConstraint, String, Table

from .schema_base import Ms, metadata, site_column

# One-time links, as hashes: to make the first account, to choose the first password, to choose another one.
account_links = Table(
    "account_links",
    metadata,
    site_column(),
    Column("link_hash", String(64), nullable=False),
    Column("purpose", String(8), nullable=False),  # first, invite, reset
    Column("name", String(80), nullable=False),  # of the user; empty for the first account
    Column("created", Ms, nullable=False),
    Column("expires", Ms, nullable=False),
    PrimaryKeyConstraint("site", "link_hash"),
)

# Steps of the set-up page that somebody has put off or called done.
setup_steps = Table(
    "setup_steps",
    metadata,
    site_column(),
    Column("step", String(20), nullable=False),
    Column("state", String(8), nullable=False),  # later, done
    Column("at", Ms, nullable=False),
    PrimaryKeyConstraint("site", "step"),
)
