"""Schema, migrations, the writer and queries: SQLAlchemy Core over SQLite or PostgreSQL."""
