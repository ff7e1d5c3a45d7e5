"""Alembic's environment: runs on the connection that app.migrate hands over, or on the settings' database.

With each step it is written which code may still run: the oldest that might before, or what the step's `OLDEST_CODE` says (a
migration that takes something away names the code that no longer used it).
"""

from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script

from app.migrate import load_tables
from shared.revision import schema_compat


def note_compatible(ctx: MigrationContext, step: MigrationInfo, *_: Any, **__: Any) -> None:
    """Writes the row of a step, in its transaction."""
    conn = ctx.connection
    if conn is None or not sa.inspect(conn).has_table(schema_compat.name):
        return
    revision = step.up_revision
    assert isinstance(revision, Script)
    before = conn.execute(sa.select(sa.func.max(schema_compat.c.oldest_code))).scalar()
    oldest = getattr(revision.module, "OLDEST_CODE", None) or before or revision.revision
    conn.execute(sa.delete(schema_compat).where(schema_compat.c.revision == revision.revision))
    conn.execute(sa.insert(schema_compat).values(revision=revision.revision, oldest_code=oldest))


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
    on_version_apply=note_compatible,
)
with context.begin_transaction():
    context.run_migrations()
