"""Runs the migrations on the connection that `services.db.migrate` hands over."""

from __future__ import annotations

from typing import Any

from alembic import context

from services.db import money_models, payment_models  # noqa: F401  their tables join the metadata
from services.db.models import Base


def is_ours(item: Any, name: str | None, kind: str, _reflected: bool, _to: object) -> bool:  # Any: of alembic
    """What is compared with the models: not the tables of the search, which are made by hand, nor an index that
    another database has (`models.prefix_index`)."""
    if kind == "index":
        return bool(item.info.get("dialect", connection.dialect.name) == connection.dialect.name)
    return not (kind == "table" and (name or "").startswith("search_"))


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    transaction_per_migration=True,
    include_object=is_ours,
)
with context.begin_transaction():
    context.run_migrations()
