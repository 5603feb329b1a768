"""prefixes: what begins so is found by an index on PostgreSQL too, whatever language its letters are sorted by"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INDEXES = (("ix_invoices_number_begins", "invoices", "number"), ("ix_users_email_begins", "users", "email"))


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":  # SQLite finds them by the unique index
        for name, table, column in _INDEXES:
            op.create_index(name, table, [column], postgresql_ops={column: "text_pattern_ops"})


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for name, table, _ in reversed(_INDEXES):
            op.drop_index(name, table)
