"""The caretakers' desk: what its pages keep. Each group of lines belongs to one room of pages."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the desk keeps."""
    # why a door was asked to do something
    op.add_column("commands", sa.Column("reason", sa.String(length=200), nullable=True))
    # what a space has tonight, without its history
    op.create_index("bookings_by_space", "bookings", ["site", "space", "end"], unique=False)
    # what becomes of alerts
    op.add_column("alerts", sa.Column("version", sa.Integer(), server_default="0", nullable=False))
    op.add_column("alerts", sa.Column("paused_until", sa.BigInteger(), nullable=True))
    op.add_column("alerts", sa.Column("assigned", sa.String(length=80), nullable=True))
    op.add_column("alerts", sa.Column("asked", sa.Text(), nullable=True))
    op.add_column("alerts", sa.Column("due", sa.BigInteger(), nullable=True))
    op.create_table(
        "alert_acts",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("alert", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.String(length=12), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=True),
        sa.Column("person", sa.String(length=80), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("comment", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("site", "alert", "seq"),
    )
    op.create_index("alert_acts_by_time", "alert_acts", ["site", "at"], unique=False)
    op.create_table(
        "notices",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("notice", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("alert", sa.String(length=32), nullable=True),
        sa.Column("day", sa.String(length=10), nullable=True),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "notice"),
    )
    op.create_index("notices_by_state", "notices", ["site", "state", "due"], unique=False)
    op.create_index("notices_by_time", "notices", ["site", "created"], unique=False)
    op.create_index("notices_by_alert", "notices", ["site", "alert"], unique=False)
    op.create_table(
        "push_subscriptions",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("subscription", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("p256dh", sa.String(length=100), nullable=False),
        sa.Column("auth", sa.String(length=40), nullable=False),
        sa.Column("device", sa.String(length=120), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "subscription"),
    )
    op.create_index("push_subscriptions_by_person", "push_subscriptions", ["site", "person"], unique=False)
    # people who log in
    for name in ("disabled", "seen", "changed"):
        op.add_column("users", sa.Column(name, sa.BigInteger(), nullable=True))
    for name, length in (("mail", 254), ("language", 2), ("theme", 5), ("issuer", 200), ("subject", 255)):
        op.add_column("users", sa.Column(name, sa.String(length=length), nullable=True))
    op.add_column("users", sa.Column("sites", sa.Text(), nullable=True))
    for name in ("seen", "idle_at"):
        op.add_column("sessions", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("sessions", sa.Column("device", sa.String(length=80), nullable=True))
    op.add_column("sessions", sa.Column("via", sa.String(length=8), nullable=True))
    op.add_column("agents", sa.Column("journals", sa.Text(), nullable=True))
    op.create_table(
        "account_links",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("link_hash", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "link_hash"),
    )
    op.create_table(
        "setup_steps",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "step"),
    )
    # what each hour of a space was
    op.create_table(
        "hours",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("week", sa.BigInteger(), nullable=False),
        sa.Column("figures", sa.LargeBinary(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.Column("known", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "space", "week"),
    )
    op.create_table(
        "hours_through",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "space"),
    )
    op.create_table(
        "hours_due",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("replay", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("site", "space", "hour"),
    )
    op.create_index("hours_due_by_time", "hours_due", ["site", "due"], unique=False)
    op.create_table(
        "hours_booked",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("booking", sa.String(length=32), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "booking"),
    )
    op.create_index("hours_booked_by_end", "hours_booked", ["site", "space", "end"], unique=False)
    op.create_table(
        "presence_found",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("site", "space", "start"),
    )
    # what other people's tools are given
    op.create_table(
        "calendar_links",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("link", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=True),
        sa.Column("titles", sa.Boolean(), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("read", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "link"),
    )
    op.create_index("calendar_links_by_token", "calendar_links", ["token_hash"], unique=True)
    op.create_table(
        "webhooks",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("hook", sa.String(length=32), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("old_secret", sa.LargeBinary(), nullable=True),
        sa.Column("old_until", sa.BigInteger(), nullable=True),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=True),
        sa.Column("failing", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("site", "hook"),
    )
    op.create_table(
        "posts",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("hook", sa.String(length=32), nullable=False),
        sa.Column("event", sa.String(length=8), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("post", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "hook", "event", "subject"),
    )
    op.create_index("posts_by_due", "posts", ["site", "due"], unique=False)
    op.create_index("posts_by_time", "posts", ["site", "at"], unique=False)
