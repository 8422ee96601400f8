"""Alembic runs this for every migration; `schema.upgrade` gives it the connection and its transaction."""

from __future__ import annotations

from alembic import context

from headwater_server.store import tables
from headwater_server.store.schema import VERSION_TABLE

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=tables.metadata,
    version_table=VERSION_TABLE,
    # MySQL commits every statement that changes the schema, so a migration must bear to be run twice.
    transactional_ddl=connection.dialect.name in ("sqlite", "postgresql"),
)
with context.begin_transaction():
    context.run_migrations()
