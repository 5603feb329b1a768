"""first minute"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.db.models import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "carts",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("offering_uuid", sa.Text(), nullable=False),
        sa.Column("plan_uuid", sa.Text(), nullable=False),
        sa.Column("billing_cycle", sa.Text(), nullable=False),
        sa.Column("draft", sa.JSON(), nullable=False),
        sa.Column("updated_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_carts")),
    )
    op.create_table(
        "categories",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("icon", sa.Text(), nullable=False),
        sa.Column("hue", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_categories")),
        sa.UniqueConstraint("slug", name=op.f("uq_categories_slug")),
        sa.UniqueConstraint("uuid", name=op.f("uq_categories_uuid")),
    )
    op.create_table(
        "facet_counts",
        sa.Column("facet", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("facet", "value", name=op.f("pk_facet_counts")),
    )
    op.create_table(
        "funnel_events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("offering_uuid", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_funnel_events")),
    )
    with op.batch_alter_table("funnel_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_funnel_events_owner"), ["owner"], unique=False)

    op.create_table(
        "jobs",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_uuid", sa.Text(), nullable=False),
        sa.Column("run_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("leased_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("done_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        is_open = sa.text("done_at IS NULL")
        batch_op.create_index("ix_jobs_due", ["run_at"], unique=False, sqlite_where=is_open, postgresql_where=is_open)

    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
        "organizations",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_organizations")),
    )
    op.create_table(
        "users",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("failed_sign_ins", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("paused_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "vendors",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("is_verified", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("support_email", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vendors")),
        sa.UniqueConstraint("slug", name=op.f("uq_vendors_slug")),
        sa.UniqueConstraint("uuid", name=op.f("uq_vendors_uuid")),
    )
    op.create_table(
        "memberships",
        sa.Column("user_uuid", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_memberships_organization_uuid")
        ),
        sa.ForeignKeyConstraint(["user_uuid"], ["users.uuid"], name=op.f("fk_memberships_user_uuid")),
        sa.PrimaryKeyConstraint("user_uuid", "organization_uuid", name=op.f("pk_memberships")),
    )
    op.create_table(
        "offerings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tagline", sa.Text(), nullable=False),
        sa.Column("vendor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("category_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rating", sa.Double(), nullable=False),
        sa.Column("review_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("billing_models", sa.JSON(), nullable=False),
        sa.Column("from_price_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("per_call_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("per_call_units", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("sort_rating", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sort_name", sa.Text(), nullable=False),
        sa.Column("sort_newest", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["category_id"], ["categories.id"], name=op.f("fk_offerings_category_id")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendors.id"], name=op.f("fk_offerings_vendor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offerings")),
        sa.UniqueConstraint("slug", name=op.f("uq_offerings_slug")),
        sa.UniqueConstraint("uuid", name=op.f("uq_offerings_uuid")),
    )
    with op.batch_alter_table("offerings", schema=None) as batch_op:
        batch_op.create_index("ix_offerings_category_id", ["category_id", "id"], unique=False)
        batch_op.create_index("ix_offerings_from_price", ["from_price_micros", "id"], unique=False)
        batch_op.create_index("ix_offerings_sort_name", ["sort_name", "id"], unique=False)
        batch_op.create_index("ix_offerings_sort_newest", ["sort_newest", "id"], unique=False)
        batch_op.create_index("ix_offerings_sort_rating", ["sort_rating", "id"], unique=False)

    op.create_table(
        "payment_cards",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("provider_token", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("exp_month", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("exp_year", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_payment_cards_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_payment_cards")),
        sa.UniqueConstraint("organization_uuid", "provider_token", name=op.f("uq_payment_cards_organization_uuid")),
    )
    with op.batch_alter_table("payment_cards", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_cards_organization_uuid"), ["organization_uuid"], unique=False)

    op.create_table(
        "projects",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_projects_organization_uuid")
        ),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_projects")),
        sa.UniqueConstraint("organization_uuid", "name", name=op.f("uq_projects_organization_uuid")),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("user_uuid", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_uuid"], ["users.uuid"], name=op.f("fk_sessions_user_uuid")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_user_uuid"), ["user_uuid"], unique=False)

    op.create_table(
        "bundle_items",
        sa.Column(
            "bundle_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("offering_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["bundle_id"], ["offerings.id"], name=op.f("fk_bundle_items_bundle_id")),
        sa.ForeignKeyConstraint(["offering_id"], ["offerings.id"], name=op.f("fk_bundle_items_offering_id")),
        sa.PrimaryKeyConstraint("bundle_id", "position", name=op.f("pk_bundle_items")),
    )
    op.create_table(
        "offering_facets",
        sa.Column("facet", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column(
            "offering_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["offerings.id"], name=op.f("fk_offering_facets_offering_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("facet", "value", "offering_id", name=op.f("pk_offering_facets")),
    )
    op.create_table(
        "passages",
        sa.Column(
            "offering_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("passage_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("questions", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["offering_id"], ["offerings.id"], name=op.f("fk_passages_offering_id")),
        sa.PrimaryKeyConstraint("offering_id", "passage_id", name=op.f("pk_passages")),
    )
    op.create_table(
        "plans",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("offering_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("billing_model", sa.Text(), nullable=False),
        sa.Column("monthly_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("list_monthly_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("included_calls", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("overage_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("overage_units", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("overage_policy", sa.Text(), nullable=False),
        sa.Column("points", sa.JSON(), nullable=False),
        sa.Column("badge", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["offering_id"], ["offerings.id"], name=op.f("fk_plans_offering_id")),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_plans")),
    )
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plans_offering_id"), ["offering_id"], unique=False)

    op.create_table(
        "orders",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("user_uuid", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("project_uuid", sa.Text(), nullable=False),
        sa.Column("offering_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_uuid", sa.Text(), nullable=False),
        sa.Column("offering_name", sa.Text(), nullable=False),
        sa.Column("plan_name", sa.Text(), nullable=False),
        sa.Column("billing_cycle", sa.Text(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("total_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("refunded_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("paid_with", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("paid_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("renews_at", UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint("refunded_micros BETWEEN 0 AND total_micros", name=op.f("ck_orders_refund_within_total")),
        sa.CheckConstraint("total_micros >= 0", name=op.f("ck_orders_total_not_negative")),
        sa.ForeignKeyConstraint(["offering_id"], ["offerings.id"], name=op.f("fk_orders_offering_id")),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_orders_organization_uuid")
        ),
        sa.ForeignKeyConstraint(["plan_uuid"], ["plans.uuid"], name=op.f("fk_orders_plan_uuid")),
        sa.ForeignKeyConstraint(["project_uuid"], ["projects.uuid"], name=op.f("fk_orders_project_uuid")),
        sa.ForeignKeyConstraint(["user_uuid"], ["users.uuid"], name=op.f("fk_orders_user_uuid")),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_orders")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            "ix_orders_open",
            ["state"],
            unique=False,
            sqlite_where=sa.text("state IN ('pending-provider', 'pending-consumer')"),
            postgresql_where=sa.text("state IN ('pending-provider', 'pending-consumer')"),
        )
        batch_op.create_index(batch_op.f("ix_orders_user_uuid"), ["user_uuid"], unique=False)

    op.create_table(
        "quotes",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("offering_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_uuid", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["offering_id"], ["offerings.id"], name=op.f("fk_quotes_offering_id")),
        sa.ForeignKeyConstraint(["plan_uuid"], ["plans.uuid"], name=op.f("fk_quotes_plan_uuid")),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_quotes")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("order_uuid", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_uuid"], ["orders.uuid"], name=op.f("fk_idempotency_keys_order_uuid")),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "payments",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("order_uuid", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("provider_token", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=False),
        sa.Column("action_url", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("leased_until", UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_uuid"], ["orders.uuid"], name=op.f("fk_payments_order_uuid")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_payments")),
    )
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payments_order_uuid"), ["order_uuid"], unique=False)

    op.create_table(
        "refunds",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("order_uuid", sa.Text(), nullable=False),
        sa.Column("resource_uuid", sa.Text(), nullable=True),
        sa.Column("charge_id", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_uuid"], ["orders.uuid"], name=op.f("fk_refunds_order_uuid")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_refunds")),
    )
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refunds_order_uuid"), ["order_uuid"], unique=False)

    op.create_table(
        "resources",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("order_uuid", sa.Text(), nullable=False),
        sa.Column("organization_uuid", sa.Text(), nullable=False),
        sa.Column("project_uuid", sa.Text(), nullable=False),
        sa.Column("offering_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_uuid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("greeting", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("price_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["offering_id"], ["offerings.id"], name=op.f("fk_resources_offering_id")),
        sa.ForeignKeyConstraint(["order_uuid"], ["orders.uuid"], name=op.f("fk_resources_order_uuid")),
        sa.ForeignKeyConstraint(
            ["organization_uuid"], ["organizations.uuid"], name=op.f("fk_resources_organization_uuid")
        ),
        sa.ForeignKeyConstraint(["plan_uuid"], ["plans.uuid"], name=op.f("fk_resources_plan_uuid")),
        sa.ForeignKeyConstraint(["project_uuid"], ["projects.uuid"], name=op.f("fk_resources_project_uuid")),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_resources")),
    )
    with op.batch_alter_table("resources", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_resources_order_uuid"), ["order_uuid"], unique=False)
        batch_op.create_index(batch_op.f("ix_resources_organization_uuid"), ["organization_uuid"], unique=False)

    op.create_table(
        "chat_messages",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("resource_uuid", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("offering_uuid", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("band", sa.Text(), nullable=True),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        sa.Column("call_key", sa.Text(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resources.uuid"], name=op.f("fk_chat_messages_resource_uuid")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_chat_messages")),
        sa.UniqueConstraint("uuid", name=op.f("uq_chat_messages_uuid")),
    )
    with op.batch_alter_table("chat_messages", schema=None) as batch_op:
        batch_op.create_index("ix_chat_messages_resource", ["resource_uuid", "seq"], unique=False)
        batch_op.create_index("ix_chat_messages_sample", ["owner", "offering_uuid", "seq"], unique=False)

    op.create_table(
        "usage_events",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("resource_uuid", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resources.uuid"], name=op.f("fk_usage_events_resource_uuid")),
        sa.PrimaryKeyConstraint("source", "id", name=op.f("pk_usage_events")),
    )
    with op.batch_alter_table("usage_events", schema=None) as batch_op:
        batch_op.create_index("ix_usage_events_resource", ["resource_uuid", "at"], unique=False)

    op.create_table(
        "usage_totals",
        sa.Column("resource_uuid", sa.Text(), nullable=False),
        sa.Column("period_start", UtcDateTime(timezone=True), nullable=False),
        sa.Column("calls", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cost_micros", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resources.uuid"], name=op.f("fk_usage_totals_resource_uuid")),
        sa.PrimaryKeyConstraint("resource_uuid", "period_start", name=op.f("pk_usage_totals")),
    )
    _create_search()


# Full-text search. The rows hold no text of their own (contentless); rowid is the offering's id.
SEARCH = {
    "search_text": "name, vendor, tags, category, tagline, body, content='', prefix='1 2 3 4', tokenize='unicode61'",
    "search_titles": "name, content='', prefix='1 2 3', tokenize='unicode61'",
    "search_trigrams": "name, content='', tokenize='trigram'",
}


def _create_search() -> None:
    if _is_postgresql():
        op.execute(
            "CREATE TABLE search_offerings (offering_id BIGINT PRIMARY KEY, titles TSVECTOR NOT NULL, whole TSVECTOR NOT NULL)"
        )
        for column in ("titles", "whole"):
            op.execute(f"CREATE INDEX search_offerings_{column} ON search_offerings USING gin ({column})")
        return
    for table, columns in SEARCH.items():
        op.execute(f"CREATE VIRTUAL TABLE {table} USING fts5({columns})")


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def downgrade() -> None:
    for table in ["search_offerings"] if _is_postgresql() else SEARCH:
        op.execute(f"DROP TABLE {table}")
    op.drop_table("usage_totals")
    with op.batch_alter_table("usage_events", schema=None) as batch_op:
        batch_op.drop_index("ix_usage_events_resource")

    op.drop_table("usage_events")
    with op.batch_alter_table("chat_messages", schema=None) as batch_op:
        batch_op.drop_index("ix_chat_messages_sample")
        batch_op.drop_index("ix_chat_messages_resource")

    op.drop_table("chat_messages")
    with op.batch_alter_table("resources", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_resources_organization_uuid"))
        batch_op.drop_index(batch_op.f("ix_resources_order_uuid"))

    op.drop_table("resources")
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_refunds_order_uuid"))

    op.drop_table("refunds")
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payments_order_uuid"))

    op.drop_table("payments")
    op.drop_table("idempotency_keys")
    op.drop_table("quotes")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_orders_user_uuid"))
        batch_op.drop_index("ix_orders_open", sqlite_where=sa.text("state IN ('pending-provider', 'pending-consumer')"))

    op.drop_table("orders")
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_plans_offering_id"))

    op.drop_table("plans")
    op.drop_table("passages")
    op.drop_table("offering_facets")
    op.drop_table("bundle_items")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sessions_user_uuid"))

    op.drop_table("sessions")
    op.drop_table("projects")
    with op.batch_alter_table("payment_cards", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_cards_organization_uuid"))

    op.drop_table("payment_cards")
    with op.batch_alter_table("offerings", schema=None) as batch_op:
        batch_op.drop_index("ix_offerings_sort_rating")
        batch_op.drop_index("ix_offerings_sort_newest")
        batch_op.drop_index("ix_offerings_sort_name")
        batch_op.drop_index("ix_offerings_from_price")
        batch_op.drop_index("ix_offerings_category_id")

    op.drop_table("offerings")
    op.drop_table("memberships")
    op.drop_table("vendors")
    op.drop_table("users")
    op.drop_table("organizations")
    op.drop_table("meta")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index("ix_jobs_due", sqlite_where=sa.text("done_at IS NULL"))

    op.drop_table("jobs")
    with op.batch_alter_table("funnel_events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_funnel_events_owner"))

    op.drop_table("funnel_events")
    op.drop_table("facet_counts")
    op.drop_table("categories")
    op.drop_table("carts")
