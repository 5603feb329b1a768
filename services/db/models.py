"""Every table. Amounts are `_micros`, instants are `_at` (UTC, stored as text with microseconds), ids 32 hex digits.

The offerings' integer id is their rank in popularity order, so that "the first 24 hits" needs no sort (LIMITS).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(sa.TypeDecorator[datetime]):
    """Aware UTC datetimes on every database; naive values are refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy reads this class attribute
        str: sa.Text,
        int: sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        datetime: UtcDateTime,
        dict[str, Any]: sa.JSON,
        list[Any]: sa.JSON,
    }
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


# Partial indexes: what is looked for all the time is a few rows of many.
_IS_PENDING = sa.text("state IN ('pending-provider', 'pending-consumer')")
_IS_OPEN = sa.text("done_at IS NULL")


def _id() -> Mapped[str]:
    return mapped_column(sa.Text, primary_key=True)


def prefix_index(name: str, column: str) -> sa.Index:
    """What `portable.begins` reads on PostgreSQL, whose other indexes sort letters as a language does; on SQLite there
    is none, because there it reads the unique index of the column."""
    return sa.Index(name, column, postgresql_ops={column: "text_pattern_ops"}, info={"dialect": "postgresql"})


class Meta(Base):
    """Small facts about this database: the loaded catalogue's digest, counters."""

    __tablename__ = "meta"
    key: Mapped[str] = _id()
    value: Mapped[str]


class CategoryRow(Base):
    __tablename__ = "categories"
    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(unique=True)
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    description: Mapped[str]
    icon: Mapped[str]
    hue: Mapped[int]


class VendorRow(Base):
    __tablename__ = "vendors"
    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(unique=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    country: Mapped[str]
    city: Mapped[str]
    is_verified: Mapped[bool]
    since: Mapped[int]
    about: Mapped[str]
    support_email: Mapped[str]


class OfferingRow(Base):
    __tablename__ = "offerings"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uuid: Mapped[str] = mapped_column(unique=True)
    slug: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    name: Mapped[str]
    tagline: Mapped[str]
    vendor_id: Mapped[int] = mapped_column(sa.ForeignKey("vendors.id"))
    category_id: Mapped[int] = mapped_column(sa.ForeignKey("categories.id"))
    rating: Mapped[float]
    review_count: Mapped[int]
    tags: Mapped[list[Any]]
    billing_models: Mapped[list[Any]]
    from_price_micros: Mapped[int]
    per_call_micros: Mapped[int | None]
    per_call_units: Mapped[int | None]
    currency: Mapped[str]
    created_at: Mapped[datetime]
    sort_rating: Mapped[int]  # minus hundredths, so that an ascending index gives the best first
    sort_name: Mapped[str]  # case-folded
    sort_newest: Mapped[int]  # minus the day number
    content: Mapped[dict[str, Any]]  # texts of the agent page; never filtered on
    is_active: Mapped[bool] = mapped_column(default=True)
    __table_args__ = (
        sa.Index("ix_offerings_category_id", "category_id", "id"),
        sa.Index("ix_offerings_from_price", "from_price_micros", "id"),
        sa.Index("ix_offerings_sort_rating", "sort_rating", "id"),
        sa.Index("ix_offerings_sort_name", "sort_name", "id"),
        sa.Index("ix_offerings_sort_newest", "sort_newest", "id"),
    )


class OfferingFacet(Base):
    """One row per value an offering can be filtered by; also gives the counts. Written with the catalogue."""

    __tablename__ = "offering_facets"
    facet: Mapped[str] = _id()  # billing_model | kind | tag | vendor | category
    value: Mapped[str] = _id()
    offering_id: Mapped[int] = mapped_column(
        sa.ForeignKey("offerings.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class FacetCount(Base):
    """How many offerings carry a facet value; maintained when the catalogue is written (LIMITS: 0.04 ms)."""

    __tablename__ = "facet_counts"
    facet: Mapped[str] = _id()
    value: Mapped[str] = _id()
    count: Mapped[int]


class PlanRow(Base):
    __tablename__ = "plans"
    uuid: Mapped[str] = _id()
    offering_id: Mapped[int] = mapped_column(sa.ForeignKey("offerings.id"), index=True)
    position: Mapped[int]
    slug: Mapped[str]
    name: Mapped[str]
    billing_model: Mapped[str]
    monthly_micros: Mapped[int | None]
    list_monthly_micros: Mapped[int | None]
    currency: Mapped[str]
    included_calls: Mapped[int | None]
    overage_micros: Mapped[int | None]
    overage_units: Mapped[int | None]
    overage_policy: Mapped[str]
    points: Mapped[list[Any]]
    badge: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)
    trial_days: Mapped[int] = mapped_column(server_default="0")


class BundleItem(Base):
    __tablename__ = "bundle_items"
    bundle_id: Mapped[int] = mapped_column(sa.ForeignKey("offerings.id"), primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    offering_id: Mapped[int] = mapped_column(sa.ForeignKey("offerings.id"))


class PassageRow(Base):
    __tablename__ = "passages"
    offering_id: Mapped[int] = mapped_column(sa.ForeignKey("offerings.id"), primary_key=True, autoincrement=False)
    passage_id: Mapped[str] = _id()
    position: Mapped[int]
    title: Mapped[str]
    text: Mapped[str]
    questions: Mapped[list[Any]]


class User(Base):
    __tablename__ = "users"
    uuid: Mapped[str] = _id()
    email: Mapped[str] = mapped_column(unique=True)  # normalized
    full_name: Mapped[str]
    password_hash: Mapped[str]
    failed_sign_ins: Mapped[int] = mapped_column(default=0)
    paused_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    is_staff: Mapped[bool] = mapped_column(server_default=sa.false())
    __table_args__ = (prefix_index("ix_users_email_begins", "email"),)


class SessionRow(Base):
    __tablename__ = "sessions"
    token_hash: Mapped[str] = _id()
    user_uuid: Mapped[str] = mapped_column(sa.ForeignKey("users.uuid"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class OrganizationRow(Base):
    __tablename__ = "organizations"
    uuid: Mapped[str] = _id()
    name: Mapped[str]
    created_at: Mapped[datetime]


class Membership(Base):
    __tablename__ = "memberships"
    user_uuid: Mapped[str] = mapped_column(sa.ForeignKey("users.uuid"), primary_key=True)
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"), primary_key=True)
    role: Mapped[str]  # Waldur's names: CUSTOMER.OWNER, CUSTOMER.MANAGER


class ProjectRow(Base):
    __tablename__ = "projects"
    uuid: Mapped[str] = _id()
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"))
    name: Mapped[str]
    created_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("organization_uuid", "name"),)


class CartRow(Base):
    """One cart per owner: "user:<uuid>" or "device:<sha256 of the device token>"."""

    __tablename__ = "carts"
    owner: Mapped[str] = _id()
    offering_uuid: Mapped[str]
    plan_uuid: Mapped[str]
    billing_cycle: Mapped[str]
    draft: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class OrderRow(Base):
    __tablename__ = "orders"
    uuid: Mapped[str] = _id()
    number: Mapped[str | None] = mapped_column(unique=True)
    state: Mapped[str]
    user_uuid: Mapped[str] = mapped_column(sa.ForeignKey("users.uuid"), index=True)
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"))
    project_uuid: Mapped[str] = mapped_column(sa.ForeignKey("projects.uuid"))
    offering_id: Mapped[int] = mapped_column(sa.ForeignKey("offerings.id"))
    plan_uuid: Mapped[str] = mapped_column(sa.ForeignKey("plans.uuid"))
    offering_name: Mapped[str]
    plan_name: Mapped[str]
    billing_cycle: Mapped[str]
    lines: Mapped[list[Any]]
    total_micros: Mapped[int]
    refunded_micros: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str]
    paid_with: Mapped[str]
    error_code: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    renews_at: Mapped[datetime | None]
    request: Mapped[dict[str, Any]] = mapped_column(server_default="{}")  # coupon, trial, tax, how it is paid
    __table_args__ = (
        sa.Index("ix_orders_open", "state", sqlite_where=_IS_PENDING, postgresql_where=_IS_PENDING),
        sa.CheckConstraint("total_micros >= 0", name="total_not_negative"),
        sa.CheckConstraint("refunded_micros BETWEEN 0 AND total_micros", name="refund_within_total"),
    )


class PaymentRow(Base):
    """The latest attempt to charge an order; one row an order. `key` is derived from the order and the number of the
    attempt, and stored before anything is sent, with all that is `sent`: the same key must always carry the same."""

    __tablename__ = "payments"
    key: Mapped[str] = _id()
    order_uuid: Mapped[str] = mapped_column(sa.ForeignKey("orders.uuid"), index=True)
    attempt: Mapped[int] = mapped_column(server_default="1")
    provider: Mapped[str] = mapped_column(server_default="")  # "": there was only one
    method: Mapped[str] = mapped_column(server_default="card")
    sent: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    state: Mapped[str]  # as services.api.types.PaymentState
    provider_token: Mapped[str]
    charge_id: Mapped[str] = mapped_column(default="")
    action_url: Mapped[str] = mapped_column(default="")
    amount_micros: Mapped[int]
    currency: Mapped[str]
    leased_until: Mapped[datetime]  # until then somebody is waiting for the provider; afterwards the sweep may act
    expires_at: Mapped[datetime | None]  # of its page
    capture_at: Mapped[datetime | None]  # of what is only held: until then it can be taken back
    created_at: Mapped[datetime]


class RefundRow(Base):
    __tablename__ = "refunds"
    key: Mapped[str] = _id()
    order_uuid: Mapped[str] = mapped_column(sa.ForeignKey("orders.uuid"), index=True)
    resource_uuid: Mapped[str | None]
    provider: Mapped[str] = mapped_column(server_default="")
    charge_id: Mapped[str]
    amount_micros: Mapped[int]
    currency: Mapped[str]
    state: Mapped[str]  # sent | done
    created_at: Mapped[datetime]


class IdempotencyKey(Base):
    __tablename__ = "idempotency_keys"
    scope: Mapped[str] = _id()  # the user
    key: Mapped[str] = _id()
    request_hash: Mapped[str]
    order_uuid: Mapped[str] = mapped_column(sa.ForeignKey("orders.uuid"))
    created_at: Mapped[datetime]


class PaymentCard(Base):
    """A card, bank account or PayPal account kept at a provider; we hold its token and what may be shown of it."""

    __tablename__ = "payment_cards"
    token: Mapped[str] = _id()
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"), index=True)
    provider: Mapped[str] = mapped_column(server_default="")
    method: Mapped[str] = mapped_column(server_default="card")
    email: Mapped[str] = mapped_column(server_default="")
    provider_token: Mapped[str]
    brand: Mapped[str]
    last4: Mapped[str]
    exp_month: Mapped[int]
    exp_year: Mapped[int]
    is_default: Mapped[bool]
    created_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("organization_uuid", "provider_token"),)


class ResourceRow(Base):
    __tablename__ = "resources"
    uuid: Mapped[str] = _id()
    order_uuid: Mapped[str] = mapped_column(sa.ForeignKey("orders.uuid"), index=True)
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"), index=True)
    project_uuid: Mapped[str] = mapped_column(sa.ForeignKey("projects.uuid"))
    offering_id: Mapped[int] = mapped_column(sa.ForeignKey("offerings.id"))
    plan_uuid: Mapped[str] = mapped_column(sa.ForeignKey("plans.uuid"))
    name: Mapped[str]
    greeting: Mapped[str]
    state: Mapped[str]
    steps: Mapped[list[Any]]
    failure: Mapped[str] = mapped_column(default="")
    price_micros: Mapped[int]  # this resource's share of what the order paid
    currency: Mapped[str]
    created_at: Mapped[datetime]


class Job(Base):
    """Work owed by the program itself, claimed with a lease so that a crash cannot lose it."""

    __tablename__ = "jobs"
    key: Mapped[str] = _id()
    kind: Mapped[str]
    subject_uuid: Mapped[str]
    run_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
    __table_args__ = (sa.Index("ix_jobs_due", "run_at", sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),)


class ChatMessageRow(Base):
    """`owner` holds whose sample it is while `resource_uuid` is still null."""

    __tablename__ = "chat_messages"
    seq: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(unique=True)
    resource_uuid: Mapped[str | None] = mapped_column(sa.ForeignKey("resources.uuid"))
    owner: Mapped[str]
    offering_uuid: Mapped[str]
    role: Mapped[str]
    text: Mapped[str]
    band: Mapped[str | None]
    sources: Mapped[list[Any]]
    choices: Mapped[list[Any]]
    is_sample: Mapped[bool]
    call_key: Mapped[str]
    cost_micros: Mapped[int | None]
    created_at: Mapped[datetime]
    __table_args__ = (
        sa.Index("ix_chat_messages_resource", "resource_uuid", "seq"),
        sa.Index("ix_chat_messages_sample", "owner", "offering_uuid", "seq"),
    )


class UsageEvent(Base):
    """One call: reserved before the agent is asked, settled with its answer, removed when it failed."""

    __tablename__ = "usage_events"
    source: Mapped[str] = _id()
    id: Mapped[str] = _id()
    resource_uuid: Mapped[str] = mapped_column(sa.ForeignKey("resources.uuid"))
    meter: Mapped[str]
    quantity: Mapped[int]
    at: Mapped[datetime]
    purpose: Mapped[str]
    state: Mapped[str]  # reserved | settled
    cost_micros: Mapped[int]
    currency: Mapped[str]
    paid_from: Mapped[str] = mapped_column(server_default="invoice")  # included | wallet | invoice | test
    would_cost_micros: Mapped[int] = mapped_column(server_default="0")  # of a test call
    key_uuid: Mapped[str] = mapped_column(server_default="")  # the key it came by; an agent's own is its resource
    user_uuid: Mapped[str] = mapped_column(server_default="")
    recorded_at: Mapped[datetime | None]  # when we learnt of it; later than `at` for late usage
    invoice_uuid: Mapped[str] = mapped_column(server_default="")  # the one that billed it
    __table_args__ = (
        sa.Index("ix_usage_events_resource", "resource_uuid", "at"),
        sa.Index("ix_usage_events_invoice", "invoice_uuid"),
    )


class UsageTotal(Base):
    """Calls and cost per resource and period; always the sum of that period's events."""

    __tablename__ = "usage_totals"
    resource_uuid: Mapped[str] = mapped_column(sa.ForeignKey("resources.uuid"), primary_key=True)
    period_start: Mapped[datetime] = mapped_column(primary_key=True)
    calls: Mapped[int]
    cost_micros: Mapped[int]


class QuoteRow(Base):
    __tablename__ = "quotes"
    uuid: Mapped[str] = _id()
    owner: Mapped[str]
    offering_id: Mapped[int] = mapped_column(sa.ForeignKey("offerings.id"))
    plan_uuid: Mapped[str] = mapped_column(sa.ForeignKey("plans.uuid"))
    email: Mapped[str]
    message: Mapped[str]
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(server_default="requested")
    terms: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    order_uuid: Mapped[str] = mapped_column(server_default="")
    answered_at: Mapped[datetime | None]


class FunnelRow(Base):
    __tablename__ = "funnel_events"
    seq: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(index=True)
    step: Mapped[str]
    offering_uuid: Mapped[str]
    at: Mapped[datetime]
