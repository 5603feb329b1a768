"""Runs the migrations on the connection that `services.db.migrate` hands over."""

from __future__ import annotations

from alembic import context

from services.db import money_models, payment_models  # noqa: F401  their tables join the metadata
from services.db.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    transaction_per_migration=True,
    include_object=lambda _object, name, kind, _reflected, _to: (
        not (kind == "table" and (name or "").startswith("search_"))
    ),
)
with context.begin_transaction():
    context.run_migrations()
