"""Fire, storage, keys and remote configuration of agents; intrusion panels; the clock of house-keeping."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what agents say since they hold doors alone."""
    for column in (
        sa.Column("storage", sa.Text(), nullable=True),
        sa.Column("keys", sa.Text(), nullable=True),
        sa.Column("certificate_until", sa.BigInteger(), nullable=True),
        sa.Column("config", sa.Text(), nullable=True),
        sa.Column("config_epoch", sa.BigInteger(), nullable=True),
        sa.Column("config_revision", sa.BigInteger(), nullable=True),
        sa.Column("config_applied", sa.Boolean(), nullable=True),
        sa.Column("config_detail", sa.String(length=200), nullable=True),
    ):
        op.add_column("agents", column)
    op.add_column("doors", sa.Column("fire", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("events_by_door", "events", ["site", "door", "at"], unique=False)
    op.create_table(
        "housekeeping",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site"),
    )
    op.create_table(
        "panels",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("panel", sa.String(length=40), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "panel"),
    )
