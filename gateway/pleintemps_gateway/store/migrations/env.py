"""Alembic's entry: runs the revisions inside the connection that ``store.engine.migrate`` has opened."""

from alembic import context

from pleintemps_gateway.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
