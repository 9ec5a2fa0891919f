"""Schema, migrations, the writer and queries: SQLAlchemy Core over SQLite or PostgreSQL."""

from . import schema_connections as schema_connections
from . import schema_rooms as schema_rooms  # every table is in the one metadata
