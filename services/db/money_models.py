"""The tables of money and time: ledger, wallet, subscriptions, invoices, what is due. Conventions as in `models`.

Ledger rows are written by `services/embedded/money/ledger.py` alone and never changed: triggers of migration 0002
refuse UPDATE and DELETE, a transfer that does not sum to zero per currency, and an entry added to a sealed transfer.
That is why entries are inserted before the transfer they belong to: inserting the transfer seals and checks it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from services.db.models import Base, prefix_index


def _id() -> Mapped[str]:
    return mapped_column(sa.Text, primary_key=True)


def _organization(*, index: bool = False) -> Mapped[str]:
    return mapped_column(sa.ForeignKey("organizations.uuid"), index=index)


_WHERE_OPEN = sa.text("done_at IS NULL")
_WHERE_IN_FLIGHT = sa.text("purpose = 'auto_top_up' AND state IN ('sent', 'action_required', 'processing')")


# ---- ledger


class LedgerAccount(Base):
    """`balance_micros` is kept for floored kinds only, as the guard of a conditional UPDATE; the truth is the sum of
    the entries (BILLING F1). `sub`: the grant of a wallet account, the provider of a clearing account, else ""."""

    __tablename__ = "ledger_accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    organization_uuid: Mapped[str] = _organization()
    kind: Mapped[str]
    currency: Mapped[str]
    sub: Mapped[str] = mapped_column(default="")
    balance_micros: Mapped[int] = mapped_column(default=0)
    floor_micros: Mapped[int | None]
    __table_args__ = (
        sa.UniqueConstraint("organization_uuid", "kind", "currency", "sub"),
        sa.CheckConstraint("floor_micros IS NULL OR balance_micros >= floor_micros", name="not_below_floor"),
    )


class LedgerHead(Base):
    """The end of an organization's chain; updating it serializes the writers of one organization. `wallet_moves`: how
    many of its transfers moved the wallet, so that a long statement knows its length at once."""

    __tablename__ = "ledger_heads"
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"), primary_key=True)
    seq: Mapped[int]
    mac: Mapped[str]
    wallet_moves: Mapped[int] = mapped_column(default=0)


class LedgerTransfer(Base):
    __tablename__ = "ledger_transfers"
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uuid: Mapped[str] = mapped_column(unique=True)
    key: Mapped[str]
    kind: Mapped[str]
    at: Mapped[datetime]
    memo: Mapped[dict[str, Any]]
    mac: Mapped[str]
    __table_args__ = (
        sa.UniqueConstraint("organization_uuid", "key"),
        sa.Index("ix_ledger_transfers_kind", "organization_uuid", "kind", "at"),
    )


class LedgerEntry(Base):
    __tablename__ = "ledger_entries"
    organization_uuid: Mapped[str] = _id()
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(sa.ForeignKey("ledger_accounts.id"))
    amount_micros: Mapped[int]
    currency: Mapped[str]
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["organization_uuid", "seq"],
            ["ledger_transfers.organization_uuid", "ledger_transfers.seq"],
            name="fk_ledger_entries_transfer",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.Index("ix_ledger_entries_account", "account_id", "organization_uuid", "seq"),
        sa.CheckConstraint("amount_micros <> 0", name="not_nothing"),
    )


# ---- wallet


class GrantRow(Base):
    """Credit; what is left of it is the balance of the ledger account whose `sub` is its uuid."""

    __tablename__ = "grants"
    uuid: Mapped[str] = _id()
    organization_uuid: Mapped[str] = _organization(index=True)
    kind: Mapped[str]  # paid | promotional
    source: Mapped[str]
    amount_micros: Mapped[int]
    tax_micros: Mapped[int] = mapped_column(default=0)  # paid on top when it was bought
    currency: Mapped[str]
    priority: Mapped[int]
    effective_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    payment_uuid: Mapped[str] = mapped_column(default="")
    is_frozen: Mapped[bool] = mapped_column(server_default=sa.false())  # while the payment of it is disputed
    created_at: Mapped[datetime]


class WalletSettings(Base):
    __tablename__ = "wallet_settings"
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"), primary_key=True)
    alert_threshold_micros: Mapped[int | None]
    is_low: Mapped[bool] = mapped_column(default=False)
    auto_is_on: Mapped[bool] = mapped_column(default=False)
    auto_threshold_micros: Mapped[int | None]
    auto_target_micros: Mapped[int | None]
    auto_limit_micros: Mapped[int | None]
    auto_token: Mapped[str] = mapped_column(default="")
    auto_problem: Mapped[str] = mapped_column(default="")
    details: Mapped[dict[str, Any]]  # billing details: name, address, country, vat_id, email


class HoldRow(Base):
    """Credit set aside for one call; `key` is that of the usage event."""

    __tablename__ = "holds"
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"), primary_key=True)
    key: Mapped[str] = _id()
    amount_micros: Mapped[int]
    currency: Mapped[str]
    shares: Mapped[list[Any]]  # [grant uuid, micros] in the order they were drawn
    state: Mapped[str]  # held | settled | released
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime]
    __table_args__ = (sa.Index("ix_holds_state", "state", "expires_at"),)


class SpendingCap(Base):
    __tablename__ = "spending_caps"
    uuid: Mapped[str] = _id()
    organization_uuid: Mapped[str] = _organization(index=True)
    level: Mapped[str]
    scope_uuid: Mapped[str]
    window: Mapped[str]
    limit_micros: Mapped[int]
    currency: Mapped[str]
    raised_micros: Mapped[int | None]
    raised_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("level", "scope_uuid", "window"),)


class CapTotal(Base):
    """What a cap's window has used: `used_micros` counts held amounts too, so a conditional UPDATE is exact."""

    __tablename__ = "cap_totals"
    cap_uuid: Mapped[str] = mapped_column(sa.ForeignKey("spending_caps.uuid", ondelete="CASCADE"), primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    used_micros: Mapped[int]
    held_micros: Mapped[int]


class CreditCode(Base):
    """Gift and promotional codes."""

    __tablename__ = "credit_codes"
    code: Mapped[str] = _id()  # upper case
    kind: Mapped[str]
    amount_micros: Mapped[int]
    currency: Mapped[str]
    max_total: Mapped[int | None]
    redeemed: Mapped[int] = mapped_column(default=0)
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    valid_days: Mapped[int | None]  # of the credit, from redeeming
    priority: Mapped[int] = mapped_column(default=0)
    __table_args__ = (sa.CheckConstraint("max_total IS NULL OR redeemed <= max_total", name="within_max"),)


class CreditCodeUse(Base):
    __tablename__ = "credit_code_uses"
    code: Mapped[str] = mapped_column(sa.ForeignKey("credit_codes.code"), primary_key=True)
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"), primary_key=True)
    grant_uuid: Mapped[str]
    at: Mapped[datetime]


class CouponRow(Base):
    """Discounts on orders and renewals."""

    __tablename__ = "coupons"
    code: Mapped[str] = _id()  # upper case
    percent: Mapped[str] = mapped_column(default="")  # decimal text
    amount_micros: Mapped[int | None]
    currency: Mapped[str]
    duration: Mapped[str]  # once | months | forever
    periods: Mapped[int | None]
    max_total: Mapped[int | None]
    max_per_customer: Mapped[int | None]
    redeemed: Mapped[int] = mapped_column(default=0)
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    offerings: Mapped[list[Any]]  # slugs; empty: all
    __table_args__ = (sa.CheckConstraint("max_total IS NULL OR redeemed <= max_total", name="within_max"),)


class CouponUse(Base):
    __tablename__ = "coupon_uses"
    code: Mapped[str] = mapped_column(sa.ForeignKey("coupons.code"), primary_key=True)
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"), primary_key=True)
    number: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False
    )  # 1, 2, ...: per customer, exact in a race
    order_uuid: Mapped[str]
    at: Mapped[datetime]


# ---- payments that do not belong to an order


class PaymentIntent(Base):
    """Intent, then the provider asked with `key`, then the outcome (BILLING F4). Orders have `payments`."""

    __tablename__ = "payment_intents"
    uuid: Mapped[str] = _id()
    key: Mapped[str] = mapped_column(unique=True)  # the provider's idempotency key, from our own row
    organization_uuid: Mapped[str] = _organization(index=True)
    purpose: Mapped[str]  # top_up | auto_top_up | invoice | change | method | refund
    provider: Mapped[str] = mapped_column(server_default="")  # "": there was only one
    method: Mapped[str] = mapped_column(server_default="card")
    sent: Mapped[dict[str, Any]] = mapped_column(server_default="{}")  # what else goes along under the key
    subject: Mapped[dict[str, Any]]  # what to do when it succeeded
    provider_token: Mapped[str]
    charge_id: Mapped[str] = mapped_column(default="")
    amount_micros: Mapped[int]
    currency: Mapped[str]
    state: Mapped[str]  # as services.api.types.PaymentState
    error_code: Mapped[str] = mapped_column(default="")
    action_url: Mapped[str] = mapped_column(default="")
    invoice_uuid: Mapped[str] = mapped_column(default="")
    expires_at: Mapped[datetime | None]  # of its page
    leased_until: Mapped[datetime]
    created_at: Mapped[datetime]
    __table_args__ = (
        sa.Index(
            "uq_payment_intents_in_flight",
            "organization_uuid",
            unique=True,
            sqlite_where=_WHERE_IN_FLIGHT,
            postgresql_where=_WHERE_IN_FLIGHT,
        ),
        sa.Index("ix_payment_intents_state", "state", "leased_until"),
    )


class CommandKey(Base):
    """The answer to a command of a person: same key and content, same answer."""

    __tablename__ = "command_keys"
    scope: Mapped[str] = _id()  # the user
    key: Mapped[str] = _id()
    command: Mapped[str]
    request_hash: Mapped[str]
    subject_uuid: Mapped[str]  # what it made: payment, grant, invoice, subscription
    created_at: Mapped[datetime]


# ---- subscriptions


class SubscriptionRow(Base):
    """One per order. `terms` is the price list as it was agreed; the catalogue may change later. `paid_micros` and
    `credited_micros` are those of the running fee period, before tax, and cap what a change may credit."""

    __tablename__ = "subscriptions"
    uuid: Mapped[str] = _id()
    order_uuid: Mapped[str] = mapped_column(sa.ForeignKey("orders.uuid"), unique=True)
    organization_uuid: Mapped[str] = _organization(index=True)
    project_uuid: Mapped[str] = mapped_column(sa.ForeignKey("projects.uuid"))
    user_uuid: Mapped[str] = mapped_column(sa.ForeignKey("users.uuid"))
    offering_id: Mapped[int] = mapped_column(sa.ForeignKey("offerings.id"))
    offering_name: Mapped[str]
    plan_uuid: Mapped[str] = mapped_column(sa.ForeignKey("plans.uuid"))
    billing_model: Mapped[str]
    cycle: Mapped[str]
    quantity: Mapped[int] = mapped_column(default=1)
    terms: Mapped[dict[str, Any]]
    price_micros: Mapped[int]  # of one cycle, all quantities, before discount and tax
    currency: Mapped[str]
    state: Mapped[str]
    anchor_at: Mapped[datetime]
    zone: Mapped[str] = mapped_column(default="UTC")
    period_index: Mapped[int] = mapped_column(default=0)  # of the running fee period, from the anchor
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    trial_ends_at: Mapped[datetime | None]
    cancel_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    resumes_at: Mapped[datetime | None]
    pending: Mapped[dict[str, Any]]  # {} or the change that takes effect later
    payment_method: Mapped[str]
    payment_token: Mapped[str] = mapped_column(default="")  # our token of a saved card
    net_days: Mapped[int] = mapped_column(default=0)
    usage_payment: Mapped[str]
    coupon: Mapped[dict[str, Any]]  # {} or its terms as they were agreed
    coupon_periods_left: Mapped[int | None]
    paid_micros: Mapped[int] = mapped_column(default=0)
    credited_micros: Mapped[int] = mapped_column(default=0)
    unpaid_invoice_uuid: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class SubscriptionPeriod(Base):
    """What was agreed from when to when: fee periods and the pieces a change cut them into. They tile time."""

    __tablename__ = "subscription_periods"
    subscription_uuid: Mapped[str] = mapped_column(sa.ForeignKey("subscriptions.uuid"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]  # trial | paid | paused | suspended
    start_at: Mapped[datetime]
    end_at: Mapped[datetime]
    plan_uuid: Mapped[str]
    cycle: Mapped[str]
    quantity: Mapped[int]
    terms: Mapped[dict[str, Any]]
    fee_micros: Mapped[int]
    invoice_uuid: Mapped[str] = mapped_column(default="")


# ---- invoices


class NumberSeries(Base):
    """Taken in the transaction that finalises, so that a number is never lost and never given twice."""

    __tablename__ = "number_series"
    name: Mapped[str] = _id()
    last: Mapped[int]


class InvoiceRow(Base):
    __tablename__ = "invoices"
    uuid: Mapped[str] = _id()
    number: Mapped[str | None] = mapped_column(unique=True)
    kind: Mapped[str]  # invoice | credit_note | receipt
    state: Mapped[str]
    organization_uuid: Mapped[str] = _organization(index=True)
    subscription_uuid: Mapped[str] = mapped_column(default="", index=True)
    order_uuid: Mapped[str] = mapped_column(default="")
    corrects_uuid: Mapped[str] = mapped_column(default="")
    replaced_by_uuid: Mapped[str] = mapped_column(default="")
    details: Mapped[dict[str, Any]]
    taxes: Mapped[list[Any]]
    subtotal_micros: Mapped[int]
    discount_micros: Mapped[int]
    credit_micros: Mapped[int]
    tax_micros: Mapped[int]
    total_micros: Mapped[int]
    paid_micros: Mapped[int] = mapped_column(default=0)
    credited_micros: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str]
    period_start: Mapped[datetime | None]
    period_end: Mapped[datetime | None]
    created_at: Mapped[datetime]
    issued_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    paid_with: Mapped[str] = mapped_column(default="")
    attempts: Mapped[list[Any]]  # [instant, state, code]: the dunning calendar
    __table_args__ = (
        sa.Index("ix_invoices_state", "state", "organization_uuid"),
        prefix_index("ix_invoices_number_begins", "number"),
        sa.CheckConstraint("kind <> 'invoice' OR credited_micros BETWEEN 0 AND total_micros", name="credited_within"),
        sa.CheckConstraint("kind = 'credit_note' OR paid_micros BETWEEN 0 AND total_micros", name="paid_within"),
    )


class InvoiceLineRow(Base):
    __tablename__ = "invoice_lines"
    uuid: Mapped[str] = _id()
    invoice_uuid: Mapped[str] = mapped_column(sa.ForeignKey("invoices.uuid"))
    parent_uuid: Mapped[str] = mapped_column(default="")
    position: Mapped[int]
    kind: Mapped[str]
    params: Mapped[dict[str, Any]]
    quantity: Mapped[str]
    unit_micros: Mapped[int | None]
    unit_per: Mapped[int | None]
    amount_micros: Mapped[int]
    discount_micros: Mapped[int] = mapped_column(default=0)  # its share of what was taken off, of a charged line
    credit_micros: Mapped[int] = mapped_column(default=0)
    net_micros: Mapped[int] = mapped_column(default=0)  # amount - discount - credit
    tax_micros: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str]
    period_start: Mapped[datetime | None]
    period_end: Mapped[datetime | None]
    subscription_uuid: Mapped[str] = mapped_column(default="")
    resource_uuid: Mapped[str] = mapped_column(default="")
    __table_args__ = (sa.Index("ix_invoice_lines_invoice", "invoice_uuid", "position"),)


# ---- time


class DueItem(Base):
    """Something time owes: done once, in the order (due_at, rank, key), at its own instant."""

    __tablename__ = "due_items"
    key: Mapped[str] = _id()
    kind: Mapped[str]
    subject_uuid: Mapped[str]
    organization_uuid: Mapped[str]
    due_at: Mapped[datetime]
    rank: Mapped[int]
    params: Mapped[dict[str, Any]]
    leased_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    __table_args__ = (
        sa.Index("ix_due_items_open", "due_at", "rank", "key", sqlite_where=_WHERE_OPEN, postgresql_where=_WHERE_OPEN),
        sa.Index("ix_due_items_subject", "subject_uuid", "kind"),
    )


class HappeningRow(Base):
    __tablename__ = "happenings"
    seq: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(unique=True)
    organization_uuid: Mapped[str]
    at: Mapped[datetime]
    kind: Mapped[str]
    params: Mapped[dict[str, Any]]
    ref: Mapped[str] = mapped_column(default="")
    __table_args__ = (sa.Index("ix_happenings_organization", "organization_uuid", "seq"),)


class UsageRollup(Base):
    """Hourly and daily totals; always the sum of the settled events (a property test says so)."""

    __tablename__ = "usage_rollups"
    resource_uuid: Mapped[str] = mapped_column(sa.ForeignKey("resources.uuid"), primary_key=True)
    grain: Mapped[str] = _id()  # hour | day
    start_at: Mapped[datetime] = mapped_column(primary_key=True)
    calls: Mapped[int]
    cost_micros: Mapped[int]
