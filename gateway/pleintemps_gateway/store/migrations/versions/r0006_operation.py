"""Operation: keys and updates, several gateways on one store. Each group of lines belongs to one room."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what operation keeps."""
    # who rules which site
    op.create_table(
        "gateways",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("run", sa.String(length=32), nullable=False),
        sa.Column("sites", sa.String(length=16), nullable=False),
        sa.Column("joined", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "gateway"),
    )
    op.create_table(
        "leases",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("run", sa.String(length=32), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "token"),
    )
    op.create_index(
        "leases_in_force",
        "leases",
        ["site"],
        unique=True,
        postgresql_where=sa.text("ended IS NULL"),
        sqlite_where=sa.text("ended IS NULL"),
    )
    # who may speak to the broker
    op.create_table(
        "enrolments",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=True),
        sa.Column("key_hash", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("site", "token_hash"),
    )
    op.create_index("enrolments_by_token", "enrolments", ["token_hash"], unique=True)
    op.create_table(
        "shut_out",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("stolen", sa.Boolean(), nullable=False),
        sa.Column("rotated", sa.BigInteger(), nullable=True),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "agent", "at"),
    )
    # releases of the agents' program
    op.create_table(
        "rollouts",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site", "number"),
    )
    # raw samples by day, where the store can drop a day at once; the rows that are there stay where they are
    if op.get_bind().dialect.name == "postgresql":
        for statement in _BY_DAY:
            op.execute(statement)


_BY_DAY = (
    "CREATE SCHEMA pleintemps_samples",
    "ALTER INDEX sample_batches_by_time RENAME TO other_days_by_time",
    "ALTER INDEX sample_batches_by_agent RENAME TO other_days_by_agent",
    "ALTER TABLE sample_batches RENAME TO other_days",
    "ALTER TABLE other_days SET SCHEMA pleintemps_samples",
    "CREATE TABLE sample_batches (LIKE pleintemps_samples.other_days) PARTITION BY RANGE (base)",
    "CREATE INDEX sample_batches_by_time ON sample_batches (site, base)",
    "CREATE INDEX sample_batches_by_agent ON sample_batches (site, agent, base)",
    "ALTER TABLE sample_batches ATTACH PARTITION pleintemps_samples.other_days DEFAULT",
)
