"""money and time: ledger, wallet, subscriptions, invoices, what is due"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.db.models import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What a final invoice may never change: corrections are credit notes (BILLING, "Invoices").
FROZEN = (
    "number", "kind", "organization_uuid", "subscription_uuid", "order_uuid", "corrects_uuid", "details", "taxes",
    "subtotal_micros", "discount_micros", "credit_micros", "tax_micros", "total_micros", "currency", "period_start",
    "period_end", "issued_at",
)  # fmt: skip
KEPT_FOR_EVER = ("ledger_transfers", "ledger_entries")
UNBALANCED = """
    (SELECT COUNT(*) FROM ledger_entries WHERE organization_uuid = NEW.organization_uuid AND seq = NEW.seq) < 2
    OR EXISTS (SELECT 1 FROM ledger_entries WHERE organization_uuid = NEW.organization_uuid AND seq = NEW.seq
               GROUP BY currency HAVING SUM(amount_micros) <> 0)"""
SEALED = """EXISTS (SELECT 1 FROM ledger_transfers
    WHERE organization_uuid = NEW.organization_uuid AND seq = NEW.seq)"""


def _final(row: str) -> str:
    return f"EXISTS (SELECT 1 FROM invoices WHERE uuid = {row}.invoice_uuid AND state <> 'draft')"  # noqa: S608  constants of this file


def _changed(distinct: str, cast: str) -> str:
    changes = [f"OLD.{name}{cast} {distinct} NEW.{name}{cast}" for name in FROZEN]
    return f"OLD.state <> 'draft' AND (NEW.state = 'draft' OR {' OR '.join(changes)})"


def _rules(distinct: str, cast: str) -> list[tuple[str, str, str, str]]:
    """Trigger: name, event, when it refuses, what it says."""
    kept = [
        (f"{table}_no_{event}", f"{event.upper()} ON {table}", "TRUE", f"{table} is append only")
        for table in KEPT_FOR_EVER
        for event in ("update", "delete")
    ]
    return [
        *kept,
        ("ledger_transfers_balance", "INSERT ON ledger_transfers", UNBALANCED, "a transfer must sum to zero"),
        ("ledger_entries_sealed", "INSERT ON ledger_entries", SEALED, "the transfer is sealed"),
        ("invoices_final", "UPDATE ON invoices", _changed(distinct, cast), "a final invoice cannot be changed"),
        ("invoices_kept", "DELETE ON invoices", "OLD.state <> 'draft'", "a final invoice cannot be removed"),
        ("invoice_lines_no_insert", "INSERT ON invoice_lines", _final("NEW"), "the invoice is final"),
        ("invoice_lines_no_update", "UPDATE ON invoice_lines", _final("OLD"), "the invoice is final"),
        ("invoice_lines_no_delete", "DELETE ON invoice_lines", _final("OLD"), "the invoice is final"),
    ]


def _create_triggers() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, event, refused, text in _rules("IS NOT", "") if is_sqlite else _rules("IS DISTINCT FROM", "::text"):
        if is_sqlite:
            op.execute(f"CREATE TRIGGER {name} BEFORE {event} WHEN {refused.replace('TRUE', '1')} "
                       f"BEGIN SELECT RAISE(ABORT, '{text}'); END")  # fmt: skip
            continue
        row = "OLD" if event.startswith("DELETE") else "NEW"
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                   f"IF {refused} THEN RAISE EXCEPTION '{text}' USING ERRCODE = 'integrity_constraint_violation'; "
                   f"END IF; RETURN {row}; END $$")  # fmt: skip
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _drop_functions() -> None:
    if op.get_bind().dialect.name != "sqlite":
        for name, _event, _refused, _text in _rules("", ""):
            op.execute(f"DROP FUNCTION {name}() CASCADE")


def upgrade() -> None:
    op.create_table(
        "command_keys",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("subject_uuid", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_command_keys")),
    )
    op.create_table(
        "coupons",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("percent", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("duration", sa.Text(), nullable=False),
        sa.Column("periods", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("max_total", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("max_per_customer", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("redeemed", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("starts_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("ends_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("offerings", sa.JSON(), nullable=False),
        sa.CheckConstraint("max_total IS NULL OR redeemed <= max_total", name=op.f("ck_coupons_within_max")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_coupons")),
    )
    op.create_table(
        "credit_codes",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("max_total", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("redeemed", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("starts_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("ends_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("valid_days", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("priority", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("max_total IS NULL OR redeemed <= max_total", name=op.f("ck_credit_codes_within_max")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_credit_codes")),
    )
    op.create_table(
        "due_items",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_uuid", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("rank", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("leased_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("done_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_due_items")),
    )
    with op.batch_alter_table("due_items", schema=None) as batch_op:
        batch_op.create_index(
            "ix_due_items_open",
            ["due_at", "rank", "key"],
            unique=False,
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        )
        batch_op.create_index("ix_due_items_subject", ["subject_uuid", "kind"], unique=False)

    op.create_table(
        "happenings",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_happenings")),
        sa.UniqueConstraint("uuid", name=op.f("uq_happenings_uuid")),
    )
    with op.batch_alter_table("happenings", schema=None) as batch_op:
        batch_op.create_index("ix_happenings_organization", ["organization_uuid", "seq"], unique=False)

    op.create_table(
        "number_series",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_number_series")),
    )
    op.create_table(
        "coupon_uses",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("order_uuid", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["code"], ["coupons.code"], name=op.f("fk_coupon_uses_code")),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_coupon_uses_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("code", "organization_uuid", "number", name=op.f("pk_coupon_uses")),
    )
    op.create_table(
        "credit_code_uses",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("grant_uuid", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["code"], ["credit_codes.code"], name=op.f("fk_credit_code_uses_code")),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_credit_code_uses_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("code", "organization_uuid", name=op.f("pk_credit_code_uses")),
    )
    op.create_table(
        "grants",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tax_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("priority", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("effective_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("payment_uuid", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_grants_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_grants")),
    )
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_grants_organization_uuid"), ["organization_uuid"], unique=False)

    op.create_table(
        "holds",
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("shares", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_uuid"], ["organizations.uuid"], name=op.f("fk_holds_organization_uuid")),
        sa.PrimaryKeyConstraint("organization_uuid", "key", name=op.f("pk_holds")),
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index("ix_holds_state", ["state", "expires_at"], unique=False)

    op.create_table(
        "invoices",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("subscription_uuid", sa.Text(), nullable=False),
        sa.Column("order_uuid", sa.Text(), nullable=False),
        sa.Column("corrects_uuid", sa.Text(), nullable=False),
        sa.Column("replaced_by_uuid", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("taxes", sa.JSON(), nullable=False),
        sa.Column("subtotal_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("discount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("credit_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tax_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("total_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("paid_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("credited_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("period_start", UtcDateTime(timezone=True), nullable=True),
        sa.Column("period_end", UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("issued_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("paid_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("paid_with", sa.Text(), nullable=False),
        sa.Column("attempts", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "kind <> 'invoice' OR credited_micros BETWEEN 0 AND total_micros", name=op.f("ck_invoices_credited_within")
        ),
        sa.CheckConstraint(
            "kind = 'credit_note' OR paid_micros BETWEEN 0 AND total_micros", name=op.f("ck_invoices_paid_within")
        ),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_invoices_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_invoices")),
        sa.UniqueConstraint("number", name=op.f("uq_invoices_number")),
    )
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invoices_organization_uuid"), ["organization_uuid"], unique=False)
        batch_op.create_index("ix_invoices_state", ["state", "organization_uuid"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoices_subscription_uuid"), ["subscription_uuid"], unique=False)

    op.create_table(
        "ledger_accounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("balance_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("floor_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "floor_micros IS NULL OR balance_micros >= floor_micros", name=op.f("ck_ledger_accounts_not_below_floor")
        ),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_ledger_accounts_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_accounts")),
        sa.UniqueConstraint(
            "organization_uuid", "kind", "currency", "sub", name=op.f("uq_ledger_accounts_organization_uuid")
        ),
    )
    op.create_table(
        "ledger_heads",
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.Column("wallet_moves", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_ledger_heads_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("organization_uuid", name=op.f("pk_ledger_heads")),
    )
    op.create_table(
        "ledger_transfers",
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("memo", sa.JSON(), nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_ledger_transfers_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("organization_uuid", "seq", name=op.f("pk_ledger_transfers")),
        sa.UniqueConstraint("organization_uuid", "key", name=op.f("uq_ledger_transfers_organization_uuid")),
        sa.UniqueConstraint("uuid", name=op.f("uq_ledger_transfers_uuid")),
    )
    with op.batch_alter_table("ledger_transfers", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_transfers_kind", ["organization_uuid", "kind", "at"], unique=False)

    op.create_table(
        "payment_intents",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subject", sa.JSON(), nullable=False),
        sa.Column("provider_token", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("action_url", sa.Text(), nullable=False),
        sa.Column("invoice_uuid", sa.Text(), nullable=False),
        sa.Column("leased_until", UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_payment_intents_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_payment_intents")),
        sa.UniqueConstraint("key", name=op.f("uq_payment_intents_key")),
    )
    with op.batch_alter_table("payment_intents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_intents_organization_uuid"), ["organization_uuid"], unique=False)
        batch_op.create_index("ix_payment_intents_state", ["state", "leased_until"], unique=False)
        batch_op.create_index(
            "uq_payment_intents_in_flight",
            ["organization_uuid"],
            unique=True,
            sqlite_where=sa.text("purpose = 'auto_top_up' AND state IN ('sent', 'action_required')"),
            postgresql_where=sa.text("purpose = 'auto_top_up' AND state IN ('sent', 'action_required')"),
        )

    op.create_table(
        "spending_caps",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("scope_uuid", sa.Text(), nullable=False),
        sa.Column("window", sa.Text(), nullable=False),
        sa.Column("limit_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("raised_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("raised_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_spending_caps_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_spending_caps")),
        sa.UniqueConstraint("level", "scope_uuid", "window", name=op.f("uq_spending_caps_level")),
    )
    with op.batch_alter_table("spending_caps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_spending_caps_organization_uuid"), ["organization_uuid"], unique=False)

    op.create_table(
        "wallet_settings",
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("alert_threshold_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("is_low", sa.Boolean(), nullable=False),
        sa.Column("auto_is_on", sa.Boolean(), nullable=False),
        sa.Column("auto_threshold_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("auto_target_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("auto_limit_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("auto_token", sa.Text(), nullable=False),
        sa.Column("auto_problem", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_wallet_settings_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("organization_uuid", name=op.f("pk_wallet_settings")),
    )
    op.create_table(
        "cap_totals",
        sa.Column("cap_uuid", sa.Text(), nullable=False),
        sa.Column("window_start", UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("held_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["cap_uuid"], ["spending_caps.uuid"], name=op.f("fk_cap_totals_cap_uuid"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cap_uuid", "window_start", name=op.f("pk_cap_totals")),
    )
    op.create_table(
        "invoice_lines",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("invoice_uuid", sa.Text(), nullable=False),
        sa.Column("parent_uuid", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("unit_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("unit_per", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("amount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("discount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("credit_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("net_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tax_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("period_start", UtcDateTime(timezone=True), nullable=True),
        sa.Column("period_end", UtcDateTime(timezone=True), nullable=True),
        sa.Column("subscription_uuid", sa.Text(), nullable=False),
        sa.Column("resource_uuid", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_uuid"], ["invoices.uuid"], name=op.f("fk_invoice_lines_invoice_uuid")),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_invoice_lines")),
    )
    with op.batch_alter_table("invoice_lines", schema=None) as batch_op:
        batch_op.create_index("ix_invoice_lines_invoice", ["invoice_uuid", "position"], unique=False)

    op.create_table(
        "ledger_entries",
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_micros <> 0", name=op.f("ck_ledger_entries_not_nothing")),
        sa.ForeignKeyConstraint(["account_id"], ["ledger_accounts.id"], name=op.f("fk_ledger_entries_account_id")),
        sa.ForeignKeyConstraint(
            ["organization_uuid", "seq"],
            ["ledger_transfers.organization_uuid", "ledger_transfers.seq"],
            name="fk_ledger_entries_transfer",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("organization_uuid", "seq", "position", name=op.f("pk_ledger_entries")),
    )
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_entries_account", ["account_id", "organization_uuid", "seq"], unique=False)

    op.create_table(
        "subscriptions",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("order_uuid", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("project_uuid", sa.Text(), nullable=False),
        sa.Column("user_uuid", sa.Text(), nullable=False),
        sa.Column("offering_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("offering_name", sa.Text(), nullable=False),
        sa.Column("plan_uuid", sa.Text(), nullable=False),
        sa.Column("billing_model", sa.Text(), nullable=False),
        sa.Column("cycle", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("price_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("anchor_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("period_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("period_start", UtcDateTime(timezone=True), nullable=False),
        sa.Column("period_end", UtcDateTime(timezone=True), nullable=False),
        sa.Column("trial_ends_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("cancel_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("paused_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("resumes_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("pending", sa.JSON(), nullable=False),
        sa.Column("payment_method", sa.Text(), nullable=False),
        sa.Column("payment_token", sa.Text(), nullable=False),
        sa.Column("net_days", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("usage_payment", sa.Text(), nullable=False),
        sa.Column("coupon", sa.JSON(), nullable=False),
        sa.Column("coupon_periods_left", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("paid_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("credited_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unpaid_invoice_uuid", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["offering_id"], ["offerings.id"], name=op.f("fk_subscriptions_offering_id")),
        sa.ForeignKeyConstraint(["order_uuid"], ["orders.uuid"], name=op.f("fk_subscriptions_order_uuid")),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_subscriptions_organization_uuid")
        ),
        sa.ForeignKeyConstraint(["plan_uuid"], ["plans.uuid"], name=op.f("fk_subscriptions_plan_uuid")),
        sa.ForeignKeyConstraint(["project_uuid"], ["projects.uuid"], name=op.f("fk_subscriptions_project_uuid")),
        sa.ForeignKeyConstraint(["user_uuid"], ["users.uuid"], name=op.f("fk_subscriptions_user_uuid")),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint("order_uuid", name=op.f("uq_subscriptions_order_uuid")),
    )
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subscriptions_organization_uuid"), ["organization_uuid"], unique=False)

    op.create_table(
        "subscription_periods",
        sa.Column("subscription_uuid", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("start_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("end_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("plan_uuid", sa.Text(), nullable=False),
        sa.Column("cycle", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("fee_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("invoice_uuid", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_uuid"], ["subscriptions.uuid"], name=op.f("fk_subscription_periods_subscription_uuid")
        ),
        sa.PrimaryKeyConstraint("subscription_uuid", "number", name=op.f("pk_subscription_periods")),
    )
    op.create_table(
        "usage_rollups",
        sa.Column("resource_uuid", sa.Text(), nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("start_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("calls", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cost_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resources.uuid"], name=op.f("fk_usage_rollups_resource_uuid")),
        sa.PrimaryKeyConstraint("resource_uuid", "grain", "start_at", name=op.f("pk_usage_rollups")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("request", sa.JSON(), server_default="{}", nullable=False))

    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "trial_days", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False
            )
        )

    with op.batch_alter_table("quotes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("state", sa.Text(), server_default="requested", nullable=False))
        batch_op.add_column(sa.Column("terms", sa.JSON(), server_default="{}", nullable=False))
        batch_op.add_column(sa.Column("order_uuid", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("answered_at", UtcDateTime(timezone=True), nullable=True))

    with op.batch_alter_table("usage_events", schema=None) as batch_op:
        batch_op.add_column(sa.Column("paid_from", sa.Text(), server_default="invoice", nullable=False))
        batch_op.add_column(
            sa.Column(
                "would_cost_micros",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                server_default="0",
                nullable=False,
            )
        )
        batch_op.add_column(sa.Column("key_uuid", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("user_uuid", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("recorded_at", UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("invoice_uuid", sa.Text(), server_default="", nullable=False))
        batch_op.create_index("ix_usage_events_invoice", ["invoice_uuid"], unique=False)

    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_staff", sa.Boolean(), server_default=sa.false(), nullable=False))
    _create_triggers()


def downgrade() -> None:
    _drop_functions()
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("is_staff")

    with op.batch_alter_table("usage_events", schema=None) as batch_op:
        batch_op.drop_index("ix_usage_events_invoice")
        batch_op.drop_column("invoice_uuid")
        batch_op.drop_column("recorded_at")
        batch_op.drop_column("user_uuid")
        batch_op.drop_column("key_uuid")
        batch_op.drop_column("would_cost_micros")
        batch_op.drop_column("paid_from")

    with op.batch_alter_table("quotes", schema=None) as batch_op:
        batch_op.drop_column("answered_at")
        batch_op.drop_column("order_uuid")
        batch_op.drop_column("terms")
        batch_op.drop_column("state")

    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.drop_column("trial_days")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("request")

    op.drop_table("usage_rollups")
    op.drop_table("subscription_periods")
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subscriptions_organization_uuid"))

    op.drop_table("subscriptions")
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_entries_account")

    op.drop_table("ledger_entries")
    with op.batch_alter_table("invoice_lines", schema=None) as batch_op:
        batch_op.drop_index("ix_invoice_lines_invoice")

    op.drop_table("invoice_lines")
    op.drop_table("cap_totals")
    op.drop_table("wallet_settings")
    with op.batch_alter_table("spending_caps", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_spending_caps_organization_uuid"))

    op.drop_table("spending_caps")
    with op.batch_alter_table("payment_intents", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_payment_intents_in_flight",
            sqlite_where=sa.text("purpose = 'auto_top_up' AND state IN ('sent', 'action_required')"),
            postgresql_where=sa.text("purpose = 'auto_top_up' AND state IN ('sent', 'action_required')"),
        )
        batch_op.drop_index("ix_payment_intents_state")
        batch_op.drop_index(batch_op.f("ix_payment_intents_organization_uuid"))

    op.drop_table("payment_intents")
    with op.batch_alter_table("ledger_transfers", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_transfers_kind")

    op.drop_table("ledger_transfers")
    op.drop_table("ledger_heads")
    op.drop_table("ledger_accounts")
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invoices_subscription_uuid"))
        batch_op.drop_index("ix_invoices_state")
        batch_op.drop_index(batch_op.f("ix_invoices_organization_uuid"))

    op.drop_table("invoices")
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.drop_index("ix_holds_state")

    op.drop_table("holds")
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_grants_organization_uuid"))

    op.drop_table("grants")
    op.drop_table("credit_code_uses")
    op.drop_table("coupon_uses")
    op.drop_table("number_series")
    with op.batch_alter_table("happenings", schema=None) as batch_op:
        batch_op.drop_index("ix_happenings_organization")

    op.drop_table("happenings")
    with op.batch_alter_table("due_items", schema=None) as batch_op:
        batch_op.drop_index("ix_due_items_subject")
        batch_op.drop_index(
            "ix_due_items_open", sqlite_where=sa.text("done_at IS NULL"), postgresql_where=sa.text("done_at IS NULL")
        )

    op.drop_table("due_items")
    op.drop_table("credit_codes")
    op.drop_table("coupons")
    op.drop_table("command_keys")
