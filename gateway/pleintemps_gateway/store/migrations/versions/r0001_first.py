"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "agents",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("boot", sa.String(length=32), nullable=True),
        sa.Column("version", sa.String(length=200), nullable=True),
        sa.Column("presence", sa.String(length=10), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=True),
        sa.Column("born_at", sa.BigInteger(), nullable=True),
        sa.Column("clock", sa.String(length=12), nullable=True),
        sa.Column("clock_trusted", sa.Boolean(), nullable=True),
        sa.Column("grants_epoch", sa.BigInteger(), nullable=True),
        sa.Column("grants_revision", sa.BigInteger(), nullable=True),
        sa.Column("grants_detail", sa.String(length=200), nullable=True),
        sa.Column("command_counter", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("site", "agent"),
    )
    op.create_table(
        "alerts",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("alert", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("rank", sa.String(length=6), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=True),
        sa.Column("door", sa.String(length=40), nullable=True),
        sa.Column("agent", sa.String(length=40), nullable=True),
        sa.Column("booking", sa.String(length=32), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=80), nullable=True),
        sa.Column("comment", sa.String(length=500), nullable=True),
        sa.Column("resolved", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site", "alert"),
    )
    op.create_index("alerts_by_state", "alerts", ["site", "state"], unique=False)
    op.create_index("alerts_by_subject", "alerts", ["site", "subject"], unique=False)
    op.create_table(
        "bookings",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("booking", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("uid", sa.String(length=400), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "booking"),
    )
    op.create_index("bookings_by_time", "bookings", ["site", "start"], unique=False)
    op.create_index("bookings_by_uid", "bookings", ["site", "source", "uid"], unique=True)
    op.create_table(
        "changes",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "seq"),
    )
    op.create_table(
        "commands",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("command", sa.String(length=32), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("door", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=24), nullable=False),
        sa.Column("user", sa.String(length=80), nullable=False),
        sa.Column("requested", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=True),
        sa.Column("answered", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("refusal", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("site", "command"),
    )
    op.create_index("commands_by_outcome", "commands", ["site", "outcome"], unique=False)
    op.create_table(
        "credentials",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("grant", sa.String(length=32), nullable=False),
        sa.Column("booking", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("salt_id", sa.String(length=40), nullable=False),
        sa.Column("sealed_hash", sa.LargeBinary(), nullable=False),
        sa.Column("uniqueness", sa.String(length=64), nullable=False),
        sa.Column("encrypted_code", sa.LargeBinary(), nullable=False),
        sa.Column("link_hash", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("rests_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "grant"),
    )
    op.create_index("credentials_by_booking", "credentials", ["site", "booking"], unique=False)
    op.create_index("credentials_by_link", "credentials", ["site", "link_hash"], unique=True)
    op.create_index("credentials_unique", "credentials", ["site", "uniqueness"], unique=True)
    op.create_table(
        "devices",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("device", sa.String(length=40), nullable=False),
        sa.Column("driver", sa.String(length=40), nullable=False),
        sa.Column("health", sa.String(length=10), nullable=False),
        sa.Column("detail", sa.String(length=200), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "agent", "device"),
    )
    op.create_table(
        "doors",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("door", sa.String(length=40), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("mode", sa.String(length=12), nullable=False),
        sa.Column("physical", sa.String(length=12), nullable=False),
        sa.Column("lock", sa.String(length=12), nullable=False),
        sa.Column("alarm", sa.String(length=20), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "door"),
    )
    op.create_table(
        "events",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("journal", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("boot", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.Column("monotonic", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column("door", sa.String(length=40), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site", "journal", "seq"),
    )
    op.create_index("events_by_time", "events", ["site", "at"], unique=False)
    op.create_table(
        "feeds",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("feed", sa.String(length=40), nullable=False),
        sa.Column("tried", sa.BigInteger(), nullable=True),
        sa.Column("good", sa.BigInteger(), nullable=True),
        sa.Column("etag", sa.String(length=200), nullable=True),
        sa.Column("bookings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rejected", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("site", "feed"),
    )
    op.create_table(
        "grants",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("grant", sa.String(length=32), nullable=False),
        sa.Column("doors", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "agent", "grant"),
    )
    op.create_table(
        "journals",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("journal", sa.String(length=32), nullable=False),
        sa.Column("stream", sa.String(length=8), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duplicates", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("site", "journal", "stream"),
    )
    op.create_table(
        "minutes",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("series", sa.String(length=40), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("energy", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("site", "agent", "series", "minute"),
    )
    op.create_table(
        "occupancy",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("evidence", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("site", "space", "since"),
    )
    op.create_table(
        "refusals",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "source", "reason"),
    )
    op.create_table(
        "reigns",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site"),
    )
    op.create_table(
        "salts",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("salt_id", sa.String(length=40), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("memory_kib", sa.Integer(), nullable=False),
        sa.Column("iterations", sa.Integer(), nullable=False),
        sa.Column("lanes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("site", "salt_id"),
    )
    op.create_table(
        "sample_batches",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("journal", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_index("sample_batches_by_time", "sample_batches", ["site", "base"], unique=False)
    op.create_table(
        "series",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("series", sa.String(length=40), nullable=False),
        sa.Column("device", sa.String(length=40), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("quantity", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("max_silence_s", sa.Integer(), nullable=False),
        sa.Column("last_value", sa.Float(), nullable=True),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "agent", "series"),
    )
    op.create_table(
        "sessions",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "token_hash"),
    )
    op.create_table(
        "spaces",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.String(length=200), nullable=False),
        sa.Column("evidence_at", sa.BigInteger(), nullable=True),
        sa.Column("level_db", sa.Float(), nullable=True),
        sa.Column("level_coverage", sa.Float(), nullable=True),
        sa.Column("level_at", sa.BigInteger(), nullable=True),
        sa.Column("limit_db", sa.Float(), nullable=True),
        sa.Column("quiet", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("site", "space"),
    )
    op.create_table(
        "usage",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("booking", sa.String(length=32), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("arrived_at", sa.BigInteger(), nullable=True),
        sa.Column("left_at", sa.BigInteger(), nullable=True),
        sa.Column("occupied_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unknown_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("overstay_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "booking"),
    )
    op.create_table(
        "users",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("password", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "name"),
    )
