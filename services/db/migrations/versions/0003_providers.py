"""providers: pages, saved methods, events, disputes, transfers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.db.models import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BEFORE = sa.text("purpose = 'auto_top_up' AND state IN ('sent', 'action_required')")
_NOW = sa.text("purpose = 'auto_top_up' AND state IN ('sent', 'action_required', 'processing')")


def _in_flight(where: sa.TextClause) -> None:
    """At most one automatic top-up of an organization is under way; a bank debit is, for days."""
    with op.batch_alter_table("payment_intents", schema=None) as batch_op:
        batch_op.drop_index("uq_payment_intents_in_flight")
        batch_op.create_index(
            "uq_payment_intents_in_flight", ["organization_uuid"], unique=True, sqlite_where=where,
            postgresql_where=where,
        )  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "provider_events",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False),
        sa.Column("run_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("received_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", "event_id", name=op.f("pk_provider_events")),
    )
    with op.batch_alter_table("provider_events", schema=None) as batch_op:
        batch_op.create_index(
            "ix_provider_events_new",
            ["run_at"],
            unique=False,
            sqlite_where=sa.text("state = 'new'"),
            postgresql_where=sa.text("state = 'new'"),
        )

    op.create_table(
        "disputes",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("dispute_id", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("invoice_uuid", sa.Text(), nullable=False),
        sa.Column("grant_uuid", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("answer_by", UtcDateTime(timezone=True), nullable=True),
        sa.Column("closed_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_disputes_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_disputes")),
        sa.UniqueConstraint("provider", "dispute_id", name=op.f("uq_disputes_provider")),
    )
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disputes_organization_uuid"), ["organization_uuid"], unique=False)

    op.create_table(
        "provider_customers",
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_provider_customers_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("organization_uuid", "provider", name=op.f("pk_provider_customers")),
    )
    op.create_table(
        "transfers",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_uuid", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("surplus_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("left_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("bank_reference", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("received_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("marked_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("user_uuid", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_micros > 0", name=op.f("ck_transfers_something")),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_transfers_organization_uuid")
        ),
        sa.ForeignKeyConstraint(["user_uuid"], ["users.uuid"], name=op.f("fk_transfers_user_uuid")),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_transfers")),
        sa.UniqueConstraint("bank_reference", name=op.f("uq_transfers_bank_reference")),
    )
    with op.batch_alter_table("transfers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_transfers_reference"), ["reference"], unique=False)
        batch_op.create_index(batch_op.f("ix_transfers_subject_uuid"), ["subject_uuid"], unique=False)

    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_frozen", sa.Boolean(), server_default=sa.false(), nullable=False))

    with op.batch_alter_table("payment_cards", schema=None) as batch_op:
        batch_op.add_column(sa.Column("provider", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("method", sa.Text(), server_default="card", nullable=False))
        batch_op.add_column(sa.Column("email", sa.Text(), server_default="", nullable=False))

    with op.batch_alter_table("payment_intents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("provider", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("method", sa.Text(), server_default="card", nullable=False))
        batch_op.add_column(sa.Column("sent", sa.JSON(), server_default="{}", nullable=False))
        batch_op.add_column(sa.Column("expires_at", UtcDateTime(timezone=True), nullable=True))

    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "attempt", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="1", nullable=False
            )
        )
        batch_op.add_column(sa.Column("provider", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("method", sa.Text(), server_default="card", nullable=False))
        batch_op.add_column(sa.Column("sent", sa.JSON(), server_default="{}", nullable=False))
        batch_op.add_column(sa.Column("expires_at", UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("capture_at", UtcDateTime(timezone=True), nullable=True))

    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.add_column(sa.Column("provider", sa.Text(), server_default="", nullable=False))

    _in_flight(_NOW)


def downgrade() -> None:
    _in_flight(_BEFORE)
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_column("provider")

    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.drop_column("capture_at")
        batch_op.drop_column("expires_at")
        batch_op.drop_column("sent")
        batch_op.drop_column("method")
        batch_op.drop_column("provider")
        batch_op.drop_column("attempt")

    with op.batch_alter_table("payment_intents", schema=None) as batch_op:
        batch_op.drop_column("expires_at")
        batch_op.drop_column("sent")
        batch_op.drop_column("method")
        batch_op.drop_column("provider")

    with op.batch_alter_table("payment_cards", schema=None) as batch_op:
        batch_op.drop_column("email")
        batch_op.drop_column("method")
        batch_op.drop_column("provider")

    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_column("is_frozen")

    with op.batch_alter_table("transfers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_transfers_subject_uuid"))
        batch_op.drop_index(batch_op.f("ix_transfers_reference"))

    op.drop_table("transfers")
    op.drop_table("provider_customers")
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_disputes_organization_uuid"))

    op.drop_table("disputes")
    with op.batch_alter_table("provider_events", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_provider_events_new", sqlite_where=sa.text("state = 'new'"), postgresql_where=sa.text("state = 'new'")
        )

    op.drop_table("provider_events")
