"""Codes, what agents should hold of them, how they are hashed."""

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
    false,
)

from .schema_base import Ms, metadata, site_column

# The secret of each space for offline codes, sealed with the gateway's sealing key.
space_secrets = Table(
    "space_secrets",
    metadata,
    site_column(),
    Column("space", String(40), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("site", "space"),
)

# ``grant`` is what events name. The code is encrypted under a key derived from the secret link of the
# booking's page, of which only a hash is here; the argon2id hash is sealed with the gateway's sealing key.
credentials = Table(
    "credentials",
    metadata,
    site_column(),
    Column("grant", String(32), nullable=False),
    Column("booking", String(32)),
    Column("kind", String(12), nullable=False),
    Column("salt_id", String(40), nullable=False),
    Column("sealed_hash", LargeBinary, nullable=False),
    Column("uniqueness", String(64), nullable=False),  # keyed hash of the digits: live codes are distinct
    Column("encrypted_code", LargeBinary, nullable=False),
    Column("link_hash", String(64), nullable=False),
    Column("created", Ms, nullable=False),
    Column("rests_until", Ms),  # set when freed: digits are not drawn again before
    Column("right", String(32)),
    Column("purpose", String(12), nullable=False, server_default="main"),  # main, extra, offline, one-time
    Column("label", String(80)),  # of one of several codes of a group
    Column("once", Boolean, nullable=False, server_default=false()),
    Column("duress", Boolean, nullable=False, server_default=false()),
    Column("extended", Boolean, nullable=False, server_default=false()),
    # where it is not the booking's own: a one-time code, the quarter hours of an offline code
    Column("start", Ms),
    Column("end", Ms),
    Column("index", Integer),
    Column("digits", Integer),  # of a typed code: how easily it is guessed
    Column("paged_code", LargeBinary),  # sealed to the page that was there before it
    PrimaryKeyConstraint("site", "grant"),
    Index("credentials_by_booking", "site", "booking"),
    Index("credentials_by_right", "site", "right"),
    Index("credentials_by_end", "site", "end"),
    Index("credentials_unique", "site", "uniqueness", unique=True),
    Index("credentials_by_link", "site", "link_hash", unique=True),
)

# What each agent should hold: a credential at doors in a window, and since which revision of its manifest.
grants = Table(
    "grants",
    metadata,
    site_column(),
    Column("agent", String(40), nullable=False),
    Column("grant", String(32), nullable=False),
    Column("doors", Text, nullable=False),  # JSON list of slugs
    Column("start", Ms, nullable=False),
    Column("end", Ms, nullable=False),
    Column("windows", Text),  # JSON list of [start, end] where it is not one window alone
    Column("schedule", String(40)),  # instead of windows
    Column("page", Integer, nullable=False),
    # (epoch, revision) of the manifest that first held it as it is now; epoch 2**53 until there is one
    Column("epoch", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("site", "agent", "grant"),
)

# How codes are hashed: new ones as the youngest row says. There are two while codes of an older one live.
salts = Table(
    "salts",
    metadata,
    site_column(),
    Column("salt_id", String(40), nullable=False),
    Column("salt", String(32), nullable=False),
    Column("memory_kib", Integer, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("lanes", Integer, nullable=False),
    Column("made", Ms, nullable=False, server_default="0"),
    PrimaryKeyConstraint("site", "salt_id"),
)
