"""Several gateways on one store: who is alive, and who ruled which site when."""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, String, Table, text

from .schema_base import Ms, metadata, site_column

# ``site`` is ``*``: a gateway belongs to none. Times are those of the store's clock.
gateways = Table(
    "gateways",
    metadata,
    site_column(),
    Column("gateway", String(64), nullable=False),
    Column("run", String(32), nullable=False),  # one process of it
    Column("sites", String(16), nullable=False),  # a mark of the sites that it is configured for
    Column("joined", Ms, nullable=False),
    Column("expires", Ms, nullable=False),
    PrimaryKeyConstraint("site", "gateway"),
)

# Every term of a site's ruler; the one in force has not ended. ``token`` is the epoch that agents obey.
leases = Table(
    "leases",
    metadata,
    site_column(),
    Column("token", BigInteger, nullable=False),
    Column("gateway", String(64), nullable=False),
    Column("run", String(32), nullable=False),
    Column("taken", Ms, nullable=False),
    Column("ended", Ms),
    PrimaryKeyConstraint("site", "token"),
    Index(
        "leases_in_force",
        "site",
        unique=True,
        postgresql_where=text("ended IS NULL"),
        sqlite_where=text("ended IS NULL"),
    ),
)
