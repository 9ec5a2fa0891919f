"""The caretakers' desk: what its pages keep. Each group of lines belongs to one room of pages."""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the desk keeps."""
