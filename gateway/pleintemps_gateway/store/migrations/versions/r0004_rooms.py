"""What happens in rooms: learnt likelihoods, marked hours, corrected usage, signals, loud days."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the rooms keep."""
    op.create_table(
        "learnt",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reset_by", sa.String(length=80), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("site", "space", "version"),
    )
    op.create_table(
        "marks",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("mark", sa.String(length=32), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("lesson", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site", "mark"),
    )
    op.create_index("marks_by_space", "marks", ["site", "space", "start"], unique=False)
    op.create_table(
        "noise_days",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("amplified", sa.Boolean(), nullable=False),
        sa.Column("day_ms", sa.BigInteger(), nullable=False),
        sa.Column("night_ms", sa.BigInteger(), nullable=False),
        sa.Column("emergence_db", sa.Float(), nullable=True),
        sa.Column("counted_to", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "space", "day"),
    )
    op.create_table(
        "signals",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("signal", sa.String(length=40), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("on", sa.Boolean(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "signal"),
    )
    op.create_table(
        "usage_corrections",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("booking", sa.String(length=32), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site", "booking", "revision"),
    )
    op.create_table(
        "tellings",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("booking", sa.String(length=32), nullable=False),
        sa.Column("feed", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("site", "booking"),
    )
    op.add_column("bookings", sa.Column("amplified", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("salts", sa.Column("made", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("spaces", sa.Column("level_range", sa.Integer(), nullable=True))
    op.add_column("spaces", sa.Column("background_db", sa.Float(), nullable=True))
    op.add_column("spaces", sa.Column("emergence_db", sa.Float(), nullable=True))
    op.add_column("spaces", sa.Column("warned_at", sa.BigInteger(), nullable=True))
    op.add_column("usage", sa.Column("revision", sa.Integer(), server_default="0", nullable=False))
    op.add_column("usage", sa.Column("confidence", sa.Float(), nullable=True))
    op.add_column("usage", sa.Column("evidence", sa.String(length=200), server_default="", nullable=False))
    for name in ("settled_at", "due", "booked_from", "booked_to", "planned_to", "opened_at"):
        op.add_column("usage", sa.Column(name, sa.BigInteger(), nullable=True))
    for name in ("shared_ms", "loud_ms"):
        op.add_column("usage", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("usage", sa.Column("level_max_db", sa.Float(), nullable=True))
    op.add_column("usage", sa.Column("left_open", sa.Boolean(), nullable=True))
    op.create_index("usage_by_due", "usage", ["site", "due"], unique=False)
    op.create_index("usage_by_space", "usage", ["site", "space", "booked_to"], unique=False)
    op.create_index("usage_by_settled", "usage", ["site", "settled_at"], unique=False)
    told = sa.text("(evidence != '' OR opened_at IS NOT NULL)")
    op.create_index(
        "usage_by_told",
        "usage",
        ["site", "closed_at"],
        unique=False,
        sqlite_where=told,
        postgresql_where=told,
    )
    op.create_index("sample_batches_by_agent", "sample_batches", ["site", "agent", "base"], unique=False)
    for table in ("bookings", "rights"):
        op.add_column(table, sa.Column("page_key", sa.LargeBinary(), nullable=True))
    op.add_column("rights", sa.Column("page_link", sa.String(length=64), nullable=True))
    op.create_index("rights_by_page", "rights", ["site", "page_link"], unique=False)
    op.add_column("credentials", sa.Column("paged_code", sa.LargeBinary(), nullable=True))
