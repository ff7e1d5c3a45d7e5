"""Alembic's environment: runs on the connection that app.migrate hands over, or on the settings' database."""

from alembic import context

from app.migrate import load_tables

connection = context.config.attributes.get("connection")
if connection is None:
    from shared.platform import Platform

    connection = Platform().database.engine.connect()
context.configure(
    connection=connection,
    target_metadata=load_tables(),
    compare_type=True,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
