"""Bookings that become codes: contacts, groups, rights, deliveries, webhooks, the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the booking side keeps."""
    op.create_table(
        "audit",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("fields", sa.Text(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("site", "seq"),
    )
    op.create_index("audit_by_subject", "audit", ["site", "subject"], unique=False)
    op.create_index("audit_by_time", "audit", ["site", "at"], unique=False)
    op.create_table(
        "audit_heads",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.Column("kid", sa.String(length=16), nullable=False),
        sa.Column("signature", sa.String(length=88), nullable=False),
        sa.PrimaryKeyConstraint("site", "seq"),
    )
    op.create_table(
        "calls",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("booking", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "key"),
    )
    op.create_index("calls_by_time", "calls", ["site", "at"], unique=False)
    op.create_index("calls_by_booking", "calls", ["site", "booking"], unique=False)
    op.create_table(
        "contacts",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("booking", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("mail", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.PrimaryKeyConstraint("site", "booking"),
    )
    op.create_table(
        "deliveries",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("delivery", sa.String(length=32), nullable=False),
        sa.Column("booking", sa.String(length=32), nullable=True),
        sa.Column("right", sa.String(length=32), nullable=True),
        sa.Column("template", sa.String(length=24), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "delivery"),
    )
    op.create_index("deliveries_by_booking", "deliveries", ["site", "booking"], unique=False)
    op.create_index("deliveries_by_state", "deliveries", ["site", "state", "due"], unique=False)
    op.create_table(
        "erasures",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("erasure", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "erasure"),
    )
    op.create_index("erasures_by_mark", "erasures", ["site", "kind", "mark"], unique=False)
    op.create_table(
        "groups",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("group", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("contact", sa.String(length=200), nullable=False),
        sa.Column("mail", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("convention_until", sa.BigInteger(), nullable=True),
        sa.Column("insurance_until", sa.BigInteger(), nullable=True),
        sa.Column("briefed", sa.BigInteger(), nullable=True),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.Column("reminded", sa.BigInteger(), nullable=True),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "group"),
    )
    op.create_table(
        "hooked",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("feed", sa.String(length=40), nullable=False),
        sa.Column("uid", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "feed", "uid"),
    )
    op.create_table(
        "rights",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("right", sa.String(length=32), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("mail", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("spaces", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("extended", sa.Boolean(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "right"),
    )
    op.create_table(
        "space_secrets",
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("space", sa.String(length=40), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site", "space"),
    )
    op.add_column("bookings", sa.Column("group", sa.String(length=40), nullable=True))
    op.add_column("bookings", sa.Column("withheld", sa.String(length=24), nullable=True))
    op.add_column("bookings", sa.Column("override_by", sa.String(length=80), nullable=True))
    op.add_column("bookings", sa.Column("override_reason", sa.String(length=300), nullable=True))
    op.add_column("bookings", sa.Column("planned_end", sa.BigInteger(), nullable=True))
    op.add_column("bookings", sa.Column("released", sa.BigInteger(), nullable=True))
    op.add_column("bookings", sa.Column("left", sa.BigInteger(), nullable=True))
    op.add_column("bookings", sa.Column("warned", sa.BigInteger(), nullable=True))
    op.add_column("bookings", sa.Column("kept", sa.BigInteger(), nullable=True))
    op.add_column("credentials", sa.Column("right", sa.String(length=32), nullable=True))
    op.add_column(
        "credentials", sa.Column("purpose", sa.String(length=12), server_default="main", nullable=False)
    )
    op.add_column("credentials", sa.Column("label", sa.String(length=80), nullable=True))
    op.add_column("credentials", sa.Column("once", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("credentials", sa.Column("duress", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(
        "credentials", sa.Column("extended", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("credentials", sa.Column("start", sa.BigInteger(), nullable=True))
    op.add_column("credentials", sa.Column("end", sa.BigInteger(), nullable=True))
    op.add_column("credentials", sa.Column("index", sa.Integer(), nullable=True))
    op.add_column("credentials", sa.Column("digits", sa.Integer(), nullable=True))
    op.create_index("credentials_by_end", "credentials", ["site", "end"], unique=False)
    op.create_index("credentials_by_right", "credentials", ["site", "right"], unique=False)
    op.add_column("grants", sa.Column("windows", sa.Text(), nullable=True))
    op.add_column("grants", sa.Column("schedule", sa.String(length=40), nullable=True))
