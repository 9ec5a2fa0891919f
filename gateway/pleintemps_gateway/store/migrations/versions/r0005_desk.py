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
